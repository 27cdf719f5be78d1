// Frozen: databases were made with it. A later change goes into a new file and a new migration.
const MAX_TERM = 64;
const MAX_TERMS = 32;
/** A letter or digit that no letter, digit or dot stands before: `demo.example` is one word. */
const WORD_START = /(?<![\p{L}\p{N}.])[\p{L}\p{N}]/gu;

/**
 * The form in which texts are searched: without case, accents and the differences of compatible letters, so that
 * `STRASSE` finds `Straße` and `istanbul` finds `İstanbul`. The same on both engines, because neither is asked.
 */
export function fold(text: string): string {
  // First small, because the capital ẞ has no larger form; then large, because ß has one, SS.
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

/**
 * What is stored to find something by its texts: what follows from the start of each word, at most 64 characters of
 * it and 32 of them. A search is then a range of these.
 */
export function searchTerms(texts: string[]): string[] {
  const terms = new Set<string>();
  for (const text of texts.map(fold))
    for (const { index } of text.matchAll(WORD_START)) terms.add(firstCharacters(text.slice(index)));
  return [...terms].slice(0, MAX_TERMS);
}

export function firstCharacters(text: string): string {
  return [...text].slice(0, MAX_TERM).join('').trimEnd();
}
