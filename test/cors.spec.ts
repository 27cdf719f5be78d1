import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { Database } from '../src/database/database.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

const APP = 'https://app.example';
const CONFIDENTIAL = 'https://server.example';
const STRANGER = 'https://evil.example';

/** What a page of an application may read. */
const READABLE = [
  ['GET', '/api/2.1.1/user'],
  ['GET', '/api/2/groups'],
  ['GET', '/api/2.1.1/nowhere'],
  ['POST', '/oauth/token'],
  ['POST', '/oauth/revoke'],
  ['GET', '/oauth/keys'],
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/openid-configuration'],
  ['GET', '/oauth/userinfo'],
  ['POST', '/oauth/userinfo'],
] as const;

/** What no page of another origin reads, whoever it belongs to. */
const OWN = [
  ['GET', '/login?token=x'],
  ['POST', '/login'],
  ['GET', '/session'],
  ['POST', '/logout'],
  ['GET', '/forward-auth'],
  ['GET', '/'],
  ['GET', '/oauth/authorize?client_id=x'],
  ['GET', '/oauth/interaction/x'],
  ['GET', '/docs'],
] as const;

let t: TestApp;
let admin: TestCaller;
let clientId: string;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  const make = async (fields: object): Promise<string> => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'C', ...fields });
    const answer = await t.as(admin)('/clients', { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    return answer.body.id;
  };
  clientId = await make({ isPublic: true, redirectUris: [`${APP}/callback`, 'com.example.app:/callback'] });
  await make({ redirectUris: [`${CONFIDENTIAL}/callback`] });
});
afterAll(() => t.stop());

function from(origin: string, method: string, path: string, more: Record<string, string> = {}): Promise<Answer> {
  return t.call(path, { method, headers: { origin, authorization: `Bearer ${admin.token}`, ...more } });
}

function preflight(origin: string, method: string, path: string): Promise<Answer> {
  const asked = { 'access-control-request-method': method, 'access-control-request-headers': 'authorization' };
  return t.call(path, { method: 'OPTIONS', headers: { origin, ...asked } });
}

describe('a page of a public client', () => {
  it.each(READABLE)('reads %s %s, and no cookie goes with it', async (method, path) => {
    const before = await preflight(APP, method, path);
    expect([before.status, before.headers.get('access-control-allow-origin')]).toEqual([204, APP]);
    expect(before.headers.get('access-control-allow-methods')!.split(', ')).toContain(method);
    expect(before.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type');
    expect(before.headers.get('access-control-max-age')).toBe('600');
    const { headers } = await from(APP, method, path);
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('access-control-expose-headers')).toContain('X-Request-Id');
    for (const answer of [before.headers, headers]) {
      expect(answer.get('vary')).toContain('Origin');
      expect(answer.get('access-control-allow-credentials')).toBeNull();
    }
  });

  it.each(OWN)('does not read %s %s', async (method, path) => {
    for (const { headers } of [await preflight(APP, method, path), await from(APP, method, path)])
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it('reads nothing any more within two seconds of the end of its client', async () => {
    const { id } = (
      await t.as(admin)('/clients', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'C', isPublic: true, redirectUris: ['https://old.example/cb'] }),
      })
    ).body;
    t.clock.advance(2);
    expect((await from('https://old.example', 'GET', '/oauth/keys')).headers.get('access-control-allow-origin')).toBe(
      'https://old.example',
    );
    await t.as(admin)(`/client/${id}`, { method: 'DELETE' });
    t.clock.advance(2);
    expect(
      (await from('https://old.example', 'GET', '/oauth/keys')).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });
});

it.each([STRANGER, CONFIDENTIAL, 'null', `${APP}.evil.example`, 'http://app.example'])(
  'a page of %s reads nothing',
  async (origin) => {
    for (const [method, path] of READABLE) {
      const before = await preflight(origin, method, path);
      expect(before.status).not.toBe(204);
      const after = await from(origin, method, path);
      for (const { headers } of [before, after]) {
        expect(headers.get('access-control-allow-origin')).toBeNull();
        expect(headers.get('vary')).toContain('Origin');
      }
    }
  },
);

it('a private-use scheme that begins with http makes no origin, not even that of pages that have none', async () => {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ name: 'C', isPublic: true, redirectUris: ['http.example.app:/callback'] });
  expect((await t.as(admin)('/clients', { method: 'POST', headers, body })).status).toBe(200);
  t.clock.advance(2);
  const answer = await from('null', 'GET', '/api/2.1.1/user');
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  expect((await preflight('null', 'GET', '/api/2.1.1/user')).status).not.toBe(204);
});

it('however many origins ask, the database is asked once in a second and a half', async () => {
  t.clock.advance(2);
  const read = jest.spyOn(t.nest.get(Database), 'read');
  for (let number = 0; number < 30; number++) await preflight(`https://${number}.example`, 'GET', '/api/2.1.1/user');
  const asked = read.mock.calls.filter(([statement]) => statement.name === 'load_browser_origins');
  read.mockRestore();
  expect(asked).toHaveLength(1);
  expect(clientId).toMatch(/^[\da-f]{32}$/);
});
