import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { newId } from '../../src/common/id.js';
import { normalizeEmailAddress } from '../../src/common/user-ref.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { raw, wire } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

const API = '/api/2.1.1';
const MEBIBYTE = 'x'.repeat(1024 * 1024);

let t: TestApp;
let caller: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  // Wrong tokens are limited for each minute.
  t.clock.advance(61);
  caller = await t.world.caller({ origins: ['https://learn.example.com'] });
});

/** What of an answer says that it refused: everything that a browser or a program acts on. */
function outcome({ status, headers, body }: Answer): object {
  return { status, id: body?.id, cookies: headers.getSetCookie(), location: headers.get('location') };
}

function refusal(status: number, id: string): object {
  return { status, id, cookies: [], location: null };
}

describe('the token of /login', () => {
  /** The token is a good one, so that every way of reading it in spite of the form would start a session. */
  const FORMS: { of: string; query: (token: string) => string; status: number; id: string }[] = [
    { of: 'no query', query: () => '', status: 400, id: 'missing_field' },
    { of: 'an empty query', query: () => '?', status: 400, id: 'missing_field' },
    {
      of: 'other parameters only',
      query: (token) => `?access_token=${token}&code=${token}`,
      status: 400,
      id: 'missing_field',
    },
    { of: 'an empty name', query: (token) => `?=${token}`, status: 400, id: 'missing_field' },
    {
      of: 'a name in upper case',
      query: (token) => `?TOKEN=${token}&Oauth_Token=${token}`,
      status: 400,
      id: 'missing_field',
    },
    { of: 'a name with a NUL', query: (token) => `?token%00=${token}`, status: 400, id: 'invalid_request' },
    { of: 'a name with a dot', query: (token) => `?token.x=${token}`, status: 400, id: 'missing_field' },
    { of: 'a second question mark', query: (token) => `??token=${token}`, status: 400, id: 'missing_field' },
    {
      of: 'a name that reaches for a prototype',
      query: (token) => `?__proto__[token]=${token}&constructor[prototype][token]=${token}`,
      status: 400,
      id: 'missing_field',
    },
    { of: 'a name without a value', query: () => '?token', status: 401, id: 'invalid_token' },
    { of: 'an empty value', query: () => '?token=', status: 401, id: 'invalid_token' },
    { of: 'an empty oauth_token', query: () => '?oauth_token=', status: 401, id: 'invalid_token' },
    { of: 'a blank', query: () => '?token=%20', status: 401, id: 'invalid_token' },
    { of: 'a plus sign', query: () => '?token=+', status: 401, id: 'invalid_token' },
    { of: 'blanks of other scripts', query: () => '?token=%C2%A0%E3%80%80%09', status: 401, id: 'invalid_token' },
    { of: 'null', query: () => '?token=null', status: 401, id: 'invalid_token' },
    { of: 'two dots', query: () => '?token=..', status: 401, id: 'invalid_token' },
    { of: 'the array notation', query: (token) => `?token[]=${token}`, status: 400, id: 'invalid_request' },
    { of: 'an empty array', query: () => '?token[]=', status: 400, id: 'invalid_request' },
    { of: 'an array without a value', query: () => '?token[]', status: 400, id: 'invalid_request' },
    { of: 'the encoded array notation', query: (token) => `?token%5B%5D=${token}`, status: 400, id: 'invalid_request' },
    { of: 'an index', query: (token) => `?token[0]=${token}`, status: 400, id: 'invalid_request' },
    { of: 'the object notation', query: (token) => `?token[x]=${token}`, status: 400, id: 'invalid_request' },
    { of: 'a comparison', query: () => '?token[$ne]=', status: 400, id: 'invalid_request' },
    { of: 'nested objects', query: (token) => `?token[a][b]=${token}`, status: 400, id: 'invalid_request' },
    { of: 'half of a bracket', query: (token) => `?token[=${token}`, status: 400, id: 'invalid_request' },
    {
      of: 'the array notation of oauth_token',
      query: (token) => `?oauth_token[]=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a text and an array',
      query: (token) => `?token=${token}&token[]=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'an array and a text', query: (token) => `?token[]=&token=${token}`, status: 400, id: 'invalid_request' },
    { of: 'twice the same', query: (token) => `?token=${token}&token=${token}`, status: 400, id: 'invalid_request' },
    {
      of: 'a good one after an empty one',
      query: (token) => `?token=&token=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a good one before an empty one',
      query: (token) => `?token=${token}&token`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'twice, in another encoding',
      query: (token) => `?token=${token}&%74oken=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'token and oauth_token',
      query: (token) => `?token=${token}&oauth_token=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'an empty token and oauth_token',
      query: (token) => `?token=&oauth_token=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'token and an empty oauth_token',
      query: (token) => `?oauth_token&token=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'token and an array of oauth_token',
      query: (token) => `?token=${token}&oauth_token[]=${token}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'a NUL behind it', query: (token) => `?token=${token}%00`, status: 400, id: 'invalid_request' },
    { of: 'a NUL before it', query: (token) => `?token=%00${token}`, status: 400, id: 'invalid_request' },
    { of: 'a space behind it', query: (token) => `?token=${token}%20`, status: 401, id: 'invalid_token' },
    { of: 'a plus sign before it', query: (token) => `?token=+${token}`, status: 401, id: 'invalid_token' },
    { of: 'a line break behind it', query: (token) => `?token=${token}%0A`, status: 401, id: 'invalid_token' },
    {
      of: 'a byte order mark before it',
      query: (token) => `?token=%EF%BB%BF${token}`,
      status: 401,
      id: 'invalid_token',
    },
    { of: 'quotes around it', query: (token) => `?token=%22${token}%22`, status: 401, id: 'invalid_token' },
    { of: 'a second equals sign', query: (token) => `?token==${token}`, status: 401, id: 'invalid_token' },
    { of: 'padding', query: (token) => `?token=${token}=`, status: 401, id: 'invalid_token' },
    { of: 'a scheme before it', query: (token) => `?token=Bearer%20${token}`, status: 401, id: 'invalid_token' },
    { of: 'a semicolon and more', query: (token) => `?token=${token};x=1`, status: 401, id: 'invalid_token' },
    { of: 'two, joined by a comma', query: (token) => `?token=${token},${token}`, status: 401, id: 'invalid_token' },
    { of: 'a JSON text', query: (token) => `?token=%5B%22${token}%22%5D`, status: 401, id: 'invalid_token' },
    {
      of: 'a doubly encoded dot',
      query: (token) => `?token=${token.replaceAll('.', '%252E')}`,
      status: 401,
      id: 'invalid_token',
    },
    {
      of: 'a full-width dot',
      query: (token) => `?token=${encodeURIComponent(token.replaceAll('.', '．'))}`,
      status: 401,
      id: 'invalid_token',
    },
    { of: '5 KiB more', query: (token) => `?token=${token}${'A'.repeat(5 * 1024)}`, status: 401, id: 'invalid_token' },
    { of: '14 KiB', query: () => `?token=${'A'.repeat(14 * 1024)}`, status: 401, id: 'invalid_token' },
    { of: '14 KiB of dots', query: () => `?token=${'.'.repeat(14 * 1024)}`, status: 401, id: 'invalid_token' },
    {
      of: 'a thousand parameters',
      query: (token) => `?${'token=&'.repeat(1000)}token=${token}`,
      status: 400,
      id: 'invalid_request',
    },
  ];

  it.each(FORMS)(
    'S13: answers $status $id for $of, and the token is as good as before',
    async ({ query, status, id }) => {
      const { id: user } = await t.world.userOf(caller);
      const token = await t.loginToken(caller, user);
      const answer = await raw(t.url, `/login${query(token)}`, { headers: { accept: 'application/json' } });
      expect(outcome(answer)).toEqual(refusal(status, id));
      expect(answer.body).toMatchObject({ id, description: expect.stringMatching(/\w/) });
      expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
      const page = await raw(t.url, `/login${query(token)}`, { headers: { accept: 'text/html' } });
      expect(outcome(page)).toEqual({ ...refusal(status, id), id: undefined });
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect((await t.login(token)).status).toBe(303);
    },
  );

  it.each([
    { of: 'an overlong UTF-8 form of a dot', query: (token: string) => `?token=${token.replaceAll('.', '%C0%AE')}` },
    { of: 'UTF-16', query: (token: string) => `?token=%FF%FE${[...token].map((letter) => `${letter}%00`).join('')}` },
    { of: 'bytes that are no UTF-8', query: (token: string) => `?token=${token}%FF` },
    { of: 'a lone surrogate', query: (token: string) => `?token=${token}%ED%A0%80` },
    { of: 'half a percent sequence', query: (token: string) => `?token=${token}%` },
    { of: 'a percent sequence that is none', query: (token: string) => `?token=${token}%zz` },
  ])('S13: refuses what is not percent-encoded UTF-8, and the token is as good as before: $of', async ({ query }) => {
    const { id: user } = await t.world.userOf(caller);
    const token = await t.loginToken(caller, user);
    const answer = await raw(t.url, `/login${query(token)}`, { headers: { accept: 'application/json' } });
    expect(outcome(answer)).toEqual(refusal(400, 'invalid_request'));
    expect((await t.login(token)).status).toBe(303);
  });

  it.each([
    { of: 'a form', type: 'application/x-www-form-urlencoded', body: (token: string) => `token=${token}` },
    { of: 'JSON', type: 'application/json', body: (token: string) => JSON.stringify({ token, oauth_token: token }) },
  ])('S13: reads no token from a body: $of', async ({ type, body }) => {
    const { id } = await t.world.userOf(caller);
    const token = await t.loginToken(caller, id);
    const headers = { accept: 'application/json', 'content-type': type, 'content-length': String(body(token).length) };
    expect(outcome(await raw(t.url, '/login', { headers, body: body(token) }))).toEqual(refusal(400, 'missing_field'));
    const ownForm = { ...headers, 'sec-fetch-site': 'same-origin' };
    expect(outcome(await raw(t.url, '/login', { method: 'POST', headers: ownForm, body: body(token) }))).toEqual(
      refusal(400, 'missing_field'),
    );
    expect((await t.login(token)).status).toBe(303);
  });

  it.each([
    {
      of: 'a cookie',
      headers: (token: string) => ({ cookie: `token=${token}; latchkey=${token}; oauth_token=${token}` }),
    },
    { of: 'an Authorization header', headers: (token: string) => ({ authorization: `Bearer ${token}` }) },
  ])('S13: reads no token from $of', async ({ headers }) => {
    const { id } = await t.world.userOf(caller);
    const token = await t.loginToken(caller, id);
    const answer = await raw(t.url, '/login', { headers: { accept: 'application/json', ...headers(token) } });
    expect(outcome(answer)).toEqual(refusal(400, 'missing_field'));
  });

  it.each([
    { of: '1 MiB', target: `/login?token=${MEBIBYTE}`, status: 431 },
    { of: '1 MiB of array elements', target: `/login?${'token[]=x&'.repeat(100_000)}`, status: 431 },
    { of: 'a NUL byte', target: '/login?token=a\0b', status: 400 },
    { of: 'a tab', target: '/login?token=a\tb', status: 400 },
    { of: 'a carriage return', target: '/login?token=a\rb', status: 400 },
    { of: 'bytes above ASCII', target: '/login?token=\xd0\xb0\xff', status: 400 },
  ])('S13: answers $status on the wire for $of', async ({ target, status }) => {
    const answer = await wire(
      t.url,
      `GET ${target} HTTP/1.1\r\nHost: latchkey.test\r\nAccept: application/json\r\nConnection: close\r\n\r\n`,
    );
    expect(outcome(answer)).toEqual(refusal(status, 'invalid_request'));
    expect(answer.body).toEqual({ id: 'invalid_request', description: expect.stringMatching(/\w/) });
    expect(answer.headers.get('x-request-id')?.trim()).toMatch(/^[\da-f-]{36}$/);
  });
});

