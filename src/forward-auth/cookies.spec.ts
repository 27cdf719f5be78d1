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
  { header: 'latchkey=one; latchkey=two; a', own: { latchkey: 'one' }, rest: 'a' },
  { header: ' latchkey = s ;a=1', own: { latchkey: 's' }, rest: 'a=1' },
  {
    header: 'latchkey_oauth=x; latchkey_oauth.sig=y; __Secure-latchkey=z; a=1',
    own: { latchkey_oauth: 'x', 'latchkey_oauth.sig': 'y', '__Secure-latchkey': 'z' },
    rest: 'a=1',
  },
  { header: 'a=latchkey=s', own: {}, rest: 'a=latchkey=s' },
  { header: 'latchkey', own: {}, rest: '' },
])('takes ours out of "$header"', ({ header, own, rest }) => {
  expect(separateCookies(header)).toEqual({ own, rest });
});
