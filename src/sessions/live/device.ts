import { BROWSER_MAP, OS_MAP, parse } from 'bowser';

/** Characters of a User-Agent header that the parser reads. */
const MAX_USER_AGENT = 512;

const BROWSERS = new Set(Object.values(BROWSER_MAP));
const SYSTEMS = new Set(Object.values(OS_MAP));

/** The devices of headers that were parsed: most visitors send one of a few hundred, and parsing tries many patterns. */
const known = new Map<string, string | null>();
const MAX_KNOWN = 1_000;

/**
 * The browser and system that a User-Agent header names, such as `Firefox on Windows`, to help people recognize their
 * sessions. Only known names are kept, so that no other text from the header is stored. Returns `null` if the header
 * names none of them.
 */
export function deviceOf(userAgent: string | undefined): string | null {
  if (!userAgent) return null;
  const read = userAgent.slice(0, MAX_USER_AGENT);
  let device = known.get(read);
  if (device === undefined) {
    device = parseDevice(read);
    if (known.size === MAX_KNOWN) known.clear();
    // A slice would keep the whole header in memory, so the key is a copy.
    known.set(Buffer.from(read).toString(), device);
  }
  return device;
}

function parseDevice(userAgent: string): string | null {
  const { browser, os } = parse(userAgent);
  const name = browser.name && BROWSERS.has(browser.name) ? browser.name : null;
  const system = os.name && SYSTEMS.has(os.name) ? os.name : null;
  return name && system ? `${name} on ${system}` : (name ?? system);
}
