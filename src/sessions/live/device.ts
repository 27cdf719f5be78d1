import { BROWSER_MAP, OS_MAP, parse } from 'bowser';

/** The parser sees no more of a header. */
const MAX_USER_AGENT = 512;

const BROWSERS = new Set(Object.values(BROWSER_MAP));
const SYSTEMS = new Set(Object.values(OS_MAP));

/**
 * What a browser says it is, for people who look for a session of theirs: `Firefox on Windows`. Only names that are known,
 * so that nothing else that somebody sends is kept; `null` if there is none.
 */
export function deviceOf(userAgent: string | undefined): string | null {
  if (!userAgent) return null;
  const { browser, os } = parse(userAgent.slice(0, MAX_USER_AGENT));
  const name = browser.name && BROWSERS.has(browser.name) ? browser.name : null;
  const system = os.name && SYSTEMS.has(os.name) ? os.name : null;
  return name && system ? `${name} on ${system}` : (name ?? system);
}
