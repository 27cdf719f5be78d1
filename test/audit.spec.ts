import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { AUDIT_EVENTS } from '../src/schema/entities/audit-events.js';
import { AuditService, REFUSALS_PER_MINUTE } from '../src/audit/audit.service.js';
import { ImportService } from '../src/bulk/import.service.js';
import { newId } from '../src/common/id.js';
import { Settings } from '../src/config/settings.js';
import { MaintenanceService } from '../src/maintenance/maintenance.service.js';
import { Client } from '../src/schema/entities/client.entity.js';
import { SigningKeysService } from '../src/tokens/signing-keys.service.js';
import { AccountPermission, PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { PasswordsService } from '../src/users/passwords.service.js';
import { UnverifiedEmailAddress } from '../src/schema/entities/unverified-email-address.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import { runCommand } from './support/command-line.js';
import { decode } from './support/forge.js';
import {
  actionOf,
  assertionOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newClient,
  newCode,
  newScene,
  newTokens,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { Scene } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
/** Administers everything in the organization. */
let admin: TestCaller;
/** Lets `user` in by way of `group`. */
let host: TestCaller;
let user: string;
let group: string;
let code: string;
let oauth: Scene;
const recorded = new Set<string>();

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  oauth = await newScene(t);
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  ({ id: user, groupId: group } = await t.world.userOf(host));
  code = await t.world.thirdParty(admin.organizationId);
});

type Row = Partial<Omit<AuditEvent, 'id' | 'at'>>;

function everything(): Promise<AuditEvent[]> {
  return t.world.write((db) => db.find(AuditEvent, { order: { id: 'ASC' } }));
}

/** What is recorded by `action`: the columns that are filled in, in the order of time. */
async function recordedBy(action: () => Promise<unknown>): Promise<Row[]> {
  const before = new Set((await everything()).map(({ id }) => id));
  await action();
  const rows = (await everything()).filter(({ id }) => !before.has(id));
  return rows.map((row) => {
    recorded.add(row.event);
    return Object.fromEntries(
      Object.entries(row)
        .filter(([name, value]) => value !== null && name !== 'id' && name !== 'at')
        .map(([name, value]) => [name, name === 'details' ? JSON.parse(value as string) : value]),
    );
  });
}

/** The columns that are the same in most rows: who did it, in whose organization. */
function by(caller: TestCaller): { organizationId: string; actorId: string; clientId: string } {
  return { organizationId: caller.organizationId, actorId: caller.id, clientId: caller.clientId };
}

function withEvent(event: string, row: Row): Row {
  return Object.assign(row, { event });
}

function put(caller: TestCaller, path: string, fields: Record<string, string> = {}): Promise<Answer> {
  return ok(t.send(caller, 'PUT', path, fields));
}

function remove(caller: TestCaller, path: string): Promise<Answer> {
  return ok(t.send(caller, 'DELETE', path));
}

async function ok(call: Promise<Answer>): Promise<Answer> {
  const answer = await call;
  if (answer.status >= 400) throw new Error(`${answer.status} ${answer.text}`);
  return answer;
}

/** What a command prints for a program. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(t, ...args);
  if (code !== 0) throw new Error(stderr);
  return stdout.trimEnd();
}

function jtiOf(token: string): string {
  return decode(token).payload.jti as string;
}

async function sessionOf(token: string): Promise<string> {
  const { body } = await t.as(admin)(`/audit?event=SESSION_STARTED`);
  return body.events.find((event: { token: string }) => event.token === jtiOf(token)).session;
}

/** One thing that is done, and all that is recorded of it. */
interface Case {
  what: string;
  /** What has to be there before. */
  given?: () => Promise<unknown>;
  action: () => Promise<unknown>;
  rows: () => Row[];
}

