import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { outcome, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import type { TestCaller } from '../support/world.js';

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

/** Staff of a new organization, or of the one of a colleague. */
function staff(permissions: Permission[], colleague?: TestCaller): Promise<TestCaller> {
  return t.world.caller({ organizationId: colleague?.organizationId, permissions });
}

function add(caller: TestCaller, groupId: string, user: string): Promise<Answer> {
  return t.send(caller, 'PUT', `/group/${groupId}/members/${user}`);
}

/** A group that somebody manages, and in which nobody is. */
async function groupOf(caller: TestCaller): Promise<string> {
  const groupId = await t.world.group(caller.organizationId);
  await t.world.allow(caller.id, groupId, 'MANAGE');
  return groupId;
}

describe('S37: an account joins a group at once only where the caller has a right over it', () => {
  it('invites an account of the own organization that the caller has no right over, and gives no access to it', async () => {
    const caller = await staff(['OBTAIN_ACCESS_TOKENS']);
    const groupId = await groupOf(caller);
    const user = await t.world.user({ organizationId: caller.organizationId });
    expect(await add(caller, groupId, user)).toMatchObject({ status: 200, body: { status: 'INVITED' } });
    expect(outcome(await t.as(caller)(`/access/${user}`))).toEqual([403, 'not_authorized']);
    expect(outcome(await add(caller, groupId, user))).toEqual([400, 'already_invited']);
  });

  it.each([
    { right: 'MANAGE_USERS', permissions: ['MANAGE_USERS'], joins: 'nothing', status: 'JOINED' },
    { right: 'MANAGE on a group that it has joined', permissions: [], joins: 'MANAGE', status: 'JOINED' },
    { right: 'VIEW on a group that it has joined', permissions: [], joins: 'VIEW', status: 'INVITED' },
    { right: 'MANAGE on a group that it is invited to', permissions: [], joins: 'INVITED', status: 'INVITED' },
    {
      right: 'MANAGE_ALL_GROUPS, and it has joined a group',
      permissions: ['MANAGE_ALL_GROUPS'],
      joins: 'group',
      status: 'JOINED',
    },
    {
      right: 'MANAGE_ALL_GROUPS, and it has joined none',
      permissions: ['MANAGE_ALL_GROUPS'],
      joins: 'nothing',
      status: 'INVITED',
    },
    {
      right: 'every other permission',
      permissions: PERMISSIONS.filter((one) => one !== 'MANAGE_USERS' && one !== 'MANAGE_ALL_GROUPS'),
      joins: 'group',
      status: 'INVITED',
    },
  ] as const)('$status with $right', async ({ permissions, joins, status }) => {
    const caller = await staff([...permissions]);
    const user = await t.world.user({ organizationId: caller.organizationId });
    if (joins !== 'nothing') {
      const before = await t.world.group(caller.organizationId);
      await t.world.join(user, before, joins === 'INVITED' ? 'INVITED' : 'JOINED');
      if (joins !== 'group') await t.world.allow(caller.id, before, joins === 'VIEW' ? 'VIEW' : 'MANAGE');
    }
    expect((await add(caller, await groupOf(caller), user)).body.status).toBe(status);
  });

  it('lets who has a right over it turn an invitation into a membership', async () => {
    const caller = await staff([]);
    const administrator = await staff(['MANAGE_USERS', 'MANAGE_ALL_GROUPS'], caller);
    const groupId = await groupOf(caller);
    const user = await t.world.user({ organizationId: caller.organizationId });
    await add(caller, groupId, user);
    expect(await add(administrator, groupId, user)).toMatchObject({ status: 200, body: { status: 'JOINED' } });
    expect((await t.as(caller)(`/group/${groupId}/members`)).body.counts).toEqual({ members: 1, invitees: 0 });
  });

  it('gives no right by a group of another organization', async () => {
    const caller = await staff([]);
    const other = await staff(['MANAGE_USERS', 'MANAGE_ALL_GROUPS']);
    const user = await t.world.user({ organizationId: other.organizationId });
    await t.world.join(user, await groupOf(caller));
    expect((await add(caller, await groupOf(caller), user)).body.status).toBe('INVITED');
  });
});

describe('S37: who may do more is let in by MANAGE_STAFF alone', () => {
  it.each([
    { target: ['MANAGE_USERS'], caller: [], status: 403 },
    { target: ['MANAGE_USERS'], caller: ['MANAGE_USERS'], status: 200 },
    { target: ['MANAGE_USERS', 'VIEW_AUDIT_LOG'], caller: ['MANAGE_USERS'], status: 403 },
    { target: ['MANAGE_STAFF'], caller: ['MANAGE_USERS', 'MANAGE_SERVICE_ACCOUNTS'], status: 403 },
    { target: ['MANAGE_USERS', 'VIEW_AUDIT_LOG'], caller: ['MANAGE_STAFF'], status: 200 },
    { target: [], caller: [], status: 200 },
  ] as { target: Permission[]; caller: Permission[]; status: number }[])(
    'answers $status for a user with $target to a caller with $caller',
    async ({ target, caller: permissions, status }) => {
      const caller = await staff(['OBTAIN_ACCESS_TOKENS', ...permissions]);
      const user = await staff(target, caller);
      const groupId = await groupOf(caller);
      await t.world.join(user.id, groupId);
      const answer = await t.as(caller)(`/access/${user.id}`);
      expect(answer.status).toBe(status);
      if (status === 200) return;
      expect(answer.body).toEqual({
        id: 'not_authorized',
        description:
          'The user has an account permission that the caller does not have. A caller with MANAGE_STAFF can let such users in.',
      });
    },
  );

  it('a permission of the caller is none in the organization of the user', async () => {
    const caller = await staff(['OBTAIN_ACCESS_TOKENS']);
    const theirs = await staff(['OBTAIN_ACCESS_TOKENS']);
    await t.world.join(theirs.id, await groupOf(caller));
    expect(outcome(await t.as(caller)(`/access/${theirs.id}`))).toEqual([403, 'not_authorized']);
    await t.world.grant(caller.id, 'MANAGE_STAFF');
    expect((await t.as(caller)(`/access/${theirs.id}`)).status).toBe(200);
  });

  it('is recorded with the number of the rule', async () => {
    const caller = await staff(['OBTAIN_ACCESS_TOKENS']);
    const auditor = await staff(['VIEW_AUDIT_LOG'], caller);
    await t.world.join(auditor.id, await groupOf(caller));
    await t.as(caller)(`/access/${auditor.id}`);
    const { events } = (await t.as(auditor)('/audit?event=ACCESS_REFUSED')).body;
    expect(events).toEqual([expect.objectContaining({ user: auditor.id, actor: caller.id, rule: 7 })]);
  });

  it('a permission that is given later ends, for good, the sessions and tokens of a caller who lacks it', async () => {
    const caller = await staff(['OBTAIN_ACCESS_TOKENS']);
    const manager = await staff(['MANAGE_STAFF', 'VIEW_AUDIT_LOG'], caller);
    const { id: user } = await t.world.userOf(caller);
    await t.world.write((db) => db.update(User, { id: user }, { staffOrganizationId: caller.organizationId }));
    const cookie = await t.signIn(caller, user);
    const token = await t.loginToken(caller, user);
    const path = `/user/${user}/permissions/VIEW_AUDIT_LOG`;
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
    expect((await t.send(manager, 'PUT', path)).status).toBe(200);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    // What was let in before stays out when the permission is gone again.
    expect((await t.send(manager, 'DELETE', path)).status).toBe(200);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    expect((await t.as(caller)(`/access/${user}`)).status).toBe(200);
  });
});

describe('S37: nobody edits what names an account with a permission that they lack', () => {
  interface Edit {
    edit: string;
    method: 'PUT' | 'DELETE';
    /** `#` stands for the code of a third party. */
    path: string;
    fields?: Record<string, string>;
    hasId?: boolean;
  }
  const EDITS: Edit[] = [
    { edit: 'the e-mail address', method: 'PUT', path: '', fields: { emailAddress: '#@s37.example' } },
    { edit: 'the status', method: 'PUT', path: '', fields: { status: 'BLOCKED' } },
    { edit: 'a third-party ID', method: 'PUT', path: '', fields: { thirdParty: '#', thirdPartyId: 'me' } },
    { edit: 'a third-party ID by its own call', method: 'PUT', path: '/third-party-id/#/me' },
    { edit: 'that it has a third-party ID', method: 'DELETE', path: '/third-party-id/#/own', hasId: true },
    { edit: 'that there is such an account', method: 'DELETE', path: '' },
  ];

  it.each(EDITS)('$edit', async ({ method, path, fields = {}, hasId }) => {
    const editor = await staff(['MANAGE_USERS', 'MANAGE_STAFF']);
    const code = await t.world.thirdParty(editor.organizationId);
    const user = await t.world.user({
      organizationId: editor.organizationId,
      thirdPartyId: hasId ? [code, 'own'] : undefined,
    });
    await t.world.grant(user, 'VIEW_AUDIT_LOG');
    const named = Object.entries(fields).map(([name, value]) => [name, value.replace('#', code)]);
    const edit = (): Promise<Answer> =>
      t.send(editor, method, `/user/${user}${path.replace('#', code)}`, Object.fromEntries(named));
    const refused = await edit();
    expect(refused.status).toBe(403);
    expect(refused.body.description).toBe(
      'The account has the permission VIEW_AUDIT_LOG, which the caller does not have.',
    );
    await t.world.grant(editor.id, 'VIEW_AUDIT_LOG');
    expect([200, 204]).toContain((await edit()).status);
  });

  it('changes the name of such an account, which names nobody', async () => {
    const editor = await staff(['MANAGE_USERS']);
    const target = await staff(['MANAGE_STAFF'], editor);
    expect((await t.send(editor, 'PUT', `/user/${target.id}`, { name: 'Other' })).status).toBe(200);
  });

  it('lets everybody edit their own account as before', async () => {
    const own = await staff(['MANAGE_USERS', 'VIEW_AUDIT_LOG']);
    const code = await t.world.thirdParty(own.organizationId);
    expect((await t.send(own, 'PUT', '/user', { thirdParty: code, thirdPartyId: 'me' })).status).toBe(200);
  });

  it('blocks and deletes no service account that may do more', async () => {
    const editor = await staff(['MANAGE_SERVICE_ACCOUNTS']);
    const { id } = (await t.send(editor, 'POST', '/service-accounts', { name: 'Host' })).body;
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    expect(outcome(await t.send(editor, 'PUT', `/user/${id}`, { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(editor, 'DELETE', `/service-account/${id}`))).toEqual([403, 'not_permitted']);
    await t.world.grant(editor.id, 'OBTAIN_ACCESS_TOKENS');
    expect((await t.send(editor, 'DELETE', `/service-account/${id}`)).status).toBe(200);
  });
});
