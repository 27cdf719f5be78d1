import { expect, it } from '@jest/globals';
import { findSigning } from './signing-order.js';

const NOW = new Date('2026-01-11T16:54:11Z');
const at = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);
const key = (name: string, signsFrom: number, retiredAt: number | null = null): object => ({
  name,
  signsFrom: at(signsFrom),
  retiredAt: retiredAt === null ? null : at(retiredAt),
});

it.each([
  { signs: 'the newest whose time has come', keys: [key('new', -1), key('old', -9)], name: 'new' },
  {
    signs: 'the present one while its successor waits',
    keys: [key('waits', 9), key('present', -9, 99)],
    name: 'present',
  },
  { signs: 'one whose time comes at this instant', keys: [key('new', 0), key('old', -9)], name: 'new' },
  { signs: 'none that is retired', keys: [key('retired', -1, 0), key('old', -9)], name: 'old' },
  {
    signs: 'the first of those that wait, where the clock is behind',
    keys: [key('second', 9), key('first', 5)],
    name: 'first',
  },
  { signs: 'nothing where all are retired', keys: [key('retired', -9, -1)], name: undefined },
])('$signs', ({ keys, name }) => {
  expect((findSigning(keys as never[], NOW) as { name: string } | undefined)?.name).toBe(name);
});
