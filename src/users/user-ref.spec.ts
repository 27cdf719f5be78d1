import { describe, expect, it } from '@jest/globals';
import { DomainError } from '../common/errors/errors.js';
import { parseUserRef, thirdPartyRef } from './user-ref.js';

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