const ADMINISTRATION: Case[] = [
  {
    what: 'an account that is made',
    action: () => t.send(admin, 'POST', '/users', { name: 'Bo', thirdParty: code, thirdPartyId: '9' }),
    rows: () => [{ event: 'ACCOUNT_CREATED', ...by(admin), userId: expect.stringMatching(/^[\w-]{22}$/) as never }],
  },
  {
    what: 'an account that is changed, by the names of its fields',
    action: () => put(admin, `/user/${user}`, { name: 'Secret', description: 'Nobody’s business' }),
    rows: () => [
      { event: 'ACCOUNT_CHANGED', ...by(admin), userId: user, details: { fields: ['name', 'description'] } as never },
    ],
  },
  {
    what: 'an account that is blocked, and then is not',
    action: async () => {
      await put(admin, `/user/${user}`, { status: 'BLOCKED' });
      await put(admin, `/user/${user}`, { status: 'BLOCKED' });
      await put(admin, `/user/${user}`, { status: 'ACTIVE' });
    },
    rows: () => [
      { event: 'ACCOUNT_BLOCKED', ...by(admin), userId: user },
      { event: 'ACCOUNT_UNBLOCKED', ...by(admin), userId: user },
    ],
  },
  {
    what: 'an account that is deleted',
    action: () => remove(admin, `/user/${user}`),
    rows: () => [{ event: 'ACCOUNT_DELETED', ...by(admin), userId: user }],
  },
  {
    what: 'a third-party ID, given once and taken away',
    action: async () => {
      await put(admin, `/user/${user}/third-party-id/${code}/7`);
      await put(admin, `/user/${user}/third-party-id/${code}/7`);
      await remove(admin, `/user/${user}/third-party-id/${code}/7`);
      await put(admin, `/user/${user}`, { thirdParty: code, thirdPartyId: '8' });
    },
    rows: () =>
      ['THIRD_PARTY_ID_ASSIGNED', 'THIRD_PARTY_ID_REMOVED', 'THIRD_PARTY_ID_ASSIGNED'].map((event) =>
        withEvent(event, { ...by(admin), userId: user, details: { thirdParty: code } as never }),
      ),
  },
  {
    what: 'a permission, given once and taken away once',
    action: async () => {
      for (const _ of [1, 2]) await put(admin, `/user/${host.id}/permissions/MANAGE_USERS`);
      for (const _ of [1, 2]) await remove(admin, `/user/${host.id}/permissions/MANAGE_USERS`);
    },
    rows: () =>
      ['PERMISSION_GRANTED', 'PERMISSION_REVOKED'].map((event) =>
        withEvent(event, { ...by(admin), userId: host.id, details: { permission: 'MANAGE_USERS' } as never }),
      ),
  },
  {
    what: 'staff that is appointed and dismissed',
    action: async () => {
      await put(admin, `/organization/self/staff/${user}`);
      await remove(admin, `/organization/self/staff/${user}`);
    },
    rows: () => [
      { event: 'STAFF_APPOINTED', ...by(admin), userId: user },
      { event: 'STAFF_DISMISSED', ...by(admin), userId: user },
    ],
  },
  {
    what: 'e-mail addresses that come, are verified by a link, and go',
    action: async () => {
      const mine = `claimed.${code.toLowerCase()}@mail.example`;
      const path = `/user/${user}/email-address/further.${code.toLowerCase()}@mail.example`;
      await put(admin, path);
      await t.world.write((db) => db.insert(UnverifiedEmailAddress, { userId: user, address: mine, isPrimary: false }));
      const { body } = await t.send(admin, 'POST', `/user/${user}/email-address/${mine}/verification-links`);
      await t.call(body.url.replace(PUBLIC_URL, ''), { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } });
      await remove(admin, `/user/${user}/email-address/${mine}`);
    },
    rows: () => [
      withEvent('EMAIL_ADDRESS_ADDED', { ...by(admin), userId: user, details: { verified: true } as never }),
      withEvent('EMAIL_ADDRESS_LINK_MADE', { ...by(admin), userId: user }),
      withEvent('EMAIL_ADDRESS_VERIFIED', { organizationId: admin.organizationId, userId: user }),
      withEvent('EMAIL_ADDRESS_REMOVED', { ...by(admin), userId: user, details: { verified: true } as never }),
    ],
  },
  {
    what: 'an account that is made for staff',
    action: () => put(admin, '/organization/self/staff/new@staff.example', { name: 'New' }),
    rows: () => [
      { event: 'ACCOUNT_CREATED', ...by(admin), userId: expect.any(String) as never },
      { event: 'STAFF_APPOINTED', ...by(admin), userId: expect.any(String) as never },
    ],
  },
  {
    what: 'a group that is made, changed and deleted',
    action: async () => {
      const { body } = await t.send(admin, 'POST', '/groups', { name: 'G', description: 'G' });
      await put(admin, `/group/${body.id}`, { name: 'H' });
      await remove(admin, `/group/${body.id}`);
    },
    rows: () => [
      { event: 'GROUP_CREATED', ...by(admin), groupId: expect.any(String) as never },
      {
        event: 'GROUP_CHANGED',
        ...by(admin),
        groupId: expect.any(String) as never,
        details: { fields: ['name'] } as never,
      },
      { event: 'GROUP_DELETED', ...by(admin), groupId: expect.any(String) as never },
    ],
  },
  {
    what: 'a right on a group, changed and taken away',
    action: async () => {
      await put(admin, `/group/${group}/staff/${host.id}/MANAGE`);
      await put(admin, `/group/${group}/staff/${host.id}/VIEW`);
      await remove(admin, `/group/${group}/staff/${host.id}/VIEW`);
    },
    rows: () =>
      ['GROUP_RIGHT_GRANTED', 'GROUP_RIGHT_REVOKED'].map((event) =>
        withEvent(event, { ...by(admin), userId: host.id, groupId: group, details: { permission: 'VIEW' } as never }),
      ),
  },
  {
    what: 'a member who joins and is removed',
    action: async () => {
      await put(admin, `/group/${group}/members/${host.id}`);
      await remove(admin, `/group/${group}/members/${host.id}`);
    },
    rows: () => [
      { event: 'MEMBER_JOINED', ...by(admin), userId: host.id, groupId: group },
      { event: 'MEMBER_REMOVED', ...by(admin), userId: host.id, groupId: group },
    ],
  },
  {
    what: 'an import, once for all its accounts and by nobody',
    action: async () => {
      const path = join(tmpdir(), `${newId()}.csv`);
      writeFileSync(path, `name,thirdPartyId.${code},group\nAya,a1,${group}\nBea,b1,\n`);
      await t.nest.get(ImportService, { strict: false }).import(path, {
        organization: admin.organizationId,
        createGroups: false,
        dryRun: false,
        onFault: ({ error }) => {
          throw error;
        },
        onProgress: () => {},
      });
    },
    rows: () => [
      {
        event: 'ACCOUNTS_IMPORTED',
        organizationId: admin.organizationId,
        details: { created: 2, changed: 0, joined: 1 } as never,
      },
    ],
  },
];

describe('the record has', () => {
  it.each(ADMINISTRATION)('$what', async ({ action, rows }) => {
    const found = await recordedBy(action);
    expect(found).toEqual(rows());
  });

  it('an invitation with the answer to it, by the one who gave it', async () => {
    const invited = await t.world.caller();
    const path = `/group-invitation/${group}`;
    const found = await recordedBy(async () => {
      for (const action of ['DECLINE', 'ACCEPT']) {
        await put(admin, `/group/${group}/members/${invited.id}`);
        await put(invited, path, { action });
      }
    });
    const about = { organizationId: admin.organizationId, userId: invited.id, groupId: group };
    const answer = { ...about, actorId: invited.id, clientId: invited.clientId };
    expect(found).toEqual([
      { event: 'MEMBER_INVITED', ...about, ...by(admin) },
      { event: 'INVITATION_DECLINED', ...answer },
      { event: 'MEMBER_INVITED', ...about, ...by(admin) },
      { event: 'INVITATION_ACCEPTED', ...answer },
    ]);
  });

  it('nothing of what was refused and so did not happen', async () => {
    const found = await recordedBy(async () => {
      expect((await t.send(host, 'PUT', `/user/${user}/permissions/MANAGE_USERS`)).status).toBe(403);
      expect((await t.send(host, 'DELETE', `/user/${user}`)).status).toBe(403);
      expect((await t.send(admin, 'PUT', `/group/${group}/members/${user}`)).status).toBe(400);
      expect(
        (await t.send(admin, 'POST', '/users', { name: 'x', emailAddress: 'a@b.example', locale: '!' })).status,
      ).toBe(400);
    });
    expect(found).toEqual([]);
  });
});

