import { describe, expect, it } from '@jest/globals';
import { DomainError } from './errors/errors.js';
import { normalizeEmailAddress, parseUserRef, thirdPartyRef } from './user-ref.js';

describe('parseUserRef', () => {
  it.each([
    ['self', { by: 'self' }],
    ['Zk1cVq0rTtWm8sQXq3bVxg', { by: 'id', id: 'Zk1cVq0rTtWm8sQXq3bVxg' }],
    ['Self', { by: 'id', id: 'Self' }],
    ['Anna@Demo.Example', { by: 'emailAddress', address: 'anna@demo.example' }],
    ['cafe\u0301@x.example', { by: 'emailAddress', address: 'caf\u00e9@x.example' }],
    ['anna+tag@demo.example', { by: 'emailAddress', address: 'anna+tag@demo.example' }],
    ['LMS$4711', { by: 'thirdPartyId', thirdParty: 'LMS', id: '4711' }],
    ['LMS$anna@demo.example', { by: 'thirdPartyId', thirdParty: 'LMS', id: 'anna@demo.example' }],
    ['LMS$a$b', { by: 'thirdPartyId', thirdParty: 'LMS', id: 'a$b' }],
    ['LMS$self', { by: 'thirdPartyId', thirdParty: 'LMS', id: 'self' }],
  ])('reads %s', (text, expected) => {
    expect(parseUserRef(text)).toEqual(expected);
  });

  it.each([
    undefined,
    '',
    ' ',
    '\t',
    'a\u0000b',
    '\ud800',
    'x'.repeat(65),
    `${'x'.repeat(250)}@x.nl`,
    '$1',
    'LMS$',
    'LMS$ ',
    'a b$1',
    'ü$1',
  ])('refuses %j', (text) => {
    expect(() => parseUserRef(text)).toThrow(DomainError);
  });
});

describe('thirdPartyRef', () => {
  it('takes 255 characters of any script, and not 256', () => {
    expect(thirdPartyRef('LMS', '🎓'.repeat(255))).toEqual({
      by: 'thirdPartyId',
      thirdParty: 'LMS',
      id: '🎓'.repeat(255),
    });
    expect(() => thirdPartyRef('LMS', '🎓'.repeat(256))).toThrow(DomainError);
  });
});

describe('normalizeEmailAddress', () => {
  it('S37: takes no character outside ASCII for one of ASCII', () => {
    const taken: string[] = [];
    for (let code = 0x80; code <= 0x10_ff_ff; code++) {
      const isHalf = code >= 0xd8_00 && code <= 0xdf_ff;
      const folded = isHalf ? '\u0080@' : normalizeEmailAddress(`${String.fromCodePoint(code)}@x.example`);
      if (/^[\0-?A-\x7f]/.test(folded) && !folded.startsWith('i\u0307@')) taken.push(code.toString(16));
    }
    expect(taken).toEqual([]);
  });

  it.each([
    ['the Kelvin sign', '\u212aim@x.example', 'kim@x.example'],
    ['a dotless i', 'm\u0131a@x.example', 'mia@x.example'],
    ['a dotted capital I', 'm\u0130a@x.example', 'mia@x.example'],
    ['a full-width letter', '\uff4dia@x.example', 'mia@x.example'],
    ['a long s', '\u017fam@x.example', 'sam@x.example'],
  ])('S37: tells %s from the letter', (_, one, other) => {
    expect(normalizeEmailAddress(one)).not.toBe(normalizeEmailAddress(other));
    expect(normalizeEmailAddress(one)).not.toBe(normalizeEmailAddress(other.toUpperCase()));
  });

  it('folds what it folded to itself', () => {
    for (const address of [
      'a@xn--xn--mnchen-3ya-.\u0434\u0435',
      'a@xn--mnchen-3ya.example',
      'a@\uff11.\u0434\u0435',
      '\u212aIM.\u0130@X.example',
      'J\u030cAN@x.example',
      '\u03aa\u0301@x.example',
    ])
      expect(normalizeEmailAddress(normalizeEmailAddress(address))).toBe(normalizeEmailAddress(address));
  });

  it.each(['\u200b', ' ', '\u3164 '])('folds an address with very many of %j inside at once', (blank) => {
    const start = performance.now();
    normalizeEmailAddress(`a${blank.repeat(30_000)}b@x.example`);
    // It would take many seconds if the time grew with the square of the size.
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
