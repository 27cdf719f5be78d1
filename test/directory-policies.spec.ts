import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { EntityManager } from 'typeorm';
import { AccessPolicy } from '../src/access/access.policy.js';
import { createApp } from '../src/app/setup.js';
import type { Caller } from '../src/common/caller.js';
import { DomainError } from '../src/common/errors/errors.js';
import { newId } from '../src/common/id.js';
import type { UserRef } from '../src/common/user-ref.js';
import { loadSettings } from '../src/config/settings.js';
import { Group } from '../src/schema/entities/group.entity.js';
import { GroupsPolicy } from '../src/groups/groups.policy.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import type { Permission } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { UsersPolicy } from '../src/users/users.policy.js';
import { testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';
import { World } from './support/world.js';

// The rules as they are written, with a database and no HTTP: nothing listens here.

let nest: NestFastifyApplication;
let world: World;
let users: UsersPolicy;
let groups: GroupsPolicy;
let organizationId: string;
let otherOrganizationId: string;
let group: Group;
let othersGroup: Group;
/** Who asks: staff with one permission each, and who is not what they seem. */
const callers: Record<string, Caller> = {};
/** Who is asked about. */
const targets: Record<string, User> = {};

beforeAll(async () => {
  await createDatabase();
  nest = await createApp(loadSettings(testEnvironment()));
  await nest.init();
  world = new World(nest);
  users = nest.get(UsersPolicy, { strict: false });
  groups = nest.get(GroupsPolicy, { strict: false });
  organizationId = await world.organization();
  otherOrganizationId = await world.organization('Another');
  group = await read(Group, await world.group(organizationId));
  othersGroup = await read(Group, await world.group(otherOrganizationId));
  await makeCallers();
  await makeTargets();
});
afterAll(async () => {
  await nest.close();
  await dropDatabase();
});

async function makeCallers(): Promise<void> {
  for (const permission of PERMISSIONS) callers[permission] = await staff(organizationId, permission);
  callers.nothing = await staff(organizationId);
  callers.elsewhere = await staff(otherOrganizationId, ...PERMISSIONS);
  callers.blocked = await staff(organizationId, ...PERMISSIONS);
  await world.write((db) => db.update(User, { id: callers.blocked!.userId }, { status: 'BLOCKED' }));
  callers.dismissed = await staff(organizationId, ...PERMISSIONS);
  await world.write((db) => db.update(User, { id: callers.dismissed!.userId }, { staffOrganizationId: null }));
  callers.manager = await staff(organizationId);
  await world.allow(callers.manager.userId, group.id, 'MANAGE');
  callers.viewer = await staff(organizationId);
  await world.allow(callers.viewer.userId, group.id, 'VIEW');
}

async function makeTargets(): Promise<void> {
  targets.ours = await read(User, await world.user({ organizationId }));
  targets.theirs = await read(User, await world.user({ organizationId: otherOrganizationId }));
  targets.nobodys = await read(User, await world.user());
  targets.staff = await read(User, (await staff(organizationId)).userId);
  targets.theirStaff = await read(User, (await staff(otherOrganizationId)).userId);
  targets.groupManager = await read(User, callers.manager!.userId);
}

async function staff(of: string, ...permissions: Permission[]): Promise<Caller> {
  const { id, clientId } = await world.caller({ organizationId: of, permissions });
  return { userId: id, clientId };
}

function read<T extends User | Group>(entity: new () => T, id: string): Promise<T> {
  return world.write((db) => db.getRepository<User | Group>(entity).findOneByOrFail({ id })) as Promise<T>;
}

function named({ id }: { id: string }): UserRef {
  return { by: 'id', id };
}

/** `yes`, or why not. */
async function decision(ask: (db: EntityManager) => Promise<unknown>): Promise<string> {
  try {
    await world.write(ask);
    return 'yes';
  } catch (error) {
    if (error instanceof DomainError) return error.id;
    throw error;
  }
}

/** Those who may, of all callers; and what the others are told. */
async function whoMay(
  ask: (db: EntityManager, caller: Caller) => Promise<unknown>,
): Promise<{ may: string[]; told: string[] }> {
  const may: string[] = [];
  const told = new Set<string>();
  for (const [name, caller] of Object.entries(callers)) {
    const answer = await decision((db) => ask(db, caller));
    if (answer === 'yes') may.push(name);
    else told.add(answer);
  }
  return { may, told: [...told].toSorted() };
}

/** The decision on each target. */
async function aboutEach(ask: (db: EntityManager, user: User) => Promise<unknown>): Promise<Record<string, string>> {
  const decisions: Record<string, string> = {};
  for (const [name, user] of Object.entries(targets)) decisions[name] = await decision((db) => ask(db, user));
  return decisions;
}

/** Of the targets, those whom a caller puts into the group without asking them. */
async function joining(caller: string): Promise<string[]> {
  const joins = await aboutEach(async (db, user) => {
    if (!(await groups.whoJoinsAtOnce(db, callers[caller]!, [user], group)).has(user.id))
      throw new DomainError('not_permitted');
  });
  return Object.keys(joins).filter((name) => joins[name] === 'yes');
}

describe('accounts', () => {
  it('are seen by active staff of the organization that manages them', async () => {
    const seen = await whoMay((_db, caller) => users.requireMaySee(caller, named(targets.ours!)));
    expect(seen).toEqual({
      may: [...PERMISSIONS, 'nothing', 'manager', 'viewer'],
      told: ['no_access', 'nonexistent_user'],
    });
    expect(await aboutEach((_db, user) => users.requireMaySee(callers.nothing!, named(user)))).toEqual({
      ours: 'yes',
      theirs: 'nonexistent_user',
      nobodys: 'nonexistent_user',
      staff: 'yes',
      theirStaff: 'nonexistent_user',
      groupManager: 'yes',
    });
  });

  it('are seen by themselves, whoever they are', async () => {
    for (const user of Object.values(targets))
      expect(await decision(() => users.requireMaySee({ userId: user.id, clientId: '' }, named(user)))).toBe('yes');
  });

  it('are refused alike, there or not, to who is on no staff', async () => {
    for (const user of [{ id: newId() }, targets.ours!])
      expect(await decision(() => users.requireMaySee(callers.dismissed!, named(user)))).toBe('no_access');
  });

  it('are listed, made, changed and deleted with the permissions that say so, in the own organization', async () => {
    const listed = await whoMay((_db, caller) => users.requireMayList(caller, organizationId));
    expect(listed).toEqual({ may: [...PERMISSIONS, 'nothing', 'manager', 'viewer'], told: ['not_permitted'] });
    expect(await decision(() => users.requireMayList(callers.nothing!, otherOrganizationId))).toBe('not_permitted');

    // Whoever has every permission in another organization may make accounts, in that one.
    const made = await whoMay((db, caller) => users.requireMayCreate(db, caller));
    expect(made).toEqual({ may: ['MANAGE_USERS', 'elsewhere'], told: ['no_permission'] });
    for (const isAdministrative of [false, true]) {
      const changed = await whoMay((db, caller) => users.requireMayChange(db, caller, targets.ours!, isAdministrative));
      expect(changed).toEqual({ may: ['MANAGE_USERS'], told: ['no_access', 'nonexistent_user'] });
    }
    const deleted = await whoMay((db, caller) => users.requireMayDelete(db, caller, targets.ours!));
    expect(deleted).toEqual({ may: ['MANAGE_USERS'], told: ['access_denied', 'not_found'] });
    expect(await aboutEach((db, user) => users.requireMayDelete(db, callers.MANAGE_USERS!, user))).toEqual({
      ours: 'yes',
      theirs: 'not_found',
      nobodys: 'not_found',
      staff: 'yes',
      theirStaff: 'not_found',
      groupManager: 'account_is_group_manager',
    });
  });

  it('change themselves, but not their status or third-party IDs, and neither block nor delete themselves', async () => {
    const { ours } = targets;
    const self = { userId: ours!.id, clientId: '' };
    expect(await decision((db) => users.requireMayChange(db, self, ours!, false))).toBe('yes');
    expect(await decision((db) => users.requireMayChange(db, self, ours!, true))).toBe('no_access');
    const administrator = await read(User, callers.MANAGE_USERS!.userId);
    expect(await decision((db) => users.requireMayBlock(db, callers.MANAGE_USERS!, administrator))).toBe('no_access');
    expect(await decision((db) => users.requireMayDelete(db, callers.MANAGE_USERS!, administrator))).toBe(
      'cannot_delete_self',
    );
  });

  it('that are the last to manage the staff are not blocked', async () => {
    const lonely = await world.organization();
    const administrator = await staff(lonely, 'MANAGE_USERS');
    const last = await read(User, (await staff(lonely, 'MANAGE_STAFF')).userId);
    const ask = (): Promise<string> => decision((db) => users.requireMayBlock(db, administrator, last));
    expect(await ask()).toBe('no_access');
    const second = await staff(lonely, 'MANAGE_STAFF');
    expect(await ask()).toBe('yes');
    await world.write((db) => db.update(User, { id: second.userId }, { status: 'BLOCKED' }));
    expect(await ask()).toBe('no_access');
  });
});

describe('staff and permissions', () => {
  it('are seen and changed with MANAGE_STAFF, within the own organization', async () => {
    const seen = await whoMay((db, caller) => users.requireMaySeePermissions(db, caller, targets.staff!));
    expect(seen).toEqual({ may: ['MANAGE_STAFF'], told: ['nonexistent_user', 'not_permitted'] });
    const refused = 'nonexistent_user';
    expect(
      await aboutEach((db, user) => users.requireMayRevoke(db, callers.MANAGE_STAFF!, user, 'CREATE_GROUPS')),
    ).toEqual({
      ours: 'not_permitted',
      theirs: refused,
      nobodys: refused,
      staff: 'yes',
      theirStaff: refused,
      groupManager: 'yes',
    });
    expect(await decision((db) => users.requireMayRevoke(db, callers.MANAGE_STAFF!, null, 'CREATE_GROUPS'))).toBe(
      'nonexistent_user',
    );
  });

  it('nobody changes their own permissions, or grants one that they lack', async () => {
    const manager = callers.MANAGE_STAFF!;
    const grant = (user: User, permission: Permission): Promise<string> =>
      decision((db) => users.requireMayGrant(db, manager, user, permission));
    expect(await grant(targets.staff!, 'MANAGE_STAFF')).toBe('yes');
    expect(await grant(targets.staff!, 'MANAGE_USERS')).toBe('not_permitted');
    expect(await grant(await read(User, manager.userId), 'MANAGE_STAFF')).toBe('not_permitted');
  });

  it('are appointed from what the organization manages or nobody does, and dismissed unless they manage groups', async () => {
    const manager = callers.MANAGE_STAFF!;
    const appointed = await whoMay((db, caller) => users.requireMayAppoint(db, caller, organizationId, targets.ours!));
    expect(appointed).toEqual({ may: ['MANAGE_STAFF'], told: ['not_permitted'] });
    expect(await aboutEach((db, user) => users.requireMayAppoint(db, manager, organizationId, user))).toEqual({
      ours: 'yes',
      theirs: 'linked_to_other_organization',
      nobodys: 'yes',
      staff: 'already_staff_user',
      theirStaff: 'linked_to_other_organization',
      groupManager: 'already_staff_user',
    });
    expect(await aboutEach((db, user) => users.requireMayDismiss(db, manager, organizationId, user))).toEqual({
      ours: 'not_staff_user',
      theirs: 'not_staff_user',
      nobodys: 'not_staff_user',
      staff: 'yes',
      theirStaff: 'not_staff_user',
      groupManager: 'staff_disconnection_failed',
    });
    const self = await read(User, manager.userId);
    expect(await decision((db) => users.requireMayDismiss(db, manager, organizationId, self))).toBe(
      'cannot_demote_self',
    );
  });
});

describe('groups', () => {
  it('are made with CREATE_GROUPS', async () => {
    const made = await whoMay((db, caller) => groups.requireMayCreate(db, caller));
    expect(made).toEqual({ may: ['CREATE_GROUPS', 'elsewhere'], told: ['no_permission'] });
  });

  it('are seen with any right on them and managed with MANAGE, by staff of their organization', async () => {
    const seen = await whoMay((_db, caller) => groups.requireMayView(caller, group));
    expect(seen).toEqual({ may: ['MANAGE_ALL_GROUPS', 'manager', 'viewer'], told: ['no_permission'] });
    const managed = await whoMay((db, caller) => groups.requireMayManage(db, caller, group));
    expect(managed).toEqual({ may: ['MANAGE_ALL_GROUPS', 'manager'], told: ['no_permission'] });
    const others = await whoMay((db, caller) => groups.requireMayManage(db, caller, othersGroup));
    expect(others).toEqual({ may: ['elsewhere'], told: ['no_permission'] });
  });

  it('are listed for those who have a right on them', async () => {
    const scope = (name: string, permission?: 'MANAGE' | 'VIEW'): Promise<unknown> =>
      groups.groupsOf(callers[name]!, permission);
    expect(await scope('MANAGE_ALL_GROUPS')).toEqual({ organizationId, staff: null });
    expect(await scope('MANAGE_ALL_GROUPS', 'VIEW')).toBeNull();
    expect(await scope('viewer', 'VIEW')).toEqual({
      organizationId,
      staff: { userId: callers.viewer!.userId, permission: 'VIEW' },
    });
    for (const name of ['blocked', 'dismissed']) expect(await scope(name)).toBeNull();
  });

  it('nobody gives themselves a right on them', async () => {
    const changed = await whoMay((db, caller) => groups.requireMayChangeStaff(db, caller, group, targets.staff!));
    expect(changed).toEqual({ may: ['MANAGE_ALL_GROUPS', 'manager'], told: ['not_permitted'] });
    const own = await decision((db) =>
      groups.requireMayChangeStaff(db, callers.manager!, group, targets.groupManager!),
    );
    expect(own).toBe('not_permitted');
  });

  it('are joined at once by accounts of their organization alone, that the caller has a right over', async () => {
    expect(await joining('MANAGE_USERS')).toEqual(['ours', 'staff', 'groupManager']);
    for (const caller of ['elsewhere', 'blocked', 'dismissed', 'nothing', 'manager', 'MANAGE_ALL_GROUPS'])
      expect(await joining(caller)).toEqual([]);
  });
});

describe('access', () => {
  it('is refused by the first rule that says no, and nobody without the permission learns who exists', async () => {
    const policy = nest.get(AccessPolicy, { strict: false });
    const refusal = async (caller: Caller, id: string): Promise<string> =>
      (await policy.explain(caller, { by: 'id', id })).error.id;
    const { ours } = targets;
    const unknown = '_'.repeat(22);
    expect(await refusal({ ...callers.nothing!, userId: unknown }, ours!.id)).toBe('not_authenticated');
    expect(await refusal({ ...callers.nothing!, clientId: unknown }, ours!.id)).toBe('not_authenticated');
    for (const name of ['nothing', 'blocked', 'dismissed', 'MANAGE_ALL_GROUPS'])
      for (const id of [ours!.id, unknown]) expect(await refusal(callers[name]!, id)).toBe('not_authorized');
    expect(await refusal(callers.OBTAIN_ACCESS_TOKENS!, unknown)).toBe('unknown_user');
    expect(await refusal(callers.OBTAIN_ACCESS_TOKENS!, ours!.id)).toBe('not_authorized');
  });
});