describe('of a login, the record has', () => {
  let token: string;
  let about: Row;
  beforeEach(async () => {
    token = await t.loginToken(host, user);
    about = { ...by(host), userId: user, groupId: group, tokenId: jtiOf(token) };
  });

  it('the token and the session, with the identifiers that the token and the session have themselves', async () => {
    let cookie = '';
    let second = '';
    const found = await recordedBy(async () => {
      second = await t.loginToken(host, user);
      cookie = (await ok(t.login(second))).headers.getSetCookie()[0]!.split(';')[0]!;
    });
    const row = { ...about, tokenId: jtiOf(second) };
    expect(found).toEqual([
      { event: 'ACCESS_ISSUED', ...row },
      { event: 'SESSION_STARTED', ...row, sessionId: expect.any(String) },
    ]);
    const { payload } = decode(second);
    const { body } = await t.call('/session', { headers: { cookie } });
    expect([found[1]!.userId, found[1]!.actorId, found[1]!.clientId]).toEqual([
      body.user.id,
      body.actor.id,
      body.actor.clientId,
    ]);
    expect(found[0]).toMatchObject({
      userId: payload.sub,
      actorId: (payload.act as { sub: string }).sub,
      clientId: payload.client_id,
    });
  });

  it('one session for a token that is used many times at once, and a refusal for each of the others', async () => {
    const found = await recordedBy(() => Promise.all(Array.from({ length: 10 }, () => t.login(token))));
    const events = found.map(({ event }) => event);
    expect(events.filter((event) => event === 'SESSION_STARTED')).toHaveLength(1);
    const refusal = { event: 'SESSION_REFUSED', ...about, details: { reason: 'token_used' } };
    expect(found.filter(({ event }) => event === 'SESSION_REFUSED')).toEqual(Array.from({ length: 9 }, () => refusal));
  });

  it.each([
    { reason: 'token_expired', before: async () => t.clock.advance(121) },
    { reason: 'token_used', before: async () => void (await ok(t.login(token))) },
    { reason: 'invalid_token', before: () => t.world.leave(user, group) },
  ])('a refusal for $reason', async ({ reason, before }) => {
    await before();
    const found = await recordedBy(async () => expect((await t.login(token)).body.id).toBe(reason));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...about, details: { reason } }]);
  });

  it('a refusal also when the record of the token is gone', async () => {
    await remove(admin, `/group/${group}`);
    const known = { ...about };
    delete known.groupId;
    const found = await recordedBy(() => t.login(token));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...known, details: { reason: 'invalid_token' } }]);
  });

  it('nothing of a forged token, nor of one that a live session makes needless', async () => {
    const cookie = await t.signIn(host, user);
    const found = await recordedBy(async () => {
      expect((await t.login(`${token}x`)).status).toBe(401);
      expect((await t.login(token, { cookie })).status).toBe(303);
    });
    expect(found).toEqual([]);
  });

  it.each([
    {
      reason: 'LOGOUT',
      end: (cookie: string) =>
        t.call('/logout', { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } }),
      actor: () => by(host),
    },
    {
      reason: 'BY_USER',
      end: async (cookie: string, id: string) =>
        t.call(`/login/sessions/${id}/end`, { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } }),
      actor: () => by(host),
    },
    {
      reason: 'BY_ADMINISTRATOR',
      end: (_cookie: string, id: string) => remove(admin, `/session/${id}`),
      actor: () => by(admin),
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/user/${user}`),
      actor: () => by(admin),
      also: 'ACCOUNT_DELETED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/group/${group}`),
      actor: () => by(admin),
      also: 'GROUP_DELETED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`),
      actor: () => by(admin),
      also: 'PERMISSION_REVOKED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => put(admin, `/user/${host.id}`, { status: 'BLOCKED' }),
      actor: () => by(admin),
      also: 'ACCOUNT_BLOCKED',
    },
  ])('the end of a session, once: $reason $also', async ({ reason, end, actor, also }) => {
    const cookie = (await ok(t.login(token))).headers.getSetCookie()[0]!.split(';')[0]!;
    const sessionId = await sessionOf(token);
    const found = await recordedBy(async () => void (await end(cookie, sessionId)));
    const ended = { event: 'SESSION_ENDED', ...about, ...actor(), sessionId, details: { reason } };
    expect(found.filter(({ event }) => event === 'SESSION_ENDED')).toEqual([ended]);
    expect(found.map(({ event }) => event).filter((event) => event !== 'SESSION_ENDED')).toEqual(also ? [also] : []);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('the end of a session that another one replaces', async () => {
    const cookie = (await ok(t.login(token))).headers.getSetCookie()[0]!.split(';')[0]!;
    const sessionId = await sessionOf(token);
    const { id: other } = await t.world.userOf(host);
    const second = await t.loginToken(host, other, '?session=switch');
    const found = await recordedBy(() => ok(t.login(second, { cookie })));
    expect(found.map(({ event }) => event).toSorted()).toEqual(['SESSION_ENDED', 'SESSION_STARTED']);
    const ended = { event: 'SESSION_ENDED', ...about, sessionId, details: { reason: 'REPLACED' } };
    expect(found).toContainEqual(ended);
  });

  describe('with the organization that let the user in, and with the one whose administrator', () => {
    let guest: string;
    let row: Row;
    let both: string[];
    beforeEach(async () => {
      ({ id: guest } = await t.world.userOf(host));
      const elsewhere = await t.world.caller();
      const groupId = await t.world.group(elsewhere.organizationId);
      await t.world.allow(elsewhere.id, groupId, 'MANAGE');
      await t.world.join(guest, groupId);
      token = await t.loginToken(elsewhere, guest);
      row = { ...by(admin), userId: guest, groupId, tokenId: jtiOf(token) };
      both = [elsewhere.organizationId, admin.organizationId];
    });

    /** The row in the record of the administrator's organization, and in that of the other one, which is not told who it was. */
    function inBoth(one: object): unknown {
      const { actorId: _, clientId: __, ...others } = one as Row;
      return expect.arrayContaining([one, { ...others, organizationId: both[0] }]);
    }

    it('takes the token back', async () => {
      const found = await recordedBy(() => remove(admin, `/access-token/${jtiOf(token)}`));
      expect(found).toHaveLength(2);
      expect(found).toEqual(inBoth({ event: 'ACCESS_REVOKED', ...row }));
    });

    it.each([
      { what: 'ends the session', path: (sessionId: string) => `/session/${sessionId}` },
      { what: 'takes the token back that has started it', path: () => `/access-token/${jtiOf(token)}` },
    ])('$what', async ({ path }) => {
      const started = await recordedBy(() => ok(t.login(token)));
      const sessionId = started[0]!.sessionId!;
      const found = await recordedBy(() => remove(admin, path(sessionId)));
      const details = { reason: 'BY_ADMINISTRATOR' };
      expect(found).toHaveLength(2);
      expect(found).toEqual(inBoth({ event: 'SESSION_ENDED', ...row, sessionId, details }));
    });

    it('blocks the user', async () => {
      const found = await recordedBy(() => put(admin, `/user/${guest}`, { status: 'BLOCKED' }));
      const revoked = found.filter(({ event }) => event === 'ACCESS_REVOKED');
      expect(revoked.map(({ organizationId }) => organizationId).toSorted()).toEqual(both.toSorted());
    });
  });

  it('a refusal of a good token at a site that it is not for', async () => {
    const uri = `/?oauth_token=${token}`;
    const found = await recordedBy(() => PROXIES.traefik(t.url, { site: 'https://other.example', uri }));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...about, details: { reason: 'not_authorized' } }]);
  });

  it('a token that is taken back before it was used', async () => {
    const found = await recordedBy(() => remove(admin, `/access-token/${jtiOf(token)}`));
    expect(found).toEqual([{ event: 'ACCESS_REVOKED', ...about, ...by(admin) }]);
  });

  it('a token that loses what it came from before it was used, and none that had expired', async () => {
    t.clock.advance(60);
    const second = await t.loginToken(host, user);
    t.clock.advance(61);
    const found = await recordedBy(() => remove(admin, `/group/${group}/members/${user}`));
    expect(found).toEqual([
      { event: 'MEMBER_REMOVED', ...by(admin), userId: user, groupId: group },
      { event: 'ACCESS_REVOKED', ...about, ...by(admin), tokenId: jtiOf(second) },
    ]);
  });
});

