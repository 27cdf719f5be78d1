const MAX_TERM = 64;
const MAX_TERMS = 32;
/** A letter or digit that no letter, digit or dot precedes. So `demo.example` is one word. */
const WORD_START = /(?<![\p{L}\p{N}.])[\p{L}\p{N}]/gu;
/** Sorts after any character that can start a search term. */
const LAST = '\u{10FFFF}';

/** Stands before the term of a whole name. A search looks for no term that begins with it. */
const NAME = ' ';

/** The search terms from `from` (inclusive) to `below` (exclusive). */
export interface TermRange {
  from: string;
  below: string;
}

/**
 * Folds a text for searching. Case, accents and compatibility variants are ignored, so that `STRASSE` finds `Straße`
 * and `istanbul` finds `İstanbul`. It is done here and not in SQL, so that both engines find the same.
 */
export function fold(text: string): string {
  // Lower case first, because the capital ẞ has no upper case; then upper case, because that of ß is SS.
  return text
    .normalize('NFKD')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .replaceAll('ς', 'σ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** The terms of whole names: one for each user and each group, by which lists are ordered. */
export const NAMES: TermRange = { from: NAME, below: '!' };

/**
 * The search terms to store for `texts`, of which the first is the name: the text from the start of each word on, up to
 * 64 characters; at most 32 terms. A search looks for a range of terms. One more term is in the range `NAMES`.
 */
export function searchTerms(texts: [name: string, ...others: string[]]): string[] {
  const terms = new Set<string>();
  const folded = texts.map(fold);
  for (const text of folded)
    for (const { index } of text.matchAll(WORD_START)) terms.add(firstCharacters(text.slice(index)));
  return [firstCharacters(NAME + folded[0]!) || NAME, ...[...terms].slice(0, MAX_TERMS)];
}

/** The range of terms that a search looks for, or `null` if the query is empty. */
export function searchRange(query: string | undefined): TermRange | null {
  const folded = firstCharacters(fold(query ?? '').replace(/^[^\p{L}\p{N}]+(?=[\p{L}\p{N}])/u, ''));
  return folded === '' ? null : { from: folded, below: folded + LAST };
}

function firstCharacters(text: string): string {
  return [...text].slice(0, MAX_TERM).join('').trimEnd();
}
