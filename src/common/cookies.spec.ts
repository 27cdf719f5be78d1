import { expect, it } from '@jest/globals';
import { separateCookies } from './cookies.js';

it.each([
  { header: undefined, own: {}, rest: '' },
  { header: '', own: {}, rest: '' },
  { header: 'a=1; b="2, 3"', own: {}, rest: 'a=1; b="2, 3"' },
  { header: '__Host-latchkey=s', own: { '__Host-latchkey': 's' }, rest: '' },
  { header: 'a=1; latchkey=s; b=2', own: { latchkey: 's' }, rest: 'a=1; b=2' },
  { header: 'latchkey=s; a=1', own: { latchkey: 's' }, rest: 'a=1' },
  { header: 'a=1;b=2;latchkey=s', own: { latchkey: 's' }, rest: 'a=1;b=2' },
  { header: ' latchkey = s ;a=1', own: { latchkey: 's' }, rest: 'a=1' },
  {
    header: 'latchkey_oauth=x; latchkey_oauth.sig=y; __Secure-latchkey=z; a=1',
    own: { latchkey_oauth: 'x', 'latchkey_oauth.sig': 'y' },
    rest: 'a=1',
  },
  { header: 'a=latchkey=s', own: {}, rest: 'a=latchkey=s' },
  { header: 'latchkey', own: {}, rest: '' },
])('takes ours out of "$header"', ({ header, own, rest }) => {
  expect(separateCookies(header)).toEqual({ own, rest });
});

it.each([
  'latchkey=one; latchkey=two; a',
  'a; latchkey=one;latchkey = one',
  'latchkey=one;\tlatchkey=; a; latchkey=two',
])('S35: takes neither of two with one name in "%s"', (header) => {
  expect(separateCookies(header)).toEqual({ own: {}, rest: 'a' });
});

/** Characters that browsers keep as part of the name when they stand before it. */
const BEFORE = [
  '\xa0',
  '\x85',
  '\x0b',
  '\x0c',
  '\ufeff',
  '\xef\xbb\xbf',
  '\u2028',
  '\xe2\x80\x8b',
  '"',
  '=',
  '%20',
  '%00',
];

it.each(BEFORE.map((text) => encodeURI(text)))(
  'S35: takes no name for ours with %s before it, and passes it on to nobody',
  (text) => {
    for (const name of ['__Host-latchkey', 'latchkey', '__Host-latchkey-embed', '__Host-latchkey_oauth'])
      for (const own of [{}, { [name]: 'mine' }])
        for (const attack of [`${decodeURI(text)}${name}=planted`, `a=1; ${decodeURI(text)}${name}=planted`])
          expect(separateCookies([attack, ...Object.entries(own).map((pair) => pair.join('='))].join('; '))).toEqual({
            own,
            rest: attack.startsWith('a') ? 'a=1' : '',
          });
  },
);

it.each([
  'LATCHKEY',
  '__host-latchkey',
  '__HOST-Latchkey',
  '%6Catchkey',
  '__Host%2Dlatchkey',
  '%5F%5FHost-latchkey',
  '__Secure-latchkey',
  'latch\xa0key',
])('S32: keeps %s from the application, and takes it for nothing', (name) => {
  expect(separateCookies(`a=1; ${name}=x; b=%20`)).toEqual({ own: {}, rest: 'a=1; b=%20' });
});

it('leaves names alone in which ours only occurs', () => {
  const header = 'my_latchkey=1; x-latchkey=2; a=latchkey=3; caf\xe9=4; %41=5; __proto__=6';
  expect(separateCookies(header)).toEqual({ own: {}, rest: header });
});

it.each([
  ['in a value', `latchkey=a${' '.repeat(60_000)}b`],
  ['in a name', `%${'\t'.repeat(60_000)}b=c`],
  ['at the end', `latchkey=a;${' '.repeat(60_000)}`],
])('reads a header of the largest size with blanks %s at once', (_, header) => {
  const start = performance.now();
  separateCookies(header);
  // It would take half a minute if the time grew with the square of the size.
  expect(performance.now() - start).toBeLessThan(2000);
});
