/** Names of ours begin so, in letters of this case. */
const OURS = /^(?:__Host-)?latchkey/;
/** What some application could take for a name of ours, once it is decoded and its odd characters are gone. */
const LIKE_OURS = /^(?:__(?:host|secure)-)?latchkey/i;
/** A header, or a name, without either of these holds no such name. */
const WORTH_READING = /latchkey|[%\x80-\xff]/i;

export interface Cookies {
  /** Ours, by name. A name that is there twice is not: nobody can say which of the two is ours. */
  own: Readonly<Record<string, string>>;
  /** A Cookie header with all others, letter by letter. */
  rest: string;
}

/**
 * Takes a Cookie header apart. A cookie is ours if its name is, byte for byte: browsers keep the promise of `__Host-` for no name
 * that only looks like one. What looks like ours to somebody else is in neither part, so that the application behind gets nothing of it.
 */
export function separateCookies(header = ''): Cookies {
  const own: Record<string, string> = {};
  if (!WORTH_READING.test(header)) return { own, rest: header };
  const twice: string[] = [];
  const others: string[] = [];
  for (const pair of header.split(';')) {
    const end = pair.indexOf('=');
    const name = withoutBlanks(end === -1 ? pair : pair.slice(0, end));
    if (end !== -1 && OURS.test(name)) {
      if (own[name] !== undefined) twice.push(name);
      own[name] = withoutBlanks(pair.slice(end + 1));
    } else if (!looksLikeOurs(name === '' ? pair.slice(end + 1) : name)) others.push(pair);
  }
  for (const name of twice) delete own[name];
  return { own, rest: withoutBlanks(others.join(';')) };
}

/**
 * Only what RFC 6265, section 5.2, takes off; `trim` takes off much that a browser keeps as a part of the name. A regular
 * expression for the end would begin anew at each of many blanks: one large header would take half a minute.
 */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** A space or a tab. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function looksLikeOurs(name: string): boolean {
  if (!WORTH_READING.test(name)) return false;
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return LIKE_OURS.test(decoded.replace(/[^\x21-\x7e]|["']/g, ''));
}
