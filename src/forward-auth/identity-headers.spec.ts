import { describe, expect, it } from '@jest/globals';
import { encodeText, identityHeaders } from './identity-headers.js';

describe('text in a header', () => {
  it.each([
    ['Anna Jansen', 'Anna Jansen'],
    ['Zoë Åkerström', 'Zo%C3%AB %C3%85kerstr%C3%B6m'],
    ['王小明', '%E7%8E%8B%E5%B0%8F%E6%98%8E'],
    ['😀', '%F0%9F%98%80'],
    ['100 % sure', '100 %25 sure'],
    ['a\r\nSet-Cookie: x', 'a%0D%0ASet-Cookie: x'],
    [' a  b ', '%20a  b%20'],
    [',;="', ',;="'],
    ['', ''],
  ])('%j is written as %j and read by decodeURIComponent', (text, encoded) => {
    expect([encodeText(text), decodeURIComponent(encoded)]).toEqual([encoded, text]);
  });
});

it('headers are all there, also for what is not known', () => {
  const session = { userId: 'u', actorId: 'a' } as never;
  const visitor = { session, name: 'Zoë', emailAddress: null, thirdPartyIds: [], origins: [] };
  expect(identityHeaders(visitor, 'jwt')).toEqual({
    'X-Latchkey-User': 'u',
    'X-Latchkey-Email': '',
    'X-Latchkey-Name': 'Zo%C3%AB',
    'X-Latchkey-Third-Party-Ids': '',
    'X-Latchkey-Actor': 'a',
    'X-Latchkey-Assertion': 'jwt',
    'Cache-Control': 'no-store',
  });
});

it('third-party IDs are a list whose members can hold anything', () => {
  const session = { userId: 'u', actorId: 'a' } as never;
  const thirdPartyIds = [
    { thirdParty: 'HR', id: 'a, b$c%/é' },
    { thirdParty: 'LMS', id: '4711' },
  ];
  const visitor = { session, name: 'x', emailAddress: null, thirdPartyIds, origins: [] };
  expect(identityHeaders(visitor, '')['X-Latchkey-Third-Party-Ids']).toBe('HR$a%2C%20b%24c%25%2F%C3%A9, LMS$4711');
});
