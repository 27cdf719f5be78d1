import { describe, expect, it } from '@jest/globals';
import { raw, wire } from '../../support/raw.js';
import { API, MEBIBYTE, caller, outcome, recordsFor, refusal, setUp, t } from './setup.js';

setUp();

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
