import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, LaunchOptions } from 'playwright-core';

/** A real Chromium: the one that CHROMIUM names, or Debian's. */
export function launchChromium(more: string[] = []): Promise<Browser> {
  return chromium.launch(optionsWith(more));
}

/** One with a profile, which may hold preferences of its own. */
export function launchChromiumProfile(directory: string, more: string[] = []): Promise<BrowserContext> {
  return chromium.launchPersistentContext(directory, { ...optionsWith(more), ignoreHTTPSErrors: true });
}

function optionsWith(more: string[]): LaunchOptions {
  return {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  };
}
