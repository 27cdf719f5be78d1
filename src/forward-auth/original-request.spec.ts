import { describe, expect, it } from '@jest/globals';
import { DomainError } from '../common/errors/errors.js';
import { originOf, readOriginalRequest } from './original-request.js';

const FORWARDED = {
  'x-forwarded-method': 'POST',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'learn.example.com',
  'x-forwarded-uri': '/a%2Fb?c=d',
};

function refusal(url: string, headers: Record<string, string>): string {
  try {
    readOriginalRequest('GET', url, headers);
  } catch (error) {
    if (error instanceof DomainError) return `${error.id}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('the original request', () => {
  it.each([
    { proxy: 'Traefik', url: '/forward-auth', headers: FORWARDED, proxyBehaviour: 'as-it-is', method: 'POST' },
    { proxy: 'Caddy', url: '/forward-auth?c=d', headers: FORWARDED, proxyBehaviour: 'as-it-is', method: 'POST' },
    {
      proxy: 'Caddy of a ?page',
      url: '/forward-auth?page',
      headers: FORWARDED,
      proxyBehaviour: 'as-it-is',
      method: 'POST',
    },
    {
      proxy: 'nginx after a 401',
      url: '/forward-auth?page',
      headers: { 'x-original-url': 'https://learn.example.com/a%2Fb?c=d', 'x-forwarded-method': 'POST' },
      proxyBehaviour: 'page',
      method: 'POST',
    },
    {
      proxy: 'nginx',
      url: '/forward-auth',
      headers: { 'x-original-url': 'https://learn.example.com/a%2Fb?c=d' },
      proxyBehaviour: 'status-only',
      method: 'GET',
    },
    {
      proxy: 'Envoy',
      url: '/forward-auth/a%2Fb?c=d',
      headers: { host: 'learn.example.com', 'x-forwarded-proto': 'https' },
      proxyBehaviour: 'as-it-is',
      method: 'GET',
    },
  ])('is read as $proxy says it', ({ url, headers, proxyBehaviour, method }) => {
    const read = readOriginalRequest('GET', url, { host: 'latchkey:3000', ...headers });
    expect(read).toEqual({ site: 'https://learn.example.com', uri: '/a%2Fb?c=d', proxyBehaviour, method });
  });

  it.each([
    ['wss', 'https'],
    ['ws', 'http'],
  ])('of a WebSocket, %s, is %s', (proto, scheme) => {
    const { site } = readOriginalRequest('GET', '/forward-auth', { ...FORWARDED, 'x-forwarded-proto': proto });
    expect(site).toBe(`${scheme}://learn.example.com`);
  });

  it.each([
    { of: 'nothing', url: '/forward-auth', headers: {} },
    { of: 'two ways at once', url: '/forward-auth', headers: { ...FORWARDED, 'x-original-url': 'https://x.test/' } },
    { of: 'a path below and a header', url: '/forward-auth/a', headers: FORWARDED },
    { of: 'no scheme', url: '/forward-auth/', headers: { host: 'learn.example.com' } },
    { of: 'a scheme of its own', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-proto': 'ftp' } },
    { of: 'two schemes', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-proto': 'https, http' } },
    { of: 'no host', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-host': '' } },
    { of: 'no method', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-method': '' } },
    { of: 'no method after a 401', url: '/forward-auth?page', headers: { 'x-original-url': 'https://x.test/' } },
    {
      of: 'a whole URL as path',
      url: '/forward-auth',
      headers: { ...FORWARDED, 'x-forwarded-uri': 'https://x.test/' },
    },
    { of: 'an empty path', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-uri': '' } },
    { of: '* as path', url: '/forward-auth', headers: { ...FORWARDED, 'x-forwarded-uri': '*' } },
    { of: 'a URL that is none', url: '/forward-auth', headers: { 'x-original-url': '/a' } },
    { of: 'a URL without a path', url: '/forward-auth', headers: { 'x-original-url': 'https://learn.example.com?a' } },
  ])('is unclear with $of', ({ url, headers }) => {
    expect(refusal(url, headers as Record<string, string>)).toMatch(/^not_authorized: The proxy does not say clearly/);
  });

  it.each([
    '/forward-auth/..%2flogin',
    '/forward-auth/../login',
    '/forward-auth/%2e%2E/login',
    '/forward-auth/a/.%2e%5clogin?x=1',
    '/forward-auth/.',
    '/forward-authx/..%2flogin',
    '/%66orward-auth/..%2flogin',
    '/forward-auth%2f..%2flogin',
  ])('is unclear at %s, which a proxy may take for another page of ours', (url) => {
    for (const headers of [
      { host: 'learn.example.com', 'x-forwarded-proto': 'https' },
      { 'x-original-url': 'https://learn.example.com/' },
      FORWARDED,
    ])
      expect(refusal(url, headers as Record<string, string>)).toMatch(
        /^not_authorized: The proxy does not say clearly/,
      );
  });

  it.each(['/forward-auth/...', '/forward-auth/.well-known/x', '/forward-auth/a..b/.c?d=../e'])(
    'is clear at %s',
    (url) => {
      expect(refusal(url, { host: 'learn.example.com', 'x-forwarded-proto': 'https' })).toBe('none');
    },
  );

  it.each([
    'x_latchkey_user',
    'x-latchkey_user',
    'x_latchkey-user',
    'x.latchkey.user',
    'x-latchkey-third_party_ids',
    'x-latchkey-third-party.ids',
    'x_latchkey_anything',
    'x!latchkey-user',
  ])('is refused with the header %s, which applications could take for ours', (name) => {
    expect(refusal('/forward-auth', { ...FORWARDED, [name]: 'x' })).toBe(
      `not_authorized: The header ${name} is not accepted.`,
    );
  });

  it.each(['x-latchkey-user', 'xlatchkey_user', 'latchkey_user', 'x_other'])('is not, with %s', (name) => {
    expect(refusal('/forward-auth', { ...FORWARDED, [name]: 'x' })).toBe('none');
  });
});

describe('the origin of a site', () => {
  it.each([
    ['https://learn.example.com', 'https://learn.example.com'],
    ['https://LEARN.example.com:443', 'https://learn.example.com'],
    ['http://learn.example.com:80', 'http://learn.example.com'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
    ['https://learn.example.com.', 'https://learn.example.com.'],
  ])('%s is %s', (site, origin) => {
    expect(originOf(site)).toBe(origin);
  });

  it.each([
    'https://user@learn.example.com',
    'https://learn.example.com, evil.example',
    'https://learn.example.com/',
    'https://learn.example.com#',
    'https://learn.example.com\\evil.example',
    'https://learn.example.com:x',
    'https://learn.example.com:99999',
    'https://lёarn.example.com',
    'https://[::1',
    'ftp://learn.example.com',
    'https://',
  ])('%s is none', (site) => {
    expect(originOf(site)).toBeNull();
  });
});
