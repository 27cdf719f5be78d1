import { describe, expect, it } from '@jest/globals';
import { DomainError } from '../common/errors/errors.js';
import { hasToken, tokenOf, withoutToken } from './deep-link.js';

describe('a token in an address', () => {
  it.each([
    ['/?oauth_token=t', '/'],
    ['/a/b?oauth_token=t', '/a/b'],
    ['/a?x=1&oauth_token=t&y=2', '/a?x=1&y=2'],
    ['/a?oauth_token=t&y=2', '/a?y=2'],
    ['/a?x=1&oauth_token=t', '/a?x=1'],
    ['/a?z=%7E&&x=a+b&oauth_token=t&x=%2f&y', '/a?z=%7E&&x=a+b&x=%2f&y'],
    ['/a?x=?&oauth_token=t', '/a?x=?'],
    ['/a?oauth_token', '/a'],
    ['/a?oauth_token=', '/a'],
    ['/a?oauth_token=t&oauth_token=u&x', '/a?x'],
    ['/a?oauth%5Ftoken=t&x', '/a?x'],
    ['/a?%6fauth%5ftoken=t&x', '/a?x'],
    ['/a?%6F%61%75%74%68%5F%74%6F%6B%65%6E=t&x', '/a?x'],
    ['/a?oauth_token%5B%5D=t&x', '/a?x'],
    ['/a?oauth_token[]=t&x', '/a?x'],
    ['/a?%zz=1&oauth%5Ftoken=t', '/a?%zz=1'],
    ['/a%2F..%2fb//c/./d?oauth_token=t', '/a%2F..%2fb//c/./d'],
    ['/a?x=\\&oauth_token=t', '/a?x=\\'],
    ['/a?next=//evil.example&oauth_token=t', '/a?next=//evil.example'],
  ])('of %s is taken away: %s', (uri, rest) => {
    expect([hasToken(uri), withoutToken(uri)]).toEqual([true, rest]);
  });

  it.each([
    '/oauth_token=t',
    '/a?x=oauth_token=t',
    '/a?token=t',
    '/a?OAUTH_TOKEN=t',
    '/a?xoauth_token=t',
    '/a?oauth_token2=t',
    '/a?oauth%255Ftoken=t',
    '/a?x=%20',
    '/a',
  ])('is not in %s', (uri) => {
    expect(hasToken(uri)).toBe(false);
  });

  it.each([
    '//evil.example?oauth_token=t',
    '//evil.example/?oauth_token=t',
    '/\\evil.example?oauth_token=t',
    '/a\tb?oauth_token=t',
    '/ä?oauth_token=t',
    '/a b?oauth_token=t',
  ])('of %s leads nowhere', (uri) => {
    expect(() => withoutToken(uri)).toThrow(DomainError);
  });

  it.each([
    ['/a?oauth_token=t', 't'],
    ['/a?x&oauth%5Ftoken=%74', 't'],
    ['/a?oauth_token=t&oauth_token=u', ['t', 'u']],
    ['/a?oauth_token[]=t', ['t']],
    ['/a?oauth_token=', ''],
  ])('of %s is %j', (uri, token) => {
    expect(tokenOf(uri)).toEqual(token);
  });
});
