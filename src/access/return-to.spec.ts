import { describe, expect, it } from '@jest/globals';
import { isLegalReturnTo } from './return-to.js';

const ORIGINS = ['https://login.example.com', 'https://learn.example.com', 'http://localhost:4000'];

describe('isLegalReturnTo', () => {
  it.each([
    '/',
    '/course/1?a=b&c=%2F#top',
    '/?next=//evil.example',
    '/a//b',
    '/..//evil.example',
    '/%2f%2fevil.example',
    '/@evil.example',
    '/:80',
    'https://learn.example.com',
    'https://learn.example.com/',
    'https://learn.example.com?x',
    'https://learn.example.com#x',
    'https://learn.example.com/a@b:c',
    'http://localhost:4000/x',
  ])('takes %s', (target) => {
    expect(isLegalReturnTo(target, ORIGINS)).toBe(true);
  });

  it.each([
    '',
    ' /',
    'course',
    './x',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/a b',
    '/ü',
    '/\u0000',
    '\t//evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'https:evil.example',
    'https:/learn.example.com/',
    'https:///learn.example.com/',
    'HTTPS://learn.example.com/',
    'https://LEARN.example.com/',
    'https://learn.example.com.evil.example/',
    'https://learn.example.com@evil.example/',
    'https://a@learn.example.com/',
    'https://learn.example.com:443/',
    'https://learn.example.com:8443/',
    'https://learn.example.com./',
    'https://learn.example.com%2eevil.example/',
    'https://lеarn.example.com/',
    'https://xn--larn-x3d.example.com/',
    'http://learn.example.com/',
    'http://localhost/',
    'http://localhost:40001/',
    'https://learn.example.com\\@evil.example/',
    `/${'x'.repeat(2048)}`,
  ])('refuses %j', (target) => {
    expect(isLegalReturnTo(target, ORIGINS)).toBe(false);
  });

  it('takes only paths when there is no origin', () => {
    expect(isLegalReturnTo('/x', [])).toBe(true);
    expect(isLegalReturnTo('https://learn.example.com/', [])).toBe(false);
  });
});
