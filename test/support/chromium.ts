import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, LaunchOptions } from 'playwright-core';

/** A real Chromium: the one in CHROMIUM, or Debian's. */
export function launchChromium(more: string[] = []): Promise<Browser> {
  return chromium.launch(optionsWith(more));
}

/** A Chromium with a profile, which may contain preferences. */
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
