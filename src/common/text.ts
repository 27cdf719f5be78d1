import { isUtf8 } from 'node:buffer';

/** What no text holds: NUL, which PostgreSQL does not store, and half of a surrogate pair, which no encoding can write. */
const NOT_TEXT = /[\0\p{Cs}]/u;

/** Whether a string is well-formed Unicode without NUL. */
export function isText(value: string): boolean {
  return !NOT_TEXT.test(value);
}

/** Whether bytes are such a text in UTF-8. */
export function areText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/** Whether every string in a JSON value is a text, also the names of its members. However deep it goes, it takes no stack. */
export function holdsText(value: unknown): boolean {
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' && !isText(next)) return false;
    if (typeof next !== 'object' || next === null) continue;
    for (const [name, member] of Object.entries(next)) left.push(name, member);
  }
  return true;
}

/** Whether a path, a query or the body of a form is the percent-encoded form of a text. */
export function isPercentEncodedText(encoded: string): boolean {
  if (!encoded.includes('%')) return isText(encoded);
  try {
    return isText(decodeURIComponent(encoded));
  } catch {
    return false;
  }
}
