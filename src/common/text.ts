import { isUtf8 } from 'node:buffer';

/**
 * Characters that a text can't contain: NUL, which PostgreSQL can't store, and lone surrogates, which UTF-8 can't
 * encode.
 */
const NOT_TEXT = /[\0\p{Cs}]/u;

/** Whether a string is well-formed Unicode without NUL characters. */
export function isText(value: string): boolean {
  return !NOT_TEXT.test(value);
}

/** Whether bytes are well-formed UTF-8 without NUL characters. */
export function areText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/**
 * Whether every string and member name in a JSON value is text. It is not recursive, so that deep nesting can't
 * overflow the stack.
 */
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

/** Whether a path, a query or a form body decodes to text. */
export function isPercentEncodedText(encoded: string): boolean {
  if (!encoded.includes('%')) return isText(encoded);
  try {
    return isText(decodeURIComponent(encoded));
  } catch {
    return false;
  }
}
