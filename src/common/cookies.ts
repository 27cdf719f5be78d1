/** The names of our own cookies begin like this. Case matters. */
const OWN_NAME = /^(?:__Host-)?latchkey/;
/** Names that an application could mistake for ours once it has decoded them and removed odd characters. */
const SIMILAR_NAME = /^(?:__(?:host|secure)-)?latchkey/i;
/** A header or name that matches none of this holds no cookie of ours and none that looks like one. */
const MAY_HOLD_SUCH_NAME = /latchkey|[%\x80-\xff]/i;

/** The attributes that make a browser remove a cookie, beside those with which it was set. */
export const REMOVED = { expires: new Date(0), maxAge: 0 };

export interface Cookies {
  /**
   * Our own cookies, by name. A name that occurs twice is left out, because nobody can tell which of the two is ours.
   */
  own: Readonly<Record<string, string>>;
  /** A Cookie header with all other cookies, unchanged. */
  rest: string;
}

/**
 * Separates our own cookies from those of the application behind us. A cookie is ours if its name matches byte for
 * byte: browsers enforce `__Host-` only for the exact prefix. A cookie that an application could mistake for ours is
 * dropped, so that the application never receives one.
 */
export function separateCookies(header = ''): Cookies {
  const own: Record<string, string> = {};
  if (!MAY_HOLD_SUCH_NAME.test(header)) return { own, rest: header };
  const twice: string[] = [];
  const others: string[] = [];
  for (const pair of header.split(';')) {
    const end = pair.indexOf('=');
    const name = withoutBlanks(end === -1 ? pair : pair.slice(0, end));
    if (end !== -1 && OWN_NAME.test(name)) {
      if (own[name] !== undefined) twice.push(name);
      own[name] = withoutBlanks(pair.slice(end + 1));
    } else if (!isSimilarToOwn(name === '' ? pair.slice(end + 1) : name)) others.push(pair);
  }
  for (const name of twice) delete own[name];
  return { own, rest: withoutBlanks(others.join(';')) };
}

/**
 * Removes only what RFC 6265, section 5.2, removes: `trim` also removes characters that browsers keep as part of the
 * name. A regular expression for the end would start again at each blank, so one large header could take half a minute.
 */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Whether the character is a space or a tab. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isSimilarToOwn(name: string): boolean {
  if (!MAY_HOLD_SUCH_NAME.test(name)) return false;
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return SIMILAR_NAME.test(decoded.replace(/[^\x21-\x7e]|["']/g, ''));
}