describe('of access that is refused, the record has the rule, and the group', () => {
  it.each([
    {
      rule: 1,
      why: 'the client is gone meanwhile',
      arrange: async () => {
        // The guard knows the token from a moment ago.
        expect((await t.as(host)('/user')).status).toBe(200);
        await t.world.write((db) => db.delete(Client, { id: host.clientId }));
        return { target: user, row: {} };
      },
      reason: 'not_authenticated',
    },
    {
      rule: 4,
      why: 'the permission is missing',
      arrange: async () => {
        await t.world.write((db) => db.delete(AccountPermission, { userId: host.id }));
        return { target: user, row: {} };
      },
      reason: 'not_authorized',
    },
    {
      rule: 5,
      why: 'there is no such user',
      arrange: async () => ({ target: newId(), row: {} }),
      reason: 'unknown_user',
    },
    {
      rule: 5,
      why: 'the user is blocked',
      arrange: async () => {
        const blocked = await t.world.user({ status: 'BLOCKED' });
        return { target: blocked, row: { userId: blocked } };
      },
      reason: 'unknown_user',
    },
    {
      rule: 6,
      why: 'the caller does not manage the group',
      arrange: async () => {
        const [other, groupId] = [await t.world.user(), await t.world.group(host.organizationId)];
        await t.world.join(other, groupId);
        return { target: other, row: { userId: other, groupId } };
      },
      reason: 'not_authorized',
    },
    {
      rule: 6,
      why: 'the user is in a group of another organization only, which is nobody’s business',
      arrange: async () => {
        const { id } = await t.world.userOf(await t.world.caller());
        return { target: id, row: { userId: id } };
      },
      reason: 'not_authorized',
    },
    {
      rule: 6,
      why: 'the user is in no group',
      arrange: async () => {
        const other = await t.world.user();
        return { target: other, row: { userId: other } };
      },
      reason: 'not_authorized',
    },
  ])('$rule: $why', async ({ rule, arrange, reason }) => {
    const { target, row } = await arrange();
    const found = await recordedBy(async () => expect((await t.as(host)(`/access/${target}`)).body.id).toBe(reason));
    expect(found).toEqual([{ event: 'ACCESS_REFUSED', ...by(host), ...row, rule, details: { reason } }]);
  });

  it.each(['returnTo=https://evil.example/', 'embed=https://evil.example'])(
    '3: %s is not on the list of the client',
    async (query) => {
      const found = await recordedBy(() => t.as(host)(`/access/${user}?${query}`));
      const details = { reason: 'incorrect_field' };
      expect(found).toEqual([{ event: 'ACCESS_REFUSED', ...by(host), rule: 3, details }]);
    },
  );

  it(`up to ${REFUSALS_PER_MINUTE} times a minute`, async () => {
    const audit = t.nest.get(AuditService, { strict: false });
    const { organizationId } = host;
    const refuse = (): Promise<void> => audit.refuse({ event: 'ACCESS_REFUSED', organizationId, by: host });
    for (let i = 0; i < REFUSALS_PER_MINUTE - 1; i++) await refuse();
    const nobody = `/access/${newId()}`;
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(1);
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(0);
    // Neither other organizations nor other events nor the next minute are touched by it.
    const other = await t.world.caller();
    expect(await recordedBy(() => t.as(other)(nobody))).toHaveLength(1);
    expect(await recordedBy(() => t.loginToken(host, user))).toHaveLength(1);
    t.clock.advance(62);
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(1);
  });

  it('nothing of callers who are not who they say', async () => {
    const found = await recordedBy(async () => {
      expect((await t.as({ token: `${host.token}x` })(`/access/${user}`)).status).toBe(401);
      expect((await t.call(`/api/2.1.1/access/${user}`)).status).toBe(401);
    });
    expect(found).toEqual([]);
  });
});

