import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { Database } from '../../src/database/database.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import { Group } from '../../src/schema/entities/group.entity.js';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { BY_ITSELF, call, outcome, TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import type { TestCaller } from '../support/world.js';

let t: TestApp;
let other: NestFastifyApplication;
let otherUrl: string;

beforeAll(async () => {
  t = await TestApp.start();
  await t.world.user({ emailAddress: 'somebody@s29.example' });
  other = await createApp(loadSettings(testEnvironment()));
  await other.listen(0, '127.0.0.1');
  otherUrl = await other.getUrl();
});
afterAll(async () => {
  await other.close();
  await t.stop();
});
afterEach(() => {
  jest.restoreAllMocks();
});

interface Scene {
  caller: TestCaller;
  user: string;
  groupId: string;
  anotherOrganizationId: string;
}

interface Loss {
  what: string;
  lose: (db: EntityManager, scene: Scene) => Promise<unknown>;
}

/** Written past the service, so that nothing but the check itself can notice. */
const LOSSES: Loss[] = [
  { what: 'the user is blocked', lose: (db, { user }) => db.update(User, { id: user }, { status: 'BLOCKED' }) },
  { what: 'the user is gone', lose: (db, { user }) => db.delete(User, { id: user }) },
  {
    what: 'the user has left the group',
    lose: (db, { user, groupId }) => db.delete(Membership, { userId: user, groupId }),
  },
  {
    what: 'the user is only invited',
    lose: (db, { user, groupId }) =>
      db.update(Membership, { userId: user, groupId }, { status: 'INVITED', joinedAt: null, invitedAt: new Date() }),
  },
  {
    what: 'the group belongs to another organization',
    lose: (db, { groupId, anotherOrganizationId }) =>
      db.update(Group, { id: groupId }, { organizationId: anotherOrganizationId }),
  },
  {
    what: 'the caller has only VIEW',
    lose: (db, { caller, groupId }) => db.update(GroupStaff, { userId: caller.id, groupId }, { permission: 'VIEW' }),
  },
  {
    what: 'the caller may obtain no tokens',
    lose: (db, { caller }) => db.delete(AccountPermission, { userId: caller.id, permission: 'OBTAIN_ACCESS_TOKENS' }),
  },
  {
    what: 'the caller is blocked',
    lose: (db, { caller }) => db.update(User, { id: caller.id }, { status: 'BLOCKED' }),
  },
  {
    what: 'the caller is on nobody’s staff',
    lose: (db, { caller }) => db.update(User, { id: caller.id }, { staffOrganizationId: null }),
  },
  { what: 'the client is gone', lose: (db, { caller }) => db.delete(Client, { id: caller.clientId }) },
];

async function scene(): Promise<Scene> {
  const caller = await t.world.caller();
  const { id: user, groupId } = await t.world.userOf(caller);
  return { caller, user, groupId, anotherOrganizationId: await t.world.organization() };
}

function login(url: string, token: string): Promise<Answer> {
  return call(url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

describe.each(LOSSES)('when $what', ({ lose }) => {
  it('S26: a token that was issued before starts no session', async () => {
    const given = await scene();
    const token = await t.loginToken(given.caller, given.user);
    await t.world.write((db) => lose(db, given));
    expect(outcome(await login(t.url, token))).toEqual([401, 'invalid_token']);
  });

  it('S4: an instance that has just decided otherwise decides by the database', async () => {
    const given = await scene();
    const access = (): Promise<Answer> =>
      call(otherUrl, `/api/2.1.1/access/${given.user}`, { headers: { authorization: `Bearer ${given.caller.token}` } });
    const before = await access();
    expect(before.status).toBe(200);
    await t.world.write((db) => lose(db, given));
    expect([401, 403, 404]).toContain((await access()).status);
    expect(outcome(await login(otherUrl, before.body.token))).toEqual([401, 'invalid_token']);
  });
});

async function withoutRights(): Promise<TestCaller> {
  const caller = await t.world.caller({ permissions: [] });
  await t.world.write((db) => db.update(User, { id: caller.id }, { staffOrganizationId: null }));
  return caller;
}

describe('S29: whoever may not ask learns nothing about who exists', () => {
  /** What is called, with the account that it is about. */
  const CALLS = [
    { method: 'GET', path: '/access/{user}' },
    { method: 'GET', path: '/user/{user}' },
    { method: 'PUT', path: '/user/{user}' },
    { method: 'DELETE', path: '/user/{user}' },
    { method: 'GET', path: '/user/{user}/third-party-ids' },
    { method: 'GET', path: '/user/{user}/permissions' },
    { method: 'PUT', path: '/user/{user}/permissions/MANAGE_USERS' },
    { method: 'PUT', path: '/organization/self/staff/{user}' },
    { method: 'DELETE', path: '/organization/self/staff/{user}' },
  ];

  it.each(CALLS)('$method $path answers the same for somebody and for nobody', async ({ method, path }) => {
    const caller = await withoutRights();
    const [somebody, nobody] = await Promise.all(
      ['somebody@s29.example', 'nobody@s29.example'].map((ref) =>
        t.as(caller)(path.replace('{user}', ref), { method }),
      ),
    );
    expect({ status: somebody!.status, text: somebody!.text }).toEqual({ status: nobody!.status, text: nobody!.text });
    expect([401, 403]).toContain(somebody!.status);
  });

  it('the access call asks the database the same, so that its time tells nothing either', async () => {
    const caller = await withoutRights();
    const database = t.nest.get(Database);
    const [read, write] = [jest.spyOn(database, 'read'), jest.spyOn(database, 'write')];
    const asked = async (ref: string): Promise<string[]> => {
      // The state of the token is asked for now and then, whoever is named.
      await t.as(caller)(`/access/${ref}`);
      read.mockClear();
      write.mockClear();
      await t.as(caller)(`/access/${ref}`);
      const names = [...read.mock.calls, ...write.mock.calls].map(([{ name }]) => name);
      return names.filter((name) => !BY_ITSELF.has(name));
    };
    const forNobody = await asked('nobody@s29.example');
    expect(forNobody.length).toBeGreaterThan(0);
    expect(await asked('somebody@s29.example')).toEqual(forNobody);
  });

  it.each(['/user/{user}', '/user/{user}/third-party-ids', '/user/{user}/email-addresses'])(
    'GET %s reads no more for somebody than for nobody, so that its time tells nothing either',
    async (path) => {
      const { subscribers } = t.nest.get(DataSource);
      const loaded: string[] = [];
      subscribers.push({ afterLoad: ({ constructor }: object) => void loaded.push(constructor.name) });
      const rowsFor = async (caller: TestCaller, ref: string): Promise<string[]> => {
        loaded.length = 0;
        await t.as(caller)(path.replace('{user}', ref));
        return [...loaded];
      };
      for (const caller of [await withoutRights(), await t.world.caller()])
        expect(await rowsFor(caller, 'somebody@s29.example')).toEqual(await rowsFor(caller, 'nobody@s29.example'));
      subscribers.pop();
    },
  );
});
