import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { outcome, TestApp } from '../support/app.js';
import { PROXIES } from '../support/asking-proxies.js';
import type { TestCaller } from '../support/world.js';

/** How long an answer about a session is believed, and a millisecond more. */
const BELIEVED_MS = 1501;

let t: TestApp;
let caller: TestCaller;
let user: string;
let groupId: string;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  ({ id: user, groupId } = await t.world.userOf(caller));
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** Stops the clock at an instant. */
function at(instant: Date | number): void {
  jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(instant));
}

/** An instant before the caller's token expires. */
function later(minutes = 30): Date {
  return new Date(Date.now() + minutes * 60_000);
}

async function lets(): Promise<string | undefined> {
  const [status, id] = outcome(await t.as(caller)(`/access/${user}`));
  return status === 200 ? 'in' : id;
}

async function passes(cookie: string): Promise<boolean> {
  return (await PROXIES.traefik(t.url, { headers: { cookie } })).status === 200;
}

/** Each right that the caller needs to let the user in, with what sets its period. */
const RIGHTS = [
  {
    right: 'the membership',
    set: (period: object) => t.world.write((db) => db.update(Membership, { userId: user, groupId }, period)),
  },
  {
    right: 'MANAGE on the group',
    set: (period: object) => t.world.write((db) => db.update(GroupStaff, { userId: caller.id, groupId }, period)),
  },
  {
    right: 'OBTAIN_ACCESS_TOKENS',
    set: (period: object) => t.world.write((db) => db.update(AccountPermission, { userId: caller.id }, period)),
  },
  {
    right: 'MANAGE_ALL_GROUPS',
    set: (period: object) =>
      t.world.write(async (db) => {
        await db.delete(GroupStaff, { userId: caller.id });
        await db.insert(AccountPermission, { userId: caller.id, permission: 'MANAGE_ALL_GROUPS', ...period });
      }),
  },
  {
    right: 'MANAGE_STAFF, for a user with a permission that the caller lacks',
    set: (period: object) =>
      t.world.write(async (db) => {
        await db.insert(AccountPermission, { userId: user, permission: 'VIEW_AUDIT_LOG' });
        await db.insert(AccountPermission, { userId: caller.id, permission: 'MANAGE_STAFF', ...period });
      }),
  },
  {
    right: 'a permission that the user has too',
    set: (period: object) =>
      t.world.write(async (db) => {
        const permission = 'VIEW_AUDIT_LOG';
        await db.insert(AccountPermission, { userId: user, permission });
        await db.insert(AccountPermission, { userId: caller.id, permission, ...period });
        await db.update(User, { id: user }, { staffOrganizationId: caller.organizationId });
      }),
  },
];

describe('a right counts only within its period', () => {
  it.each(RIGHTS)('$right refuses from the millisecond at which it ends', async ({ set }) => {
    const end = later();
    await set({ validUntil: end });
    at(end.getTime() - 1);
    expect(await lets()).toBe('in');
    at(end);
    expect(await lets()).toBe('not_authorized');
  });

  it.each(RIGHTS)('$right refuses until the millisecond at which it begins', async ({ set }) => {
    const begin = later();
    await set({ validFrom: begin });
    at(begin.getTime() - 1);
    expect(await lets()).toBe('not_authorized');
    at(begin);
    expect(await lets()).toBe('in');
  });

  it.each(RIGHTS)('when $right ends, its sessions end within two seconds, and its tokens at once', async ({ set }) => {
    const end = later();
    await set({ validUntil: end });
    at(end.getTime() - 1);
    const cookie = await t.signIn(caller, user);
    const token = await t.loginToken(caller, user);
    expect(await passes(cookie)).toBe(true);
    at(end);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    expect(outcome(await t.call('/session', { headers: { cookie } }))).toEqual([401, 'not_authenticated']);
    // The proxy may have asked a millisecond before the end.
    at(end.getTime() + BELIEVED_MS - 1);
    expect(await passes(cookie)).toBe(false);
  });

  it('a permission of the user that has not begun, or has ended, keeps nobody from letting the user in', async () => {
    const [begin, end] = [later(30), later(31)];
    const held = { userId: user, permission: 'VIEW_AUDIT_LOG', validFrom: begin, validUntil: end } as const;
    await t.world.write((db) => db.insert(AccountPermission, held));
    at(begin.getTime() - 1);
    expect(await lets()).toBe('in');
    at(begin);
    expect(await lets()).toBe('not_authorized');
    at(end);
    expect(await lets()).toBe('in');
  });
});