describe('a user reference', () => {
  /** The reference of a user who may be let in, so that every way of reading it in spite of the form would answer with a token. */
  const FORMS: { of: string; path: (id: string, code: string) => string; status: number; id: string }[] = [
    { of: 'nothing', path: () => '', status: 400, id: 'missing_field' },
    { of: 'nothing behind a slash', path: () => '/', status: 400, id: 'missing_field' },
    { of: 'a parameter', path: (id) => `?user=${id}`, status: 400, id: 'missing_field' },
    { of: 'an array of parameters', path: (id) => `?user[]=${id}`, status: 400, id: 'missing_field' },
    { of: 'a blank', path: () => '/%20', status: 400, id: 'missing_field' },
    { of: 'blanks of other scripts', path: () => '/%C2%A0%E3%80%80%EF%BB%BF', status: 400, id: 'missing_field' },
    { of: 'a NUL', path: () => '/%00', status: 400, id: 'invalid_request' },
    { of: 'a NUL behind it', path: (id) => `/${id}%00`, status: 400, id: 'invalid_request' },
    { of: 'a NUL before it', path: (id) => `/%00${id}`, status: 400, id: 'invalid_request' },
    { of: 'a line break behind it', path: (id) => `/${id}%0D%0A`, status: 400, id: 'missing_field' },
    { of: 'a deletion in it', path: (id) => `/${id}%7F`, status: 400, id: 'missing_field' },
    { of: 'a space behind it', path: (id) => `/${id}%20`, status: 404, id: 'unknown_user' },
    { of: 'a zero-width space behind it', path: (id) => `/${id}%E2%80%8B`, status: 404, id: 'unknown_user' },
    { of: 'a byte order mark before it', path: (id) => `/%EF%BB%BF${id}`, status: 404, id: 'unknown_user' },
    { of: 'a direction mark in it', path: (id) => `/%E2%80%AE${id}`, status: 404, id: 'unknown_user' },
    { of: 'an asterisk', path: () => '/*', status: 404, id: 'unknown_user' },
    { of: 'a pattern', path: (id) => `/${id.slice(0, 21)}%25`, status: 404, id: 'unknown_user' },
    { of: 'an array', path: (id) => `/[]=${id}`, status: 404, id: 'unknown_user' },
    { of: 'a JSON array', path: (id) => `/%5B%22${id}%22%5D`, status: 404, id: 'unknown_user' },
    { of: 'two, joined by a comma', path: (id) => `/${id},${id}`, status: 404, id: 'unknown_user' },
    { of: 'SQL', path: (id) => `/${id}%27%20OR%20%271%27=%271`, status: 404, id: 'unknown_user' },
    { of: 'a name of a prototype', path: () => '/__proto__', status: 404, id: 'unknown_user' },
    { of: 'a dot segment', path: () => '/..', status: 404, id: 'unknown_user' },
    { of: 'an encoded dot segment', path: () => '/%2E%2E', status: 404, id: 'unknown_user' },
    {
      of: 'a doubly encoded letter',
      path: (id) => `/%25${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
      status: 404,
      id: 'unknown_user',
    },
    {
      of: 'an overlong UTF-8 form of its first letter',
      path: (id) => `/${overlong(id)}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'its full-width form', path: (id) => `/${fullWidth(id)}`, status: 404, id: 'unknown_user' },
    {
      of: 'UTF-16',
      path: (id) => `/%FE%FF${[...id].map((letter) => `%00${letter}`).join('')}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'bytes that are no UTF-8', path: (id) => `/${id}%FF`, status: 400, id: 'invalid_request' },
    { of: 'a lone high surrogate', path: (id) => `/${id}%ED%A0%80`, status: 400, id: 'invalid_request' },
    { of: 'a lone low surrogate', path: (id) => `/%ED%B0%80${id}`, status: 400, id: 'invalid_request' },
    { of: 'a pair of encoded surrogates', path: () => '/%ED%A0%BD%ED%B8%80', status: 400, id: 'invalid_request' },
    { of: 'half a percent sequence', path: (id) => `/${id}%`, status: 400, id: 'invalid_request' },
    {
      of: 'a percent sequence of another server',
      path: (id) => `/%u00${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'a third-party ID that is missing', path: (_, code) => `/${code}$`, status: 400, id: 'missing_field' },
    { of: 'a blank third-party ID', path: (_, code) => `/${code}/%20`, status: 400, id: 'missing_field' },
    { of: 'a third party that is missing', path: () => '/$4711', status: 400, id: 'missing_field' },
    { of: 'a blank third party', path: () => '/%20/4711', status: 400, id: 'missing_field' },
    { of: 'a third party with a NUL', path: (_, code) => `/${code}%00/4711`, status: 400, id: 'invalid_request' },
    { of: 'a third-party ID with a NUL', path: (_, code) => `/${code}/4711%00`, status: 400, id: 'invalid_request' },
    {
      of: 'a third-party ID with a lone surrogate',
      path: (_, code) => `/${code}/4711%ED%A0%80`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a third-party ID with bytes that are no UTF-8',
      path: (_, code) => `/${code}%244711%FF`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a third-party ID with a space behind it',
      path: (_, code) => `/${code}/4711%20`,
      status: 404,
      id: 'unknown_user',
    },
    { of: 'an array of third-party IDs', path: (_, code) => `/${code}/[]=4711`, status: 404, id: 'unknown_user' },
    { of: 'three segments', path: (_, code) => `/${code}/4711/x`, status: 404, id: 'not_found' },
    { of: '321 characters', path: () => `/${'x'.repeat(321)}`, status: 400, id: 'missing_field' },
    { of: '8 KiB', path: () => `/${'x'.repeat(8 * 1024)}`, status: 400, id: 'missing_field' },
    {
      of: 'a third-party ID of 8 KiB',
      path: (_, code) => `/${code}/${'x'.repeat(8 * 1024)}`,
      status: 400,
      id: 'missing_field',
    },
    {
      of: 'an e-mail address of 8 KiB',
      path: () => `/${'x'.repeat(8 * 1000)}@example.com`,
      status: 400,
      id: 'missing_field',
    },
  ];

  it.each(FORMS)('S13: answers $status $id for $of', async ({ path, status, id }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: user } = await t.world.userOf(caller, { thirdPartyId: [code, '4711'] });
    const answer = await raw(t.url, `${API}/access${path(user, code)}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect(outcome(answer)).toEqual(refusal(status, id));
    expect(answer.body).toEqual({ id, description: expect.stringMatching(/\w/) });
    expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    expect(await recordsFor(user)).toBe(0);
  });

  it('S13: answers 4xx for a reference that the router does not take, and does not send it back', async () => {
    const reference = 'someone'.repeat(2000);
    const answer = await raw(t.url, `${API}/access/${reference}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect(outcome(answer)).toEqual(refusal(414, 'invalid_request'));
    expect(answer.text).not.toContain('someone');
  });

  it.each([
    { of: '1 MiB', path: `/${MEBIBYTE}`, status: 431 },
    { of: 'a third-party ID of 1 MiB', path: `/LMS/${MEBIBYTE}`, status: 431 },
    { of: 'a NUL byte', path: '/a\0b', status: 400 },
    { of: 'a tab', path: '/a\tb', status: 400 },
    { of: 'bytes above ASCII', path: '/\xd0\xb0', status: 400 },
  ])('S13: answers $status on the wire for $of', async ({ path, status }) => {
    const answer = await wire(
      t.url,
      `GET ${API}/access${path} HTTP/1.1\r\nHost: latchkey.test\r\nAuthorization: Bearer ${caller.token}\r\nConnection: close\r\n\r\n`,
    );
    expect(outcome(answer)).toEqual(refusal(status, 'invalid_request'));
    expect(answer.body).toEqual({ id: 'invalid_request', description: expect.stringMatching(/\w/) });
  });
});

describe('a parameter of the access call', () => {
  const FORMS: { query: string; id: string; field: string }[] = [
    ...[
      'security[]=ssl',
      'security[x]=ssl',
      'security[]=',
      'security%5B%5D=ssl',
      'security[',
      'security=ssl&security=ssl',
      'security=ssl&security',
      'security=ssl&%73ecurity=ssl',
      'security=ssl&security[]=ssl',
    ].map((query) => ({ query, id: 'invalid_request', field: 'security' })),
    ...[
      'security',
      'security=',
      'security=%20',
      'security=+',
      'security=ssl%20',
      'security=SSL',
      'security=%EF%BB%BFssl',
      'security=%EF%BD%93%EF%BD%93%EF%BD%8C',
      'security=s%C5%BFl',
      'security=null',
      `security=${'s'.repeat(8192)}`,
    ].map((query) => ({ query, id: 'incorrect_field', field: 'security' })),
    ...[
      'returnTo[]=/a',
      'returnTo[x]=/a',
      'returnTo[]=',
      'returnTo%5B%5D=/a',
      'returnTo[',
      'returnTo=/a&returnTo=/a',
      'returnTo=/a&returnTo',
      'returnTo=/a&return%54o=/a',
      'returnTo=/a&returnTo[]=/a',
    ].map((query) => ({ query, id: 'invalid_request', field: 'returnTo' })),
    ...[
      'returnTo',
      'returnTo=',
      'returnTo=%20',
      'returnTo=+',
      'returnTo=/a%0Ab',
      'returnTo=/a%20b',
      'returnTo=/a+b',
      'returnTo=/%C3%A9',
      'returnTo=/%EF%BB%BF',
      'returnTo=%EF%BB%BF/a',
      `returnTo=/${'x'.repeat(8192)}`,
    ].map((query) => ({ query, id: 'incorrect_field', field: 'returnTo' })),
  ];

  it.each(FORMS)('S13: answers 400 $id for $query', async ({ query, id, field }) => {
    const { id: user } = await t.world.userOf(caller);
    const answer = await raw(t.url, `${API}/access/${user}?${query}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect(outcome(answer)).toEqual(refusal(400, id));
    expect(answer.body).toEqual({ id, description: expect.stringMatching(/\w/), field });
    expect(await recordsFor(user)).toBe(0);
  });

  it.each([
    ...[
      '/%FF',
      '/a%FFb',
      '/%ED%A0%80',
      '/%ED%A0%BD%ED%B8%80',
      '/%C0%AF',
      '/%E9',
      '/%zz',
      '/%',
      '/%4',
      '/%u002f',
      'https://learn.example.com/%FF',
      '%FF%FE/%00a%00',
      '%00',
      '/a%00b',
    ].map((value) => ({ field: 'returnTo', value })),
    ...['ssl%FF', '%ED%A0%80', 'ssl%', '%73%73%6', '%FF%FEs%00s%00l%00', 'ssl%00'].map((value) => ({
      field: 'security',
      value,
    })),
  ])('S13: refuses what is not text in percent-encoded UTF-8: $field=$value', async ({ field, value }) => {
    const { id: user } = await t.world.userOf(caller);
    const { status, body } = await raw(t.url, `${API}/access/${user}?${field}=${value}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect({ status, id: body.id, field: body.field }).toEqual({
      status: 400,
      id: 'invalid_request',
      field,
    });
    expect(await recordsFor(user)).toBe(0);
  });

  it('S13: answers 431 on the wire for a returnTo of 1 MiB', async () => {
    const answer = await wire(
      t.url,
      `GET ${API}/access/self?returnTo=/${MEBIBYTE} HTTP/1.1\r\nHost: latchkey.test\r\nAuthorization: Bearer ${caller.token}\r\nConnection: close\r\n\r\n`,
    );
    expect(outcome(answer)).toEqual(refusal(431, 'invalid_request'));
  });

  it.each(['utm[]=1', 'utm=1&utm=2', '__proto__[security]=x', 'constructor=x', 'security.x=y'])(
    'S13: ignores a parameter that it does not know, however it is written: %s',
    async (query) => {
      const { id: user } = await t.world.userOf(caller);
      const { status } = await raw(t.url, `${API}/access/${user}?${query}`, {
        headers: { authorization: `Bearer ${caller.token}` },
      });
      expect(status).toBe(200);
    },
  );
});

describe('references that look like one another', () => {
  it('S14: a third-party ID that is the ID of another user names the user of the third party', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller);
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, first] });
    expect(await named(first)).toBe(first);
    expect(await named(`${code}/${first}`)).toBe(second);
    expect(await named(`${code}$${first}`)).toBe(second);
  });

  it('S14: a third-party ID that is the e-mail address of another user names the user of the third party', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const address = `${newId().toLowerCase()}@academy.example`;
    const { id: first } = await t.world.userOf(caller, { emailAddress: address });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, address] });
    expect(await named(address)).toBe(first);
    expect(await named(`${code}/${address}`)).toBe(second);
    expect(await named(`${code}%24${encodeURIComponent(address)}`)).toBe(second);
  });

  it('S14: what reads as a third-party ID is never an e-mail address', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const address = `${code.toLowerCase()}$4711@academy.example`;
    const { id: first } = await t.world.userOf(caller, { emailAddress: address });
    expect(await named(first)).toBe(first);
    expect(await named(address)).toBe('unknown_user');
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, '4711@academy.example'] });
    expect(await named(address.replace(code.toLowerCase(), code))).toBe(second);
    expect(await named(address)).toBe('unknown_user');
  });

  it('S14: what has an @ is never a user ID, and what has none is never an e-mail address', async () => {
    const local = newId().toLowerCase();
    const { id } = await t.world.userOf(caller, { emailAddress: `${local}@academy.example` });
    expect(await named(`${id}@`)).toBe('unknown_user');
    expect(await named(`${id}@academy.example`)).toBe('unknown_user');
    expect(await named(local)).toBe('unknown_user');
    expect(await named(`${local}@`)).toBe('unknown_user');
  });

  it('S14: self is the caller, whatever a third party calls somebody', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [code, 'self'] });
    expect(await named('self')).toBe('not_authorized');
    expect(await named(`${code}/self`)).toBe(id);
  });

  it('S14: the same ID at two third parties is two users', async () => {
    const [one, other] = [
      await t.world.thirdParty(caller.organizationId),
      await t.world.thirdParty(caller.organizationId),
    ];
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [one, '4711'] });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [other, '4711'] });
    expect([await named(`${one}/4711`), await named(`${other}/4711`)]).toEqual([first, second]);
  });

  it('S14: the third party ends at the first dollar sign', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [code, `${code}$1`] });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, '1'] });
    expect([await named(`${code}$${code}$1`), await named(`${code}/${code}$1`), await named(`${code}$1`)]).toEqual([
      first,
      first,
      second,
    ]);
    expect(await named(`${code}$${code}/1`)).toBe('missing_field');
  });

  it.each([
    { of: 'case', one: 'Klas', other: 'klas' },
    { of: 'a space behind it', one: '14', other: '14 ' },
    { of: 'a zero before it', one: '14', other: '014' },
    { of: 'a Cyrillic letter', one: 'data', other: 'dаta' },
    { of: 'the composition of a letter', one: 'Zo\u00e9', other: 'Zoe\u0301' },
    { of: 'a percent sequence', one: 'a b', other: 'a%20b' },
    { of: 'full-width digits', one: '14', other: '１４' },
    { of: 'a letter outside the basic plane', one: '\u{1f393}', other: '\u{1f394}' },
  ])('S14: third-party IDs that differ in $of are two users', async ({ one, other }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [code, one] });
    expect(await named(`${code}/${encodeURIComponent(other)}`)).toBe('unknown_user');
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, other] });
    expect(await named(`${code}/${encodeURIComponent(one)}`)).toBe(first);
    expect(await named(`${code}/${encodeURIComponent(other)}`)).toBe(second);
  });
});

