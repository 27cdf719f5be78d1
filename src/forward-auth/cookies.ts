/** Every cookie of ours: that of a session, in both forms, and those of the sign-in pages. */
const OURS = /^(?:__Host-|__Secure-)?latchkey/;

export interface Cookies {
  /** Ours, by name; of two with one name the first. */
  own: Record<string, string | undefined>;
  /** A Cookie header with all others, letter by letter. */
  rest: string;
}

/** Takes a Cookie header apart. What it says to us is not for the application behind. */
export function separateCookies(header = ''): Cookies {
  const own: Cookies['own'] = {};
  if (!header.includes('latchkey')) return { own, rest: header };
  const others: string[] = [];
  for (const pair of header.split(';')) {
    const text = pair.trim();
    const end = text.indexOf('=');
    if (!OURS.test(text)) others.push(pair);
    else if (end > 0) own[text.slice(0, end).trimEnd()] ??= text.slice(end + 1).trimStart();
  }
  return { own, rest: others.join(';').trim() };
}