/** The columns of what the person of the scene does. */
function of(): Row {
  const { organizationId, person, client } = oauth;
  return { organizationId, userId: person.id, actorId: person.id, clientId: client.id };
}

/** The same of somebody who is not known. */
function ofNobody(): Row {
  return { organizationId: oauth.organizationId, clientId: oauth.client.id };
}

describe('of the authorization server, the record has', () => {
  it('the sign-in, the consent, the tokens, their refresh and what is revoked, once', async () => {
    let tokens = { access_token: '', refresh_token: '', jti: '' };
    let refreshed = tokens;
    const found = await recordedBy(async () => {
      tokens = await newTokens(oauth);
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
      refreshed = (await ok(requestToken(t.url, fields, oauth.client))).body;
      for (const token of [refreshed.access_token, refreshed.refresh_token, 'unknown'])
        for (const _ of ['once', 'again']) {
          await ok(requestToken(t.url, { token }, oauth.client, '/oauth/revoke'));
          t.clock.advance(1);
        }
    });
    expect(found).toEqual([
      { event: 'SIGN_IN_SUCCEEDED', ...of() },
      { event: 'CONSENT_GIVEN', ...of() },
      { event: 'TOKEN_ISSUED', ...of(), tokenId: tokens.jti, details: { grant: 'authorization_code' } },
      { event: 'TOKEN_REFRESHED', ...of(), tokenId: refreshed.jti, details: { grant: 'refresh_token' } },
      { event: 'TOKEN_REVOKED', ...of(), tokenId: refreshed.jti },
      { event: 'TOKEN_REVOKED', ...of(), details: { grant: 'refresh_token' } },
    ]);
  });

  it('a password that is set on the command line, for the staff organization or else for the one that manages the account', async () => {
    const managed = await t.world.user({ organizationId: oauth.organizationId });
    const set = (id: string): Promise<void> =>
      t.nest.get(PasswordsService, { strict: false }).set(id, 'a long enough password');
    await t.world.write((db) => db.update(User, { id: host.id }, { organizationId: null }));
    const found = await recordedBy(async () => {
      for (const id of [host.id, managed]) await set(id);
    });
    expect(found).toEqual([
      { event: 'PASSWORD_SET', organizationId: host.organizationId, userId: host.id },
      { event: 'PASSWORD_SET', organizationId: oauth.organizationId, userId: managed },
    ]);
  });

  it('a link with which somebody sets their password', async () => {
    const { organizationId } = admin;
    const userId = await t.world.user({ organizationId, emailAddress: 'forgetful@academy.example' });
    const found = await recordedBy(() => ok(t.send(admin, 'POST', `/user/${userId}/password-link`)));
    expect(found).toEqual([{ event: 'PASSWORD_LINK_MADE', ...by(admin), userId }]);
  });

  it('a sign-in that failed, also for an address of nobody, and a consent that was not given', async () => {
    const browser = new Browser(t);
    const found = await recordedBy(async () => {
      const form = actionOf(await browser.open(`/oauth/authorize?${authorizeQuery(oauth.client)}`));
      await browser.open(form, { email: oauth.person.emailAddress, password: 'a wrong password, long enough' });
      await browser.open(form, { email: 'nobody@person.example', password: 'a wrong password, long enough' });
      const consent = await browser.open(form, {
        email: oauth.person.emailAddress,
        password: 'a long enough password',
      });
      await browser.open(actionOf(consent), { answer: 'deny' });
    });
    expect(found).toEqual([
      { event: 'SIGN_IN_FAILED', ...of() },
      { event: 'SIGN_IN_FAILED', ...ofNobody() },
      { event: 'SIGN_IN_SUCCEEDED', ...of() },
      { event: 'CONSENT_DENIED', ...of() },
    ]);
  });

  it('a code and a refresh token that come a second time', async () => {
    const exchange = { grant_type: 'authorization_code', code: await newCode(oauth), redirect_uri: REDIRECT_URI };
    const { body } = await ok(requestToken(t.url, exchange, oauth.client));
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: (await newTokens(oauth, oauth.publicClient)).refresh_token,
    };
    await ok(requestToken(t.url, refresh, oauth.publicClient));
    t.clock.advance(31);
    expect(body.refresh_token).toBeTruthy();
    const found = await recordedBy(async () => {
      expect((await requestToken(t.url, exchange, oauth.client)).status).toBe(400);
      expect((await requestToken(t.url, refresh, oauth.publicClient)).status).toBe(400);
    });
    expect(found).toEqual([
      // With the code goes what it says of the user.
      { event: 'TOKEN_REPLAYED', ...ofNobody(), details: { grant: 'authorization_code' } },
      { event: 'TOKEN_REPLAYED', ...of(), clientId: oauth.publicClient.id, details: { grant: 'refresh_token' } },
    ]);
  });

  it('assertions that are used: for itself, for a user, and for a login', async () => {
    const { account } = oauth;
    const { id, groupId } = await t.world.userOf({ ...account, token: '' });
    const ask = async (more: Record<string, string>, sub?: string): Promise<Answer> =>
      ok(
        requestToken(t.url, {
          grant_type: JWT_BEARER,
          assertion: await assertionOf(t, account, sub ? { sub } : {}),
          ...more,
        }),
      );
    const answers: Answer[] = [];
    const found = await recordedBy(async () => {
      answers.push(await ask({}), await ask({}, id), await ask({ resource: 'http://latchkey.test/login' }, id));
    });
    const self = { ...by({ ...account, token: '' }), userId: account.id };
    const forUser = { ...self, userId: id };
    const used = { event: 'ASSERTION_USED', details: { key: account.keyId } };
    const issued = { event: 'TOKEN_ISSUED', details: { grant: JWT_BEARER } };
    expect(found).toEqual([
      { ...used, ...self },
      { ...issued, ...self, tokenId: answers[0]!.body.jti },
      { ...used, ...forUser },
      { ...issued, ...forUser, tokenId: answers[1]!.body.jti },
      { ...used, ...forUser },
      { event: 'ACCESS_ISSUED', ...forUser, groupId, tokenId: jtiOf(answers[2]!.body.access_token) },
    ]);
  });

  it('assertions that are refused although they are signed, and none that anybody could have made', async () => {
    const { account } = oauth;
    const now = Math.floor(t.clock.now().getTime() / 1000);
    const replayed = await assertionOf(t, account);
    const stranger = await t.world.user({ organizationId: oauth.organizationId });
    const ask = (assertion: string): Promise<Answer> => requestToken(t.url, { grant_type: JWT_BEARER, assertion });
    await ok(ask(replayed));
    const found = await recordedBy(async () => {
      await ask(await assertionOf(t, account, { exp: now - 600 }));
      await ask(await assertionOf(t, account, { aud: 'https://else.example' }));
      await ask(await assertionOf(t, account, { sub: newId() }));
      await ask(replayed);
      await ask(`${replayed}x`);
      await ask(await assertionOf(t, { ...account, keyId: newId() }));
    });
    const refused = { event: 'ASSERTION_REFUSED', ...by({ ...account, token: '' }) };
    expect(found).toEqual(
      ['expired', 'claims', 'subject', 'replayed'].map((reason) =>
        Object.assign({ details: { key: account.keyId, reason } }, refused),
      ),
    );
    const denied = await recordedBy(async () => ask(await assertionOf(t, account, { sub: stranger })));
    expect(denied).toEqual([
      { event: 'ASSERTION_USED', ...by({ ...account, token: '' }), userId: stranger, details: { key: account.keyId } },
      {
        event: 'ACCESS_REFUSED',
        ...by({ ...account, token: '' }),
        userId: stranger,
        rule: 6,
        details: { reason: 'not_authorized' },
      },
      { ...refused, details: { key: account.keyId, reason: 'not_authorized' } },
    ]);
  });
});