describe('e-mail addresses', () => {
  it.each([
    { of: 'case', stored: 'Noor.#@Academy.example', given: 'nOOR.#@ACADEMY.EXAMPLE' },
    {
      of: 'case outside ASCII',
      stored: 'Zoë.Ñu.Żak.ИВАН.#@academy.example',
      given: 'zoË.ñU.żAK.иван.#@academy.example',
    },
    {
      of: 'the composition of letters',
      stored: 'zo\u00eb.#@m\u00fcller.example',
      given: 'zoe\u0308.#@mu\u0308ller.example',
    },
    {
      of: 'the decomposition of letters',
      stored: 'zoe\u0308.#@mu\u0308ller.example',
      given: 'zo\u00eb.#@m\u00fcller.example',
    },
    {
      of: 'the order of combining marks',
      stored: 'a\u0323\u0302.#@academy.example',
      given: 'a\u0302\u0323.#@academy.example',
    },
    { of: 'composition and case', stored: 'ZO\u00cb.#@academy.example', given: 'zoe\u0308.#@academy.example' },
    {
      of: 'the sign of a unit that is a letter outside ASCII',
      stored: 'kelvin.\u00e5.#@academy.example',
      given: 'kelvin.\u212b.#@academy.example',
    },
    {
      of: 'case, where only the small letter has a composed form',
      stored: '\u01f0an.#@academy.example',
      given: 'J\u030cAN.#@academy.example',
    },
    {
      of: 'case, where only the small letter has a composed form, the other way round',
      stored: 'J\u030cAN.#@academy.example',
      given: '\u01f0an.#@academy.example',
    },
    {
      of: 'case and two marks, where only the small letter has a composed form',
      stored: '\u0390.#@academy.example',
      given: '\u03aa\u0301.#@academy.example',
    },
    { of: 'a space behind it', stored: 'noor.#@academy.example', given: 'noor.#@academy.example ' },
    {
      of: 'zero-width spaces around it',
      stored: 'noor.#@academy.example',
      given: '\u200bnoor.#@academy.example\u200b',
    },
    {
      of: 'marks around it',
      stored: 'noor.#@academy.example',
      given: '\ufeff\u2060noor.#@academy.example\u200e\u00a0',
    },
    { of: 'the ASCII form of the domain', stored: 'noor.#@m\u00fcller.example', given: 'noor.#@XN--Mller-kva.example' },
    {
      of: 'the Unicode form of the domain',
      stored: 'noor.#@xn--mller-kva.example',
      given: 'noor.#@M\u00dcLLER.example',
    },
    { of: 'the stops of the domain', stored: 'noor.#@m\u00fcller.example', given: 'noor.#@m\u00fcller\uff0eexample' },
  ])('S14: an address that differs in $of names the same user', async ({ stored, given }) => {
    const text = newId().toLowerCase();
    const { id } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(unique(stored, text)) });
    expect(await named(encodeURIComponent(unique(given, text)))).toBe(id);
  });

  it.each([
    'Noor.#@Academy.example',
    'J\u030cAN.#@academy.example',
    '\u1e96.H\u0331.#@academy.example',
    '\u03aa\u0301.#@academy.example',
    '\u0130.#@academy.example',
    'noor.#@XN--Mller-kva.example',
  ])('S14: the form of %s that is stored and shown names the user, too', async (pattern) => {
    const stored = normalizeEmailAddress(unique(pattern, newId().toLowerCase()));
    const { id } = await t.world.userOf(caller, { emailAddress: stored });
    expect(await named(encodeURIComponent(stored))).toBe(id);
  });

  it.each([
    { of: 'a plus-tag', one: 'noor.#@academy.example', other: 'noor.#+x@academy.example' },
    { of: 'a dot', one: 'noor.#@academy.example', other: 'no.or.#@academy.example' },
    { of: 'a dot behind the domain', one: 'noor.#@academy.example', other: 'noor.#@academy.example.' },
    { of: 'a sub-domain', one: 'noor.#@academy.example', other: 'noor.#@mail.academy.example' },
    { of: 'a Cyrillic а', one: 'anna.#@academy.example', other: '\u0430nna.#@academy.example' },
    { of: 'a Cyrillic А in upper case', one: 'anna.#@academy.example', other: '\u0410NNA.#@academy.example' },
    { of: 'a Greek ο', one: 'noor.#@academy.example', other: 'n\u03bfor.#@academy.example' },
    { of: 'a Cyrillic а in the domain', one: 'noor.#@academy.example', other: 'noor.#@\u0430cademy.example' },
    { of: 'a full-width letter', one: 'noor.#@academy.example', other: '\uff4eoor.#@academy.example' },
    { of: 'a ligature', one: 'fien.#@academy.example', other: '\ufb01en.#@academy.example' },
    { of: 'the Kelvin sign', one: 'kim.#@academy.example', other: '\u212aim.#@academy.example' },
    { of: 'a long s', one: 'sam.#@academy.example', other: '\u017fam.#@academy.example' },
    { of: 'a dotless ı', one: 'mia.#@academy.example', other: 'm\u0131a.#@academy.example' },
    { of: 'a dotted İ in upper case', one: 'mia.#@academy.example', other: 'm\u0130a.#@academy.example' },
    { of: 'ß and ss', one: 'strasse.#@academy.example', other: 'stra\u00dfe.#@academy.example' },
    { of: 'an accent', one: 'zoe.#@academy.example', other: 'zo\u00eb.#@academy.example' },
    { of: 'a zero-width joiner', one: 'noor.#@academy.example', other: 'no\u200dor.#@academy.example' },
    { of: 'quotes', one: 'noor.#@academy.example', other: '"noor.#"@academy.example' },
    { of: 'a comment', one: 'noor.#@academy.example', other: 'noor.#(x)@academy.example' },
    { of: 'a second address', one: 'noor.#@academy.example', other: 'noor.#@academy.example,x@elsewhere.example' },
    { of: 'an address in brackets', one: 'noor.#@academy.example', other: 'Noor <noor.#@academy.example>' },
  ])('S14: addresses that differ in $of are two users', async ({ one, other }) => {
    const text = newId().toLowerCase();
    const [first, second] = [unique(one, text), unique(other, text)];
    const { id: firstId } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(first) });
    expect(await named(encodeURIComponent(second))).toBe('unknown_user');
    const { id: secondId } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(second) });
    expect([await named(encodeURIComponent(first)), await named(encodeURIComponent(second))]).toEqual([
      firstId,
      secondId,
    ]);
  });

  it('S14: an address belongs to one account', async () => {
    const address = normalizeEmailAddress(`Noor.${newId()}@academy.example`);
    const { id } = await t.world.userOf(caller, { emailAddress: address });
    await expect(t.world.user({ emailAddress: normalizeEmailAddress(address.toUpperCase()) })).rejects.toThrow(
      /unique/i,
    );
    expect(await named(address)).toBe(id);
  });

  it('S14: a third-party ID belongs to one account', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [code, '4711'] });
    await expect(t.world.user({ thirdPartyId: [code, '4711'] })).rejects.toThrow(/unique/i);
    expect(await named(`${code}/4711`)).toBe(id);
  });
});

/** `#` stands for a text that no other test has. */
function unique(pattern: string, text: string): string {
  return pattern.replace('#', text);
}

/** Whom the access call takes `reference` for, or the ID of its error. */
async function named(reference: string): Promise<string> {
  const { body } = await raw(t.url, `${API}/access/${reference}`, {
    headers: { authorization: `Bearer ${caller.token}` },
  });
  return body.token ? new JwtService().decode<{ sub: string }>(body.token).sub : body.id;
}

function recordsFor(userId: string): Promise<number> {
  return t.world.write((db) => db.countBy(LoginToken, { userId }));
}

/** With the first letter in two bytes, as a careless decoder takes it. */
function overlong(text: string): string {
  const code = text.charCodeAt(0);
  const bytes = [0xc0 + (code >> 6), 0x80 + (code & 0x3f)];
  return bytes.map((byte) => `%${byte.toString(16)}`).join('') + text.slice(1);
}

function fullWidth(text: string): string {
  return encodeURIComponent([...text].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)).join(''));
}
