import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { OAuthRecord } from '../../src/schema/entities/oauth-record.entity.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { PasswordsService } from '../../src/users/passwords.service.js';
import { call, outcome, TestApp, testEnvironment } from '../support/app.js';
import {
  actionOf,
  authorizeQuery,
  Browser,
  newCode,
  newPerson,
  newScene,
  newTokens,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
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

/** What ends all that an account has signed in for; afterwards it may be used again, if it is still there. */
const ENDS: { when: string; end: (id: string, admin: TestCaller) => Promise<unknown> }[] = [
  {
    when: 'its password is set',
    end: (id) => t.nest.get(PasswordsService, { strict: false }).set(id, 'another long password'),
  },
  {
    when: 'it is blocked, also once it is active again',
    end: async (id, admin) => {
      for (const status of ['BLOCKED', 'ACTIVE']) await t.send(admin, 'PUT', `/user/${id}`, { status });
    },
  },
  { when: 'it is deleted', end: (id, admin) => t.send(admin, 'DELETE', `/user/${id}`) },
];

describe('S28: of an account', () => {
  it.each(ENDS)('no sign-in, code or token is left when $when', async ({ end }) => {
    const scene = await newScene(t);
    const admin = await t.world.caller({ organizationId: scene.organizationId, permissions: [...PERMISSIONS] });
    const { person, client } = scene;
    const bystander = await newTokens({ ...scene, person: await newPerson(t, scene.organizationId) });
    const tokens = await newTokens(scene);
    const code = await newCode(scene);
    const signedIn = new Browser(t);
    await signedIn.authorize(authorizeQuery(client), person.emailAddress);
    const { halfway, resume } = await signInHalfway(authorizeQuery(client), person.emailAddress);

    await end(person.id, admin);
    t.clock.advance(2);
    const ask = async (fields: Record<string, string>): Promise<string | undefined> =>
      (await requestToken(t.url, fields, client)).body.error;
    const refresh = (refresh_token: string): Promise<string | undefined> =>
      ask({ grant_type: 'refresh_token', refresh_token });
    expect({
      refreshed: await refresh(tokens.refresh_token),
      exchanged: await ask({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI }),
      called: (await t.as({ token: tokens.access_token })('/user')).status,
      page: /<h1>([^<]*)/.exec((await signedIn.open(`/oauth/authorize?${authorizeQuery(client)}`)).text)?.[1],
      resumed: (await halfway.open(resume)).status,
      records: await t.world.write((db) => db.countBy(OAuthRecord, { accountId: person.id })),
    }).toEqual({
      refreshed: 'invalid_grant',
      exchanged: 'invalid_grant',
      called: 401,
      page: 'Sign in',
      resumed: 400,
      records: 0,
    });
    expect((await t.as({ token: bystander.access_token })('/user')).status).toBe(200);
    expect(await refresh(bystander.refresh_token)).toBeUndefined();
    t.clock.reset();
  });
});

/** A browser that has given the right password, and has not come back to where it was sent from. */
async function signInHalfway(query: string, email: string): Promise<{ halfway: Browser; resume: string }> {
  let resume: string | null = null;
  const halfway = new Browser({
    call: async (path, options) => {
      if (resume === null && path.startsWith('/oauth/authorize/')) {
        resume = path;
        return t.call('/health');
      }
      return t.call(path, options);
    },
  });
  await halfway.open(actionOf(await halfway.open(`/oauth/authorize?${query}`)), { email, password: PASSWORD });
  return { halfway, resume: resume! };
}