it('the record has what is done with signing keys, for operators: they are of no organization', async () => {
  const keys = t.nest.get(SigningKeysService, { strict: false });
  const kids: string[] = [];
  const found = await recordedBy(async () => {
    kids.push(await keys.rotate('ACCESS'));
    kids.push(await keys.replace('LOGIN'));
    await keys.revoke(kids[1]!);
  });
  const before = found.find(({ event, details }) => event === 'SIGNING_KEY_REVOKED' && details !== undefined);
  expect(found).toEqual([
    { event: 'SIGNING_KEY_ADDED', details: { key: kids[0] } },
    before,
    { event: 'SIGNING_KEY_ADDED', details: { key: kids[1] } },
    { event: 'SIGNING_KEY_REVOKED', details: { key: kids[1] } },
    { event: 'SIGNING_KEY_ADDED', details: { key: expect.any(String) } },
  ]);
});

it('the record has what is done with clients and service accounts, their secrets and keys, and who did it', async () => {
  const found = await recordedBy(async () => {
    const client = (await t.send(admin, 'POST', '/clients', { name: 'Portal' })).body.id as string;
    await t.send(admin, 'PUT', `/client/${client}`, { name: 'Portal 2' });
    const secret = (await t.send(admin, 'POST', `/client/${client}/secrets`)).body.id as string;
    await t.send(admin, 'DELETE', `/client/${client}/secrets/${secret}`);
    await t.send(admin, 'DELETE', `/client/${client}`);
    const account = (await t.send(admin, 'POST', '/service-accounts', { name: 'Portal' })).body.id as string;
    const key = (await t.send(admin, 'POST', `/service-account/${account}/key-pairs`)).body.kid as string;
    await t.send(admin, 'DELETE', `/service-account/${account}/keys/${key}`);
    await t.send(admin, 'DELETE', `/service-account/${account}`);
  });
  const own = by(admin);
  expect(found.map(({ event }) => event)).toEqual([
    'CLIENT_CREATED',
    'CLIENT_CHANGED',
    'CLIENT_SECRET_ADDED',
    'CLIENT_SECRET_REMOVED',
    'CLIENT_DELETED',
    'SERVICE_ACCOUNT_CREATED',
    'SERVICE_ACCOUNT_KEY_ADDED',
    'SERVICE_ACCOUNT_KEY_REVOKED',
    'CLIENT_DELETED',
    'SERVICE_ACCOUNT_DELETED',
  ]);
  for (const row of found) expect(row).toMatchObject(own);
});

