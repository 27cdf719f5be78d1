import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { firstLoginAt, fromBytes, instantOfLogin, isLoginId, loginOfToken, newLoginId, toBytes } from './login-id.js';

const AT = new Date('2026-01-11T16:54:11.123Z');

it('the ID of a login is a UUID of version 7 with the time to the millisecond, and 74 random bits', () => {
  const ids = Array.from({ length: 1000 }, () => newLoginId(AT));
  for (const id of ids) {
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect([instantOfLogin(id), isLoginId(id)]).toEqual([AT, true]);
  }
  expect(new Set(ids).size).toBe(1000);
});

it('a random UUID is the ID of no login', () => {
  expect(isLoginId(randomUUID())).toBe(false);
});

it('IDs of logins are ordered by time, as text and as bytes, and each is in the range that begins at its time', () => {
  const instants = [0, 1, 999, 1000, 86_400_000, 4e12].map((later) => new Date(AT.getTime() + later));
  const ids = instants.map((at) => newLoginId(at));
  expect(ids.toSorted()).toEqual(ids);
  for (const [index, id] of ids.entries()) {
    expect(toBytes(id).compare(firstLoginAt(instants[index]!))).toBe(1);
    expect(toBytes(id).compare(firstLoginAt(new Date(instants[index]!.getTime() + 1)))).toBe(-1);
  }
});

it('the bytes of an ID are those of the UUID, and a text that is no ID has the bytes of no login', () => {
  const id = newLoginId(AT);
  expect([toBytes(id).toString('hex'), fromBytes(toBytes(id))]).toEqual([id.replaceAll('-', ''), id]);
  for (const text of ['', 'x', id.toUpperCase(), `${id}0`, id.replaceAll('-', '')])
    expect([text, toBytes(text).toString('hex')]).toEqual([text, '0'.repeat(32)]);
});

it('a token keeps its jti as the ID of its login, and a random jti of an earlier version gets the time of the token', () => {
  const id = newLoginId(AT);
  expect(loginOfToken({ jti: id, iat: 0 })).toBe(id);
  const earlier = { jti: 'f3c1b0de-4b1f-4df0-9a3e-0d8b5d5f6a11', iat: AT.getTime() / 1000 - 0.123 };
  expect(loginOfToken(earlier)).toBe('019badfa-c338-7df0-9a3e-0d8b5d5f6a11');
});
