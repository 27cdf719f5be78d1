import { describe, expect, it } from '@jest/globals';
import { isLegalOrigin, isLegalRedirectUri } from './client-addresses.js';

function isLegal(uri: string, isPublic: boolean): boolean {
  return isLegalRedirectUri(uri, { isPublic, httpHosts: [] });
}

describe('a redirect URI', () => {
  it.each([
    ['http://moodle.intranet/callback', true],
    ['http://moodle.intranet:8080/callback', true],
    ['http://10.0.0.7/callback', true],
    ['https://moodle.intranet/callback', true],
    ['http://moodle.intranet.evil.example/callback', false],
    ['http://evil.example/moodle.intranet', false],
    ['http://moodle.intranet@evil.example/', false],
    ['http://user@moodle.intranet/', false],
    ['http://MOODLE.intranet/', false],
    ['http://other.intranet/', false],
    ['http://moodle.intranet/callback#', false],
  ])('may be %s where the operator allows http to two hosts: %s', (uri, isAllowed) => {
    const httpHosts = ['moodle.intranet', '10.0.0.7'];
    expect(isLegalRedirectUri(uri, { isPublic: false, httpHosts })).toBe(isAllowed);
  });

  it.each([
    'https://host.example/callback',
    'https://host.example',
    'https://host.example:8443/a/b?c=d&e=%20f',
    'https://xn--bcher-kva.example/',
    'https://[2001:db8::1]/',
    'http://localhost/callback',
    'http://127.0.0.1:4000/callback',
    'http://[::1]:4000/',
  ])('may be %s of any client', (uri) => {
    expect([isLegal(uri, true), isLegal(uri, false)]).toEqual([true, true]);
  });

  it.each(['com.example.app:/callback', 'com.example.app://callback', 'nl.school.app-2:callback?a=b'])(
    'may be %s of a public client only',
    (uri) => {
      expect([isLegal(uri, true), isLegal(uri, false)]).toEqual([true, false]);
    },
  );

  it.each([
    '',
    ' ',
    '/callback',
    '//host.example/callback',
    'host.example/callback',
    'http://host.example/callback',
    'http://localhost.host.example/',
    'http://127.0.0.2/',
    'https://host.example/callback#',
    'https://host.example/callback#fragment',
    'https://user@host.example/',
    'https://user:password@host.example/',
    'https://@host.example/',
    'https://*.host.example/',
    'https://host.example/*',
    'https://host.example/a/../b',
    'https://host.example/%2e%2e/b',
    'https://HOST.example/',
    'HTTPS://host.example/',
    'https://host.example:443/',
    'https:host.example/',
    'https:/host.example/',
    'https:\\\\host.example/',
    'https://host.example\\@evil.example/',
    'https://bücher.example/',
    'https://host.example/ü',
    'https://host.example/ b',
    'https://host.example/\n',
    ' https://host.example/',
    'https://host.example;script-src/',
    "https://host.example'/",
    'https://',
    `https://host.example/${'a'.repeat(1024)}`,
    'javascript:alert(1)',
    'data:text/html,hello',
    'file:///etc/passwd',
    'blob:https://host.example/x',
    'about:blank',
    'vbscript:x',
    'ftp://host.example/',
    'ws://host.example/',
    'myapp:/callback',
    'urn:ietf:wg:oauth:2.0:oob',
    '.app:/callback',
    '1com.example:/callback',
    'com.example.app:/*',
    'com.example.app:/callback#x',
    'com.example.app://user@callback',
  ])('may never be %j', (uri) => {
    expect([isLegal(uri, true), isLegal(uri, false)]).toEqual([false, false]);
  });
});

describe('an origin', () => {
  it.each([
    'https://learn.example.com',
    'https://learn.example.com:8443',
    'http://localhost:4000',
    'https://xn--bcher-kva.example',
    'https://[2001:db8::1]',
  ])('may be %s', (origin) => {
    expect(isLegalOrigin(origin)).toBe(true);
  });

  it.each([
    '',
    'null',
    '*',
    'learn.example.com',
    'https://learn.example.com/',
    'https://learn.example.com/path',
    'https://learn.example.com?',
    'https://learn.example.com:443',
    'http://learn.example.com:80',
    'https://LEARN.example.com',
    'https://user@learn.example.com',
    'https://*.example.com',
    'https://*',
    "https://a'b.example",
    'https://a;b.example',
    'https://bücher.example',
    ' https://learn.example.com',
    'https://learn.example.com ',
    'ftp://learn.example.com',
    'com.example.app:',
    'javascript:alert(1)',
    `https://${'a'.repeat(260)}.example`,
  ])('may not be %j', (origin) => {
    expect(isLegalOrigin(origin)).toBe(false);
  });
});
