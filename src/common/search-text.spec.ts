import { expect, it } from '@jest/globals';
import { NAMES, fold, searchRange, searchTerms } from './search-text.js';

it.each([
  ['É', 'é'],
  ['É', 'E\u0301'],
  ['STRASSE', 'Straße'],
  ['STRAẞE', 'Straße'],
  ['istanbul', 'İstanbul'],
  ['ISTANBUL', 'İstanbul'],
  ['ISPARTA', 'ısparta'],
  ['ΟΔΟΣ', 'οδοσ'],
  ['ｆｕｌｌ', 'FULL'],
  ['  a \t b ', 'A B'],
])('%j and %j are the same in a search', (one, other) => {
  expect(fold(one)).toBe(fold(other));
});

it('finds by the start of any word, and by more than one word', () => {
  const terms = searchTerms(['Anna van der Veen', 'a.veen@demo.example', 'staff/42']);
  expect(terms).toEqual([
    ' anna van der veen',
    'anna van der veen',
    'van der veen',
    'der veen',
    'veen',
    'a.veen@demo.example',
    'demo.example',
    'staff/42',
    '42',
  ]);
  const found = (query: string): boolean => {
    const { from, below } = searchRange(query)!;
    return terms.some((term) => term >= from && term < below);
  };
  for (const query of ['ann', 'Anna Van', 'VEEN', '@demo', 'A.Veen@', '42', 'der  v']) expect(found(query)).toBe(true);
  for (const query of ['nna', 'veen anna', 'example', '***']) expect(found(query)).toBe(false);
});

it('has nothing to search for in blanks, and bounds what it stores', () => {
  expect([searchRange(undefined), searchRange(''), searchRange(' \n')]).toEqual([null, null, null]);
  const terms = searchTerms([`${'x'.repeat(100)} ${'a b c d e f g h '.repeat(20)}`, '***']);
  expect(terms).toHaveLength(33);
  expect(Math.max(...terms.map((term) => term.length))).toBe(64);
  const range = searchRange('x'.repeat(200))!;
  expect(terms.some((term) => term >= range.from && term < range.below)).toBe(true);
});

function inNames(texts: [string, ...string[]]): string[] {
  return searchTerms(texts).filter((term) => term >= NAMES.from && term < NAMES.below);
}

it('has one term for the whole name, which no search finds', () => {
  expect(inNames(['Éva  Kiss', 'Zoe', '!'])).toEqual([' eva kiss']);
  expect(inNames(['x'.repeat(100)])).toEqual([` ${'x'.repeat(63)}`]);
  // A name of nothing but an accent.
  expect(inNames(['\u0301'])).toEqual([' ']);
  for (const query of ['e', '!', ' eva', '"']) expect(searchRange(query)!.from >= NAMES.below).toBe(true);
});
