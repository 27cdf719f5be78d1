import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Database } from '../src/database/database.js';
import { AuditService } from '../src/audit/audit.service.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import {
  assertionOf,
  authorizeQuery,
  JWT_BEARER,
  newScene,
  newTokens,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { Scene } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
});
afterAll(() => t.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

describe('every answer', () => {
  it.each([
    '/',
    '/nowhere',
    '/api/2.1.1/version',
    '/api/2.1.1/user',
    '/login',
    '/login?token=x',
    '/session',
    '/docs',
    '/openapi.json',
    '/health',
    '/%zz',
  ])('carries a request id of its own: %s', async (path) => {
    const ids = [await t.call(path), await t.call(path)].map(({ headers }) => headers.get('x-request-id'));
    expect(ids[0]).toMatch(/^[\da-f-]{36}$/);
    expect(ids[1]).not.toBe(ids[0]);
  });
});

describe('an error', () => {
  it.each([
    { of: 'an unknown path', path: '/api/2.1.1/nowhere', status: 404, id: 'not_found' },
    { of: 'an unknown path outside of the API', path: '/nowhere', status: 404, id: 'not_found' },
    { of: 'another version of the API', path: '/api/2.2/version', status: 404, id: 'not_found' },
    { of: 'a path that is not percent-encoded', path: '/api/2.1.1/user/%zz', status: 400, id: 'invalid_request' },
  ])('is $id for $of', async ({ path, status, id }) => {
    const answer = await t.call(path);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { id, description: expect.any(String) },
    });
  });

  it.each([
    { path: '/api/2.1.1/access/someone', method: 'POST', allow: 'GET, HEAD' },
    { path: '/api/2.1.1/access/LMS/1', method: 'DELETE', allow: 'GET, HEAD' },
    { path: '/api/2/version', method: 'PUT', allow: 'GET, HEAD' },
    { path: '/login', method: 'PUT', allow: 'GET, HEAD, POST' },
    { path: '/logout', method: 'GET', allow: 'POST' },
    { path: '/session', method: 'OPTIONS', allow: 'GET, HEAD' },
    { path: '/', method: 'PATCH', allow: 'GET, HEAD' },
  ])('is method_not_allowed for $method $path, with Allow', async ({ path, method, allow }) => {
    const answer = await t.call(path, { method });
    expect({ status: answer.status, id: answer.body.id, allow: answer.headers.get('allow') }).toEqual({
      status: 405,
      id: 'method_not_allowed',
      allow,
    });
  });

  it.each([
    { of: 'a body that is not JSON', headers: { 'content-type': 'application/json' }, body: '{"a":', status: 400 },
    { of: 'a media type that nobody reads', headers: { 'content-type': 'application/xml' }, body: '<a/>', status: 415 },
    { of: 'plain text', headers: { 'content-type': 'text/plain' }, body: 'name=a', status: 415 },
    {
      of: 'a body over 64 KiB',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `a=${'x'.repeat(65_536)}`,
      status: 413,
    },
    {
      of: 'a JSON body over 64 KiB',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify('x'.repeat(65_536)),
      status: 413,
    },
  ])('is invalid_request for $of', async ({ headers, body, status }) => {
    const answer = await t.call('/logout', { method: 'POST', headers, body });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { id: 'invalid_request', description: expect.any(String) },
    });
  });

  it('is internal_error for a failure of ours, with the request id and without internals', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    jest.spyOn(t.nest.get(Database), 'write').mockRejectedValue(new Error('SELECT secret FROM internals'));
    const answer = await t.as(caller)('/access/someone');
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({
      id: 'internal_error',
      description: expect.any(String),
      requestId: answer.headers.get('x-request-id'),
    });
    expect(answer.text).not.toContain('internals');
    expect(JSON.stringify(logged.mock.calls)).toContain(answer.body.requestId);
  });

  it('is a page with the request id where a person looks', async () => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    jest.spyOn(t.nest.get(Database), 'read').mockRejectedValue(new Error('broken'));
    const page = await t.call('/', { headers: { accept: 'text/html', cookie: 'latchkey=x' } });
    expect({ status: page.status, type: page.headers.get('content-type') }).toEqual({
      status: 500,
      type: 'text/html; charset=utf-8',
    });
    expect(page.text).toContain(page.headers.get('x-request-id')!);
  });

  it.each([
    { of: 'a refused connection', error: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) },
    { of: 'a server that shuts down', error: Object.assign(new Error('terminating connection'), { code: '57P01' }) },
    { of: 'a pool without a free connection', error: new Error('timeout exceeded when trying to connect') },
    { of: 'a locked file', error: Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' }) },
    { of: 'a full disk', error: Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' }) },
  ])('is unavailable with Retry-After for $of', async ({ error }) => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    jest.spyOn(t.nest.get(Database), 'read').mockRejectedValue(error);
    const answer = await t.call('/session', { headers: { cookie: 'latchkey=x' } });
    expect({ status: answer.status, id: answer.body.id, retry: answer.headers.get('retry-after') }).toEqual({
      status: 503,
      id: 'unavailable',
      retry: '2',
    });
  });
});