describe('the record has what an operator does on the command line', () => {
  it('an origin that the operator takes from an organization', async () => {
    const { organizationId } = admin;
    const origin = 'https://taken.example';
    const found = await recordedBy(async () => {
      await run('origins', 'add', origin, '--organization', organizationId);
      await run('origins', 'remove', origin);
    });
    const details = { origin };
    expect(found).toEqual([
      { event: 'ORIGIN_ADDED', organizationId, details },
      { event: 'ORIGIN_REMOVED', organizationId, details },
    ]);
  });

  it('the change of a client, and every secret that goes when it gets keys', async () => {
    const { organizationId } = admin;
    const client = await newClient(t, organizationId);
    await ok(t.send(admin, 'POST', `/client/${client.id}/secrets`));
    const { secrets } = (await t.as(admin)(`/client/${client.id}`)).body as { secrets: { id: string }[] };
    const file = join(tmpdir(), `latchkey-audit-${newId()}.json`);
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(file, JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
    const redirect = ['--redirect-uri', 'https://b.example/cb', '--origin', 'https://b.example'];
    const found = await recordedBy(async () => {
      await run('clients', 'change', client.id, ...redirect);
      await run('clients', 'change', client.id, '--name', 'Keys', '--jwks', file);
    });
    rmSync(file);
    const details = { client: client.id };
    expect(found).toEqual([
      { event: 'ORIGIN_ADDED', organizationId, details: { origin: 'https://b.example' } },
      { event: 'CLIENT_CHANGED', organizationId, details: { ...details, fields: ['redirectUris', 'origins'] } },
      ...secrets.map(({ id }) => ({
        event: 'CLIENT_SECRET_REMOVED',
        organizationId,
        details: { ...details, secret: id },
      })),
      { event: 'CLIENT_CHANGED', organizationId, details: { ...details, fields: ['name', 'jwks'] } },
    ]);
    expect(secrets).toHaveLength(2);
  });

  it('the organization that is made, and its administrator and third party', async () => {
    let organizationId = '';
    const name = `School ${newId()}`;
    const address = `${newId().toLowerCase()}@school.example`;
    const thirdParty = `TP-${newId()}`;
    const found = await recordedBy(async () => {
      organizationId = await run('organizations', 'create', name, '--admin-email', address, '--admin-name', 'Head');
      for (let i = 0; i < 2; i++) await run('organizations', 'add-third-party', name, thirdParty);
    });
    const { userId } = found[1]!;
    expect(found).toEqual([
      { event: 'ORGANIZATION_CREATED', organizationId },
      { event: 'ACCOUNT_CREATED', organizationId, userId },
      { event: 'STAFF_APPOINTED', organizationId, userId },
      ...PERMISSIONS.map((permission) => ({
        event: 'PERMISSION_GRANTED',
        organizationId,
        userId,
        details: { permission },
      })),
      { event: 'THIRD_PARTY_ADDED', organizationId, details: { thirdParty } },
    ]);
  });

  it('every other command that changes something', async () => {
    const { organizationId } = admin;
    const create = ['clients', 'create', '-o', organizationId, '-n', 'Host', '--redirect-uri', REDIRECT_URI];
    const found = await recordedBy(async () => {
      const client = /^client_id=(.*)$/m.exec(await run(...create))![1]!;
      await run('clients', 'rotate-secret', client);
      const { secrets } = JSON.parse(await run('clients', 'show', client)) as { secrets: { id: string }[] };
      await run('clients', 'delete-secret', client, secrets[0]!.id);
      await run('clients', 'delete', client);
      const account = await run('service-accounts', 'create', '-o', organizationId, '-n', 'Portal');
      const file = join(tmpdir(), `latchkey-audit-${newId()}.pem`);
      const key = await run('service-accounts', 'generate-key', account, '--out', file);
      rmSync(file);
      await run('permissions', 'grant', account, 'OBTAIN_ACCESS_TOKENS');
      await run('permissions', 'grant', account, 'MANAGE', '--group', group);
      await run('permissions', 'revoke', account, 'MANAGE', '--group', group);
      await run('permissions', 'revoke', account, 'OBTAIN_ACCESS_TOKENS');
      await run('service-accounts', 'revoke-key', key);
      await run('service-accounts', 'delete', account);
    });
    expect(found.map(({ event }) => event)).toEqual([
      'CLIENT_CREATED',
      'CLIENT_SECRET_ADDED',
      'CLIENT_SECRET_REMOVED',
      'CLIENT_DELETED',
      'SERVICE_ACCOUNT_CREATED',
      'SERVICE_ACCOUNT_KEY_ADDED',
      'PERMISSION_GRANTED',
      'GROUP_RIGHT_GRANTED',
      'GROUP_RIGHT_REVOKED',
      'PERMISSION_REVOKED',
      'SERVICE_ACCOUNT_KEY_REVOKED',
      'CLIENT_DELETED',
      'SERVICE_ACCOUNT_DELETED',
    ]);
    for (const row of found)
      expect([row.organizationId, row.actorId, row.clientId]).toEqual([organizationId, undefined, undefined]);
  });
});

it('every event of the list was recorded by one of the tests above', () => {
  expect(AUDIT_EVENTS.filter((event) => !recorded.has(event))).toEqual([]);
});

function search(query = '', caller = admin): Promise<Answer> {
  return t.as(caller)(`/audit?${query}`);
}

async function events(query = ''): Promise<string[]> {
  return (await search(query)).body.events.map(({ event }: { event: string }) => event);
}

describe('GET audit', () => {
  beforeEach(async () => {
    await ok(t.login(await t.loginToken(host, user)));
    t.clock.advance(1200);
    await put(admin, `/user/${user}`, { name: 'Other' });
  });

  it('answers with what happened in the organization, the latest first, and not with a field too many', async () => {
    const { status, body } = await search();
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const login = { user, actor: host.id, client: host.clientId, group, token: expect.any(String) };
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        events: [
          {
            id: expect.stringMatching(/^\d+$/),
            at: instant,
            event: 'ACCOUNT_CHANGED',
            user,
            actor: admin.id,
            client: admin.clientId,
            details: { fields: ['name'] },
          },
          { id: expect.any(String), at: instant, event: 'SESSION_STARTED', ...login, session: expect.any(String) },
          { id: expect.any(String), at: instant, event: 'ACCESS_ISSUED', ...login },
        ],
        pagination: { total: 3, lastOnPage: expect.any(String), moreAvailable: false },
      },
    });
  });

  it.each([
    { query: () => `user=${user}`, found: 3 },
    { query: () => `user=${host.id}`, found: 0 },
    { query: () => `actor=${host.id}`, found: 2 },
    { query: () => `client=${admin.clientId}`, found: 1 },
    { query: () => 'event=SESSION_STARTED', found: 1 },
    { query: () => `event=SESSION_STARTED&actor=${admin.id}`, found: 0 },
    { query: () => `from=${new Date(Date.now() + 600_000).toISOString()}`, found: 1 },
    { query: () => `to=${new Date(Date.now() + 600_000).toISOString()}`, found: 2 },
    { query: () => `to=${encodeURIComponent('2026-01-01T00:00:00+02:00')}`, found: 0 },
  ])('finds by a part of it: $query', async ({ query, found }) => {
    expect(await events(query())).toHaveLength(found);
  });

  it('shows each row once, page by page, while more are written', async () => {
    const ids: string[] = [];
    for (let from = '', more = true; more;) {
      const { body } = await search(`resultSize=1&${from && `resultFrom=${from}`}`);
      ids.push(...body.events.map(({ id }: { id: string }) => id));
      ({ lastOnPage: from, moreAvailable: more } = body.pagination);
      await put(admin, `/user/${user}`, { name: `N${ids.length}` });
    }
    expect(ids).toHaveLength(3);
    expect(
      ids
        .map(Number)
        .toSorted((a, b) => b - a)
        .map(String),
    ).toEqual(ids);
  });

  it.each([
    'from=yesterday',
    'from=2026-01-01T00:00:00',
    'to=',
    'event=NOTHING',
    'user=',
    'user=a%20b',
    'resultFrom=x',
    ...['NaN', '1.5', '99999999999999999999', '-1'].map(
      (id) => `resultFrom=${Buffer.from(`${id} 2026-01-01T00:00:00.000Z`).toString('base64url')}`,
    ),
    'user=a&user=b',
  ])('refuses %s', async (query) => {
    expect(outcome(await search(query))).toEqual([400, 'invalid_request']);
  });

  it('says which parameter is malformed, without a pattern', async () => {
    const { description, field } = (await search('user=a%20b')).body;
    expect({ description, field }).toEqual({ description: 'user is malformed.', field: 'user' });
  });

  it('is for staff with VIEW_AUDIT_LOG, of the own organization', async () => {
    expect(outcome(await search('', host))).toEqual([403, 'not_permitted']);
    const other = await t.world.caller({ permissions: ['VIEW_AUDIT_LOG'] });
    expect((await search(`user=${user}`, other)).body).toEqual({
      events: [],
      pagination: { total: 0, moreAvailable: false },
    });
  });

  it('still names what is gone', async () => {
    await remove(admin, `/user/${user}`);
    await remove(admin, `/group/${group}`);
    expect(await events(`user=${user}`)).toEqual([
      'ACCOUNT_DELETED',
      'SESSION_ENDED',
      'ACCOUNT_CHANGED',
      'SESSION_STARTED',
      'ACCESS_ISSUED',
    ]);
  });

  it('reads a range of an index for each of the filters', async () => {
    for (const column of ['user_id', 'actor_id', 'client_id', 'event', null]) {
      const filter = column ? `AND e."${column}" = 'x'` : '';
      const sql = `SELECT e."id" FROM "audit_events" e WHERE e."organization_id" = 'o' ${filter} AND e."at" < '2026-01-01' ORDER BY e."at" DESC, e."id" DESC LIMIT 11`;
      const plan = await t.world.write(async (db) => {
        if (db.dataSource.options.type === 'postgres') await db.query('SET LOCAL enable_seqscan = off');
        const prefix = db.dataSource.options.type === 'postgres' ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN';
        return JSON.stringify(await db.query(`${prefix} ${sql}`));
      });
      const index = `audit_events_${column?.replace('_id', '') ?? 'organization'}_idx`;
      expect({ column, plan, usesIndex: plan.includes(index), sorts: /TEMP B-TREE|Sort/.test(plan) }).toMatchObject({
        usesIndex: true,
        sorts: false,
      });
    }
  });
});

