import { BROWSER_MAP, OS_MAP, parse } from 'bowser';

/** Characters of a User-Agent header that the parser reads. */
const MAX_USER_AGENT = 512;

const BROWSERS = new Set(Object.values(BROWSER_MAP));
const SYSTEMS = new Set(Object.values(OS_MAP));

/**
 * The browser and system that a User-Agent header names, such as `Firefox on Windows`, to help people recognize their
 * sessions. Only known names are kept, so that no other text from the header is stored. Returns `null` if the header
 * names none of them.
 */
export function deviceOf(userAgent: string | undefined): string | null {
  if (!userAgent) return null;
  const { browser, os } = parse(userAgent.slice(0, MAX_USER_AGENT));
  const name = browser.name && BROWSERS.has(browser.name) ? browser.name : null;
  const system = os.name && SYSTEMS.has(os.name) ? os.name : null;
  return name && system ? `${name} on ${system}` : (name ?? system);
}
