import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app.setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { call, outcome, TestApp, testEnvironment } from '../support/app.js';
import type { TestCaller } from '../support/world.js';

/** The longest that an instance may go on with what another has taken away, in milliseconds. */
const STALENESS = 2000;

let t: TestApp;
const others: { nest: NestFastifyApplication; url: string }[] = [];

beforeAll(async () => {
  t = await TestApp.start();
  for (let i = 0; i < 2; i++) {
    const nest = await createApp(loadSettings(testEnvironment()));
    await nest.listen(0, '127.0.0.1');
    others.push({ nest, url: await nest.getUrl() });
  }
});
afterAll(async () => {
  await Promise.all(others.map(({ nest }) => nest.close()));
  await t.stop();
});

/** A host that may let `user` in by `groupId`. */
interface Scene {
  host: TestCaller;
  user: string;
  groupId: string;
}

interface Case {
  gone: string;
  method: 'PUT' | 'DELETE';
  path: (scene: Scene) => string;
  fields?: Record<string, string>;
}

const BLOCKED = { status: 'BLOCKED' };
const CASES: Case[] = [
  { gone: 'the membership', method: 'DELETE', path: ({ groupId, user }) => `/group/${groupId}/members/${user}` },
  { gone: 'the group', method: 'DELETE', path: ({ groupId }) => `/group/${groupId}` },
  { gone: 'the right', method: 'DELETE', path: ({ groupId, host }) => `/group/${groupId}/staff/${host.id}/MANAGE` },
  { gone: 'the permission', method: 'DELETE', path: ({ host }) => `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS` },
  { gone: 'an active user', method: 'PUT', path: ({ user }) => `/user/${user}`, fields: BLOCKED },
  { gone: 'an active host', method: 'PUT', path: ({ host }) => `/user/${host.id}`, fields: BLOCKED },
  { gone: 'the user', method: 'DELETE', path: ({ user }) => `/user/${user}` },
  { gone: 'the client', method: 'DELETE', path: ({ host }) => `/client/${host.clientId}` },
];

describe('S28 on every instance', () => {
  it.each(CASES)('without $gone there is no session, no token, and no access', async ({ method, path, fields }) => {
    const admin = await t.world.caller({
      permissions: [
        'OBTAIN_ACCESS_TOKENS',
        'MANAGE_USERS',
        'MANAGE_STAFF',
        'MANAGE_ALL_GROUPS',
        'MANAGE_SERVICE_ACCOUNTS',
      ],
    });
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const { id: user, groupId } = await t.world.userOf(host);
    const cookie = await t.signIn(host, user);
    const token = await t.loginToken(host, user);
    const session = (url: string) => call(url, '/session', { headers: { cookie } });
    // Each instance has seen the session, so each could have kept it.
    for (const { url } of others) expect((await session(url)).status).toBe(200);

    const { status } = await t.send(admin, method, path({ host, user, groupId }), fields);
    expect([200, 204]).toContain(status);
    const end = Date.now() + STALENESS;
    for (const { url } of others) {
      const access = await call(url, `/api/2.1.1/access/${user}`, {
        headers: { authorization: `Bearer ${host.token}` },
      });
      expect([401, 403, 404]).toContain(access.status);
      const login = await call(url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
      expect(outcome(login)).toEqual([401, 'invalid_token']);
      while ((await session(url)).status !== 401) expect(Date.now()).toBeLessThan(end);
    }
  });
});
