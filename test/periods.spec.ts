import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Permission } from '../src/schema/entities/account-permission.entity.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let host: TestCaller;
let user: string;
let groupId: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({
    permissions: ['MANAGE_STAFF', 'MANAGE_ALL_GROUPS', 'MANAGE_USERS', 'OBTAIN_ACCESS_TOKENS'],
  });
  host = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
  user = await t.world.user({ organizationId: admin.organizationId });
  groupId = await t.world.group(admin.organizationId);
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** The instant in so many minutes, as the API writes it. */
function inMinutes(minutes: number): string {
  return `${new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 19)}Z`;
}

/** Stops the clock. */
function at(instant: string): void {
  jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(instant));
}

/** How many events the audit log has. */
function recorded(): Promise<number> {
  return t.world.write((db) => db.count(AuditEvent));
}

type Period = Record<string, string>;

/** Each kind of right, given to the host or the user. */
const RIGHTS = [
  {
    right: 'a permission',
    give: (period: Period) => t.send(admin, 'PUT', `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`, period),
    shown: async () => (await t.as(admin)(`/user/${host.id}/permissions`)).body.periods?.[0],
  },
  {
    right: 'a right on a group',
    give: (period: Period) => t.send(admin, 'PUT', `/group/${groupId}/staff/${host.id}/MANAGE`, period),
    shown: async () => (await t.as(admin)(`/group/${groupId}/staff`)).body.groupStaffUsers[0],
  },
  {
    right: 'a membership',
    give: (period: Period) => t.send(admin, 'PUT', `/group/${groupId}/members/${user}`, period),
    shown: async () => (await t.as(admin)(`/group/${groupId}/members`)).body.members[0],
  },
];

describe.each(RIGHTS)('$right', ({ give, shown }) => {
  const limits = async (): Promise<object> => {
    const { validFrom, validUntil } = (await shown()) ?? {};
    return { validFrom, validUntil };
  };

  it('is given for a period, which is shown to the second', async () => {
    const [validFrom, validUntil] = [inMinutes(1), inMinutes(2)];
    expect((await give({ validFrom, validUntil: validUntil.replace('Z', '.999Z') })).status).toBe(200);
    expect(await limits()).toEqual({ validFrom, validUntil });
  });

  it('keeps what is not given, and loses what is given as an empty text', async () => {
    const validUntil = inMinutes(5);
    await give({ validUntil });
    const validFrom = inMinutes(1);
    expect((await give({ validFrom })).status).toBe(200);
    expect(await limits()).toEqual({ validFrom, validUntil });
    expect((await give({ validFrom: '', validUntil: '' })).status).toBe(200);
    expect(await limits()).toEqual({});
  });

  it('is not recorded when it is given as it is', async () => {
    const period = { validFrom: inMinutes(1), validUntil: inMinutes(2) };
    await give(period);
    const before = await recorded();
    expect((await give(period)).status).toBe(200);
    expect(await recorded()).toBe(before);
  });

  it('is given anew after it has ended', async () => {
    await give({ validUntil: inMinutes(1) });
    at(inMinutes(2));
    expect((await give({})).status).toBe(200);
    expect(await limits()).toEqual({});
  });

  it.each([
    { period: { validUntil: 'tomorrow' }, id: 'invalid_request' },
    { period: { validUntil: '2099-01-01T00:00:00' }, id: 'invalid_request' },
    { period: { validUntil: '2026-01-01T00:00:00Z' }, id: 'invalid_period' },
    { period: { validFrom: '2099-01-02T00:00:00Z', validUntil: '2099-01-01T00:00:00Z' }, id: 'invalid_period' },
    { period: { validFrom: '2099-01-01T00:00:00Z', validUntil: '2099-01-01T00:00:00Z' }, id: 'invalid_period' },
  ])('is refused with $id for $period', async ({ period, id }) => {
    expect(outcome(await give(period as Period))).toEqual([400, id]);
    expect(await shown()).toBeUndefined();
  });
});

describe('what a right allowed that has ended', () => {
  beforeEach(async () => {
    await t.world.join(user, groupId);
    await t.world.allow(host.id, groupId, 'MANAGE');
    await t.world.grant(host.id, 'OBTAIN_ACCESS_TOKENS');
  });

  it.each(RIGHTS)('does not come back when $right is given again', async ({ give }) => {
    await give({ validUntil: inMinutes(5) });
    const cookie = await t.signIn(host, user);
    const isLive = async (): Promise<boolean> => (await t.call('/session', { headers: { cookie } })).status === 200;
    expect(await isLive()).toBe(true);
    at(inMinutes(6));
    expect(await isLive()).toBe(false);
    expect((await give({ validUntil: inMinutes(20) })).status).toBe(200);
    expect((await t.as(host)(`/access/${user}`)).status).toBe(200);
    expect(await isLive()).toBe(false);
  });

  it.each(RIGHTS)('ends at once when $right is put off', async ({ give }) => {
    const cookie = await t.signIn(host, user);
    expect((await give({ validFrom: inMinutes(5) })).status).toBe(200);
    at(inMinutes(6));
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });
});

function grant(by: TestCaller, to: string, permission: Permission, period: Period = {}): Promise<Answer> {
  return t.send(by, 'PUT', `/user/${to}/permissions/${permission}`, period);
}