function change(sql: string): Promise<unknown> {
  return t.world.write((db) => db.query(sql));
}

describe('the table', () => {
  it('refuses to change a row, and keeps those that are to be deleted', async () => {
    await ok(t.as(host)(`/access/${user}`));
    const count = (): Promise<number> => t.world.write((db) => db.count(AuditEvent));
    const before = await count();
    await expect(change(`UPDATE "audit_events" SET "user_id" = NULL`)).rejects.toThrow('append-only');
    await change(`DELETE FROM "audit_events"`);
    expect(await count()).toBe(before);
  });

  it('forgets rows after RETENTION_DAYS, however many, and no younger ones', async () => {
    const settings = t.nest.get(Settings);
    const usual = settings.RETENTION_DAYS;
    settings.RETENTION_DAYS = 30;
    const audit = t.nest.get(AuditService, { strict: false });
    const { organizationId } = host;
    const old = 1500;
    for (const [days, count] of [
      [31, old],
      [29, 2],
    ] as const) {
      t.clock.reset();
      t.clock.advance(-days * 86_400);
      await t.world.write(async (db) => {
        for (let i = 0; i < count; i++) await audit.record(db, { event: 'GROUP_CHANGED', organizationId, by: host });
      });
    }
    t.clock.reset();
    const left = (): Promise<number> => t.world.write((db) => db.countBy(AuditEvent, { organizationId }));
    const before = await left();
    await t.nest.get(MaintenanceService, { strict: false }).prune();
    settings.RETENTION_DAYS = usual;
    expect(before - (await left())).toBe(old);
  });

  it('commits a row together with what it is about', async () => {
    const found = await recordedBy(async () => {
      const failing = t.world.write(async (db) => {
        await db.query(`UPDATE "login_tokens" SET "revoked_at" = "issued_at"`);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    });
    expect(found).toEqual([]);
  });
});