const UNREACHABLE = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** What breaks, and what is answered then. */
const FAILURES = [
  {
    of: 'a database that can’t be reached',
    error: UNREACHABLE,
    answer: [503, 'temporarily_unavailable', 'unavailable', '2'],
  },
  { of: 'a failure of ours', error: new Error('SELECT secret'), answer: [500, 'server_error', 'internal_error', null] },
];

/** What is answered and logged while `place` of the service fails with `error`. */
async function failing(place: object, method: string, error: Error, ask: () => Promise<Answer>): Promise<unknown[]> {
  const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  const printed = jest.spyOn(console, 'error').mockReturnValue();
  const broken = jest.spyOn(place as Record<string, () => Promise<void>>, method).mockRejectedValue(error);
  const { status, headers, body, text } = await ask();
  expect(broken).toHaveBeenCalled();
  broken.mockRestore();
  expect(printed).not.toHaveBeenCalled();
  expect(JSON.stringify(logged.mock.calls)).toContain(error.message);
  expect(text).not.toContain(error.message);
  expect(body.description).toBe(body.error_description);
  expect([headers.get('cache-control'), headers.get('x-request-id')]).toEqual(['no-store', expect.any(String)]);
  return [status, body.error, body.id, headers.get('retry-after')];
}

describe('an error of the authorization server', () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await newScene(t);
  });

  it.each(FAILURES)(
    'is, for $of when the engine reads or writes, what the contract says',
    async ({ error, answer }) => {
      const database = t.nest.get(Database);
      const { refresh_token } = await newTokens(scene);
      const refresh = { grant_type: 'refresh_token', refresh_token };
      const assertion = { grant_type: JWT_BEARER, assertion: await assertionOf(t, scene.account) };
      for (const ask of [
        () => requestToken(t.url, refresh, scene.client),
        () => requestToken(t.url, { ...refresh, grant_type: 'authorization_code', code: 'x' }, scene.client),
        () => requestToken(t.url, assertion),
        () => requestToken(t.url, { token: refresh_token }, scene.client, '/oauth/revoke'),
      ])
        expect(await failing(database, 'read', error, ask)).toEqual(answer);
      expect(await failing(database, 'write', error, () => requestToken(t.url, refresh, scene.client))).toEqual(answer);
    },
  );

  it.each(FAILURES)('is, for $of when it is recorded, the same, with no token', async ({ error, answer }) => {
    const audit = t.nest.get(AuditService, { strict: false });
    const { access_token, refresh_token } = await newTokens(scene);
    const refresh = { grant_type: 'refresh_token', refresh_token };
    expect(await failing(audit, 'write', error, () => requestToken(t.url, refresh, scene.client))).toEqual(answer);
    const revoke = (): Promise<Answer> => requestToken(t.url, { token: access_token }, scene.client, '/oauth/revoke');
    expect(await failing(audit, 'record', error, revoke)).toEqual(answer);
    // What is not recorded has not happened.
    expect((await t.as({ token: access_token })('/user')).status).toBe(200);
  });

  it.each(FAILURES)('is, for $of where a person looks, a page with the request id', async ({ error, answer }) => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    // The interaction that leads to the page where a user signs in.
    jest.spyOn(t.nest.get(Database), 'write').mockRejectedValue(error);
    const path = `/oauth/authorize?${authorizeQuery(scene.client)}`;
    const { status, headers, text } = await t.call(path, { headers: { accept: 'text/html' } });
    expect([status, headers.get('content-type'), headers.get('retry-after'), headers.get('cache-control')]).toEqual([
      answer[0],
      'text/html; charset=utf-8',
      answer[3],
      'no-store',
    ]);
    expect(text).toContain(headers.get('x-request-id')!);
    // The secret that a sign-in is bound to is the browser's own, and nobody is signed in with it.
    const cookies = headers.getSetCookie().filter((cookie) => !cookie.startsWith('latchkey_browser='));
    expect([headers.get('location'), cookies]).toEqual([null, []]);
  });

  it('can be read by the script of a client', async () => {
    const headers = { origin: new URL(REDIRECT_URI).origin, 'content-type': 'application/x-www-form-urlencoded' };
    const { id: client_id } = scene.publicClient;
    const body = new URLSearchParams({ client_id, grant_type: 'refresh_token', refresh_token: 'x' }).toString();
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const database = t.nest.get(Database);
    const real = database.read.bind(database);
    jest.spyOn(database, 'read').mockImplementation((statement, parameters) =>
      // The client itself is found: nothing is allowed to a page of somebody else.
      statement.name === 'find_oauth_record' ? Promise.reject(UNREACHABLE) : real(statement, parameters),
    );
    const answer = await t.call('/oauth/token', { method: 'POST', headers, body });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([503, headers.origin]);
  });
});

describe('GET version', () => {
  it('needs no authentication', async () => {
    expect((await t.call('/api/2.1.1/version')).body).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});