describe('a right that ends', () => {
  it('is among the permissions until then', async () => {
    const validUntil = inMinutes(1);
    const given = { permissions: ['VIEW_AUDIT_LOG'], periods: [{ permission: 'VIEW_AUDIT_LOG', validUntil }] };
    await t.world.grant(admin.id, 'VIEW_AUDIT_LOG');
    expect((await grant(admin, host.id, 'VIEW_AUDIT_LOG', { validUntil })).body).toEqual(given);
    expect((await t.as(host)('/audit')).status).toBe(200);
    at(validUntil);
    expect((await t.as(host)('/user/self/permissions')).body).toEqual({ ...given, permissions: [] });
    expect(outcome(await t.as(host)('/audit'))).toEqual([403, 'not_permitted']);
  });

  it('is given to nobody for longer', async () => {
    const validUntil = inMinutes(10);
    for (const permission of ['MANAGE_STAFF', 'MANAGE_USERS'] as const)
      expect((await grant(admin, host.id, permission, { validUntil })).status).toBe(200);
    const { id } = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    expect(outcome(await grant(host, id, 'MANAGE_USERS'))).toEqual([403, 'not_permitted']);
    expect(outcome(await grant(host, id, 'MANAGE_USERS', { validUntil: inMinutes(11) }))).toEqual([
      403,
      'not_permitted',
    ]);
    expect((await grant(host, id, 'MANAGE_USERS', { validUntil })).status).toBe(200);
    const manage = (period: Period): Promise<Answer> =>
      t.send(host, 'PUT', `/group/${groupId}/staff/${id}/VIEW`, period);
    await t.send(admin, 'PUT', `/group/${groupId}/staff/${host.id}/MANAGE`, { validUntil });
    expect(outcome(await manage({}))).toEqual([403, 'not_permitted']);
    expect((await manage({ validUntil })).status).toBe(200);
  });

  it('gives no password of an account whose right lasts longer', async () => {
    for (const permission of ['MANAGE_USERS', 'OBTAIN_ACCESS_TOKENS'] as const)
      await grant(admin, host.id, permission, { validUntil: inMinutes(10) });
    const link = async (): Promise<unknown> => outcome(await t.send(host, 'POST', `/user/${user}/password-link`))[1];
    await t.world.write((db) =>
      db.query(
        `INSERT INTO "email_addresses" ("address", "user_id", "is_primary") VALUES ('${user}@a.example', '${user}', TRUE)`,
      ),
    );
    await t.world.write((db) =>
      db.query(
        `INSERT INTO "account_permissions" ("user_id", "permission", "valid_until") VALUES ('${user}', 'OBTAIN_ACCESS_TOKENS', ${Date.parse(inMinutes(9))})`,
      ),
    );
    expect(await link()).toBeUndefined();
    await t.world.write((db) =>
      db.query(`UPDATE "account_permissions" SET "valid_until" = NULL WHERE "user_id" = '${user}'`),
    );
    expect(await link()).toBe('no_access');
  });

  it('of managing the staff is no reason to take it from whoever has it for longer', async () => {
    await grant(admin, host.id, 'MANAGE_STAFF', { validUntil: inMinutes(10) });
    const take = (): Promise<Answer> => t.send(host, 'DELETE', `/user/${admin.id}/permissions/MANAGE_STAFF`);
    expect(outcome(await take())).toEqual([403, 'not_permitted']);
    expect(outcome(await grant(host, admin.id, 'MANAGE_STAFF', { validUntil: inMinutes(5) }))).toEqual([
      403,
      'not_permitted',
    ]);
    expect(outcome(await t.send(host, 'DELETE', `/organization/self/staff/${admin.id}`))).toEqual([
      400,
      'staff_disconnection_failed',
    ]);
    await grant(admin, host.id, 'MANAGE_STAFF', { validUntil: '' });
    expect((await take()).status).toBe(200);
  });

  it('of managing a group keeps nobody from deleting the account once it has ended', async () => {
    const { id } = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`, { validUntil: inMinutes(1) });
    expect(outcome(await t.send(admin, 'DELETE', `/user/${id}`))).toEqual([400, 'account_is_group_manager']);
    at(inMinutes(2));
    expect((await t.send(admin, 'DELETE', `/user/${id}`)).status).toBe(200);
  });

  it('on a group shows that group until then, and counts it', async () => {
    const other = await t.world.group(admin.organizationId);
    await t.world.allow(host.id, other, 'VIEW');
    const validUntil = inMinutes(1);
    await t.send(admin, 'PUT', `/group/${groupId}/staff/${host.id}/MANAGE`, { validUntil });
    const seen = async (): Promise<unknown> => {
      const { groups, pagination } = (await t.as(host)('/groups')).body;
      return [groups.map(({ id }: { id: string }) => id).toSorted(), pagination.total];
    };
    expect(await seen()).toEqual([[groupId, other].toSorted(), 2]);
    at(validUntil);
    expect(await seen()).toEqual([[other], 1]);
    expect(outcome(await t.as(host)(`/group/${groupId}`))).toEqual([403, 'no_permission']);
  });

  it('is added for many at once', async () => {
    const validUntil = inMinutes(5);
    const users = [user, await t.world.user({ organizationId: admin.organizationId })];
    const body = JSON.stringify({ users, validUntil });
    const headers = { 'content-type': 'application/json' };
    const answer = await t.as(admin)(`/group/${groupId}/members`, { method: 'POST', headers, body });
    expect(answer.body.results.map(({ status }: { status: string }) => status)).toEqual(['JOINED', 'JOINED']);
    const { members } = (await t.as(admin)(`/group/${groupId}/members`)).body;
    expect(members.map((one: { validUntil: string }) => one.validUntil)).toEqual([validUntil, validUntil]);
  });
});
