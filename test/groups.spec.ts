import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/common/id.js';
import type { Permission } from '../src/schema/entities/account-permission.entity.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { Group } from '../src/schema/entities/group.entity.js';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { TokensService } from '../src/tokens/tokens.service.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { newServiceAccount } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let outsider: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'CREATE_GROUPS'] });
  outsider = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'CREATE_GROUPS', 'MANAGE_ALL_GROUPS'] });
});

async function newGroup(caller = admin): Promise<string> {
  return (await t.send(caller, 'POST', '/groups', { name: 'Class', description: 'A class' })).body.id;
}

/** Another staff user of the same organization. */
function colleague(...permissions: Parameters<typeof t.world.grant>[1][]): Promise<TestCaller> {
  return t.world.caller({ organizationId: admin.organizationId, permissions });
}

/** A token of somebody's own, by way of the client of `admin`. */
async function tokenOf(id: string): Promise<{ token: string }> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { sub: id, client_id: admin.clientId, scope: 'ROLE_USER', jti: randomUUID(), iat, exp: iat + 3600 };
  return { token: await t.nest.get(TokensService).sign('access', claims) };
}

/** Users of every kind, beside one of each that is in the group or invited to it already. */
async function everyKind(groupIds: string[]): Promise<string[]> {
  const { organizationId } = admin;
  const own = await t.world.user({ organizationId });
  const colleagueOfGroup = await t.world.user({ organizationId });
  const known = await t.world.group(organizationId);
  await t.world.join(colleagueOfGroup, known);
  await t.world.allow(admin.id, known, 'MANAGE');
  const blocked = await t.world.user({ organizationId, status: 'BLOCKED' });
  const stranger = await t.world.user({ organizationId: outsider.organizationId });
  const member = await t.world.user({ organizationId });
  const invitee = await t.world.user({ organizationId });
  const invitedStranger = await t.world.user({ organizationId: outsider.organizationId });
  const { id: program } = await newServiceAccount(t, organizationId);
  for (const groupId of groupIds) {
    await t.world.join(member, groupId);
    await t.world.join(invitee, groupId, 'INVITED');
    await t.world.join(invitedStranger, groupId, 'INVITED');
  }
  return [own, colleagueOfGroup, blocked, stranger, member, invitee, invitedStranger, program, newId()];
}

function stateOf(groupId: string): Promise<unknown> {
  return t.world.write(async (db) => ({
    members: (await db.find(Membership, { where: { groupId }, order: { userId: 'ASC' } })).map(
      ({ userId, status, joinedAt, invitedAt }) => ({ userId, status, joins: !!joinedAt, invites: !!invitedAt }),
    ),
    events: (await db.find(AuditEvent, { where: { groupId }, order: { userId: 'ASC', event: 'ASC' } }))
      .filter(({ event }) => event.startsWith('MEMBER_'))
      .map(({ event, userId, actorId, clientId }) => ({ event, userId, actorId, clientId })),
    counts: await db.findOne(Group, { where: { id: groupId }, select: { memberCount: true, inviteeCount: true } }),
  }));
}

describe('POST groups', () => {
  it('makes a group that its creator manages, and answers 200 with it', async () => {
    const fields = { name: 'Klas é', description: 'Two\nlines', customReference: '2B', autoAddMembers: 'true' };
    const { status, body } = await t.send(admin, 'POST', '/groups', fields);
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      name: 'Klas é',
      description: 'Two\nlines',
      customReference: '2B',
      counts: { members: 0, drillables: 0, tests: 0 },
      created: expect.any(String),
      lastEdited: expect.any(String),
      organization: { type: 'ORGANIZATION', id: admin.organizationId, name: 'Academy' },
    });
    expect((await t.as(admin)(`/group/${body.id}`)).body).toEqual(body);
    await t.world.grant(admin.id, 'MANAGE_USERS');
    const user = await t.world.user({ organizationId: admin.organizationId });
    expect((await t.as(admin)(`/group/${body.id}/members/${user}`, { method: 'PUT' })).status).toBe(200);
    expect((await t.as(admin)(`/access/${user}`)).status).toBe(200);
  });

  it.each([
    [{ description: 'x' }, 'name_missing'],
    [{ name: ' ', description: 'x' }, 'name_missing'],
    [{ name: 'x'.repeat(256), description: 'x' }, 'name_missing'],
    [{ name: 'x' }, 'description_missing'],
    [{ name: 'x', description: 'x'.repeat(2001) }, 'description_missing'],
    [{ name: 'x', description: 'x', customReference: 'x'.repeat(256) }, 'invalid_custom_reference'],
  ])('refuses %j', async (fields: Record<string, string>, id) => {
    expect(outcome(await t.send(admin, 'POST', '/groups', fields))).toEqual([400, id]);
  });

  it('is for staff with CREATE_GROUPS', async () => {
    const plain = await colleague('MANAGE_ALL_GROUPS');
    expect(outcome(await t.send(plain, 'POST', '/groups', { name: 'x', description: 'x' }))).toEqual([
      403,
      'no_permission',
    ]);
  });
});

describe('PUT and DELETE group/{id}', () => {
  it('change what is given, and delete the group with the sessions that came from it', async () => {
    const id = await newGroup();
    t.clock.advance(5);
    const changed = await t.send(admin, 'PUT', `/group/${id}`, { name: 'New', customReference: 'R' });
    expect(changed).toMatchObject({ status: 200, body: { name: 'New', description: 'A class', customReference: 'R' } });
    expect(changed.body.lastEdited > changed.body.created).toBe(true);
    expect((await t.send(admin, 'PUT', `/group/${id}`, { customReference: '' })).body).not.toHaveProperty(
      'customReference',
    );
    const user = await t.world.user({ organizationId: admin.organizationId });
    await t.world.join(user, id);
    const cookie = await t.signIn(admin, user);
    expect(await t.as(admin)(`/group/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      body: { description: expect.any(String) },
    });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.as(admin)(`/group/${id}`))).toEqual([404, 'not_found']);
  });

  it('refuse what is malformed', async () => {
    const id = await newGroup();
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}`, { name: '' }))).toEqual([400, 'invalid_name']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}`, { description: ' ' }))).toEqual([
      400,
      'invalid_description',
    ]);
    expect(outcome(await t.send(admin, 'PUT', '/group/no%20id', { name: 'x' }))).toEqual([400, 'invalid_group_id']);
    expect(outcome(await t.send(admin, 'DELETE', `/group/${newId()}`))).toEqual([404, 'not_found']);
  });

  it('are for MANAGE, given directly or by MANAGE_ALL_GROUPS, in the own organization', async () => {
    const id = await newGroup();
    const viewer = await colleague();
    await t.world.allow(viewer.id, id, 'VIEW');
    for (const [caller, refusal] of [
      [viewer, [403, 'no_permission']],
      [await colleague(), [403, 'no_permission']],
      [outsider, [404, 'not_found']],
    ] as const) {
      expect(outcome(await t.send(caller, 'PUT', `/group/${id}`, { name: 'x' }))).toEqual(refusal);
      expect(outcome(await t.send(caller, 'DELETE', `/group/${id}`))).toEqual(refusal);
    }
    const all = await colleague('MANAGE_ALL_GROUPS');
    expect((await t.send(all, 'PUT', `/group/${id}`, { name: 'x' })).status).toBe(200);
    await t.world.write((db) => db.update(User, { id: all.id }, { status: 'BLOCKED' }));
    expect((await t.send(all, 'PUT', `/group/${id}`, { name: 'y' })).status).toBeGreaterThan(400);
    expect((await t.world.write((db) => db.findOneByOrFail(Group, { id }))).name).toBe('x');
  });
});

describe('adding to a group', () => {
  it('lets an account of the organization join at once, once', async () => {
    const id = await newGroup();
    await t.world.grant(admin.id, 'MANAGE_USERS');
    const code = await t.world.thirdParty(admin.organizationId);
    const user = await t.world.user({ organizationId: admin.organizationId, thirdPartyId: [code, 'a/b'] });
    expect(outcome(await t.as(admin)(`/access/${user}`))).toEqual([403, 'not_authorized']);
    const { status, body } = await t.as(admin)(`/group/${id}/members/${code}/a%2Fb`, { method: 'PUT' });
    expect(status).toBe(200);
    expect(body).toEqual({
      member: expect.objectContaining({ type: 'USER', id: user }),
      joined: expect.stringMatching(/Z$/),
      status: 'JOINED',
    });
    expect((await t.as(admin)(`/access/${user}`)).status).toBe(200);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/members/${user}`))).toEqual([400, 'already_member']);
    expect((await t.as(admin)(`/group/${id}`)).body.counts.members).toBe(1);
  });

  it('only invites anybody else, who is in once they have accepted by themselves', async () => {
    const id = await newGroup();
    const stranger = await t.world.user({ organizationId: outsider.organizationId });
    const own = await tokenOf(stranger);
    const added = await t.send(admin, 'PUT', `/group/${id}/members/${stranger}`);
    expect(added).toMatchObject({ status: 200, body: { status: 'INVITED', invited: expect.any(String) } });
    expect(added.body).not.toHaveProperty('joined');
    expect(outcome(await t.as(admin)(`/access/${stranger}`))).toEqual([403, 'not_authorized']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/members/${stranger}`))).toEqual([400, 'already_invited']);
    for (const other of [admin, outsider])
      expect(outcome(await t.send(other, 'PUT', `/group-invitation/${id}`, { action: 'ACCEPT' }))).toEqual([
        404,
        'not_found',
      ]);
    expect(outcome(await t.send(own, 'PUT', `/group-invitation/${id}`, { action: 'MAYBE' }))).toEqual([
      400,
      'invalid_action',
    ]);
    expect((await t.send(own, 'PUT', `/group-invitation/${id}`, { action: 'ACCEPT' })).status).toBe(200);
    expect((await t.as(admin)(`/access/${stranger}`)).status).toBe(200);
    expect(outcome(await t.send(own, 'PUT', `/group-invitation/${id}`, { action: 'ACCEPT' }))).toEqual([
      404,
      'not_found',
    ]);
  });

  it('leaves out whoever declines, and whose invitation is withdrawn', async () => {
    const id = await newGroup();
    const [declining, withdrawn] = [await t.world.user(), await t.world.user()];
    for (const user of [declining, withdrawn]) await t.send(admin, 'PUT', `/group/${id}/members/${user}`);
    const answer = await t.send(await tokenOf(declining), 'PUT', `/group-invitation/${id}`, { action: 'DECLINE' });
    expect(answer.status).toBe(200);
    expect((await t.send(admin, 'DELETE', `/group/${id}/members/${withdrawn}`)).status).toBe(200);
    for (const user of [declining, withdrawn]) {
      const late = await t.send(await tokenOf(user), 'PUT', `/group-invitation/${id}`, { action: 'ACCEPT' });
      expect(outcome(late)).toEqual([404, 'not_found']);
      expect(outcome(await t.as(admin)(`/access/${user}`))).toEqual([403, 'not_authorized']);
    }
  });

  it('with setup makes a missing account, for callers with MANAGE_USERS', async () => {
    const id = await newGroup();
    const address = `new-${newId().toLowerCase().replaceAll(/[_-]/g, 'x')}@academy.example`;
    const path = `/group/${id}/members/${address}`;
    expect(outcome(await t.send(admin, 'PUT', path))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.send(admin, 'PUT', path, { setup: '0', name: 'N' }))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.send(admin, 'PUT', path, { setup: 'yes', name: 'N' }))).toEqual([400, 'invalid_request']);
    expect(outcome(await t.send(admin, 'PUT', path, { setup: '1', name: 'N' }))).toEqual([403, 'no_permission']);
    await t.world.grant(admin.id, 'MANAGE_USERS');
    expect(outcome(await t.send(admin, 'PUT', path, { setup: '1' }))).toEqual([400, 'name_missing']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/members/a%20b@x`, { setup: '1', name: 'N' }))).toEqual([
      400,
      'invalid_email_address',
    ]);
    expect(await t.send(admin, 'PUT', path, { setup: '1', realName: 'N', locale: 'nl' })).toMatchObject({
      status: 200,
      body: { status: 'JOINED', member: { name: 'N', emailAddress: address, locale: 'nl' } },
    });
    const code = await t.world.thirdParty(admin.organizationId);
    expect(await t.send(admin, 'PUT', `/group/${id}/members/${code}$7`, { setup: 'true', name: 'M' })).toMatchObject({
      status: 200,
      body: { member: { thirdPartyIds: [{ thirdParty: code, id: '7' }] } },
    });
  });

  it('is for MANAGE, and makes no account for anybody else', async () => {
    const id = await newGroup();
    const user = await t.world.user({ organizationId: admin.organizationId });
    const viewer = await colleague('MANAGE_USERS');
    await t.world.allow(viewer.id, id, 'VIEW');
    for (const [caller, refusal] of [
      [viewer, [403, 'no_permission']],
      [outsider, [404, 'group_not_found']],
    ] as const) {
      for (const ref of [user, newId(), 'nobody@academy.example'])
        expect(outcome(await t.send(caller, 'PUT', `/group/${id}/members/${ref}`, { setup: '1', name: 'N' }))).toEqual(
          refusal,
        );
      expect(outcome(await t.send(caller, 'DELETE', `/group/${id}/members/${user}`))).toEqual(refusal);
    }
    expect(outcome(await t.send(admin, 'PUT', `/group/${newId()}/members/${user}`))).toEqual([404, 'group_not_found']);
  });
});

describe('adding many to a group', () => {
  it.each([[[]], [['MANAGE_USERS']], [['MANAGE_ALL_GROUPS']]] as Permission[][][])(
    'does to each what adding one does, for a caller with %j',
    async (permissions) => {
      const [one, many] = [await newGroup(), await newGroup()];
      const users = await everyKind([one, many]);
      if (permissions.length > 0) await t.world.grant(admin.id, ...permissions);
      const expected: object[] = [];
      for (const user of users) {
        const { body } = await t.send(admin, 'PUT', `/group/${one}/members/${user}`);
        const { id, description, status } = body;
        expected.push(id ? { user, error: { id, description } } : { user, status });
      }
      const { status, body } = await t.as(admin)(`/group/${many}/members`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ users }),
      });
      expect({ status, results: body.results }).toEqual({ status: 200, results: expected });
      expect(await stateOf(many)).toEqual(await stateOf(one));
      expect(new Set(expected.map((result) => ('status' in result ? result.status : 'error'))).size).toBe(3);
    },
  );

  it('takes 1 to 500 at a time, and the same one once', async () => {
    const id = await newGroup();
    const add = (users: string[]): Promise<Answer> =>
      t.as(admin)(`/group/${id}/members`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ users }),
      });
    for (const users of [[], Array.from({ length: 501 }, () => newId())])
      expect(outcome(await add(users))).toEqual([400, 'invalid_request']);
    const user = await t.world.user({ organizationId: admin.organizationId });
    const { body } = await add([user, user, ...Array.from({ length: 498 }, () => newId())]);
    expect(body.results.map((result: { status?: string }) => result.status).filter(Boolean)).toEqual([
      'INVITED',
      'INVITED',
    ]);
    expect((await t.as(admin)(`/group/${id}`)).body.counts.members).toBe(0);
  });

  it('is for those who manage the group', async () => {
    const id = await newGroup();
    const user = await t.world.user({ organizationId: admin.organizationId });
    const viewer = await colleague('MANAGE_USERS');
    await t.world.allow(viewer.id, id, 'VIEW');
    expect(outcome(await t.send(viewer, 'POST', `/group/${id}/members`, { users: user }))).toEqual([
      403,
      'no_permission',
    ]);
    expect(outcome(await t.send(outsider, 'POST', `/group/${id}/members`, { users: user }))).toEqual([
      404,
      'group_not_found',
    ]);
    expect((await t.as(admin)(`/group/${id}/members`)).body.members).toEqual([]);
  });
});

describe('removing from a group', () => {
  it('ends the sessions and tokens that came from it for good, unless another group still allows them', async () => {
    const [first, second] = [await newGroup(), await newGroup()];
    await t.world.grant(admin.id, 'MANAGE_USERS');
    const user = await t.world.user({ organizationId: admin.organizationId });
    for (const group of [first, second]) await t.world.join(user, group);
    const cookie = await t.signIn(admin, user);
    const token = await t.loginToken(admin, user);
    expect((await t.send(admin, 'DELETE', `/group/${first}/members/${user}`)).status).toBe(200);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
    expect(await t.send(admin, 'DELETE', `/group/${second}/members/${user}`)).toMatchObject({
      status: 200,
      body: { description: expect.any(String) },
    });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.as(admin)(`/access/${user}`))).toEqual([403, 'not_authorized']);
    await t.send(admin, 'PUT', `/group/${second}/members/${user}`);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    expect((await t.as(admin)(`/access/${user}`)).status).toBe(200);
  });

  it('names whoever is not in it', async () => {
    const id = await newGroup();
    for (const ref of [newId(), await t.world.user()])
      expect(outcome(await t.send(admin, 'DELETE', `/group/${id}/members/${ref}`))).toEqual([400, 'not_group_member']);
  });
});

describe('the staff of a group', () => {
  it('is given one permission each, which decides about access at once', async () => {
    const id = await newGroup();
    const user = await t.world.user({ organizationId: admin.organizationId });
    await t.world.join(user, id);
    const host = await colleague('OBTAIN_ACCESS_TOKENS');
    const path = `/group/${id}/staff/${host.id}`;
    expect(await t.send(admin, 'PUT', `${path}/MANAGE`)).toMatchObject({
      status: 200,
      body: { group: { id }, user: { id: host.id }, permission: 'MANAGE' },
    });
    const cookie = await t.signIn(host, user);
    expect((await t.send(admin, 'PUT', `${path}/VIEW`)).body.permission).toBe('VIEW');
    expect(outcome(await t.as(host)(`/access/${user}`))).toEqual([403, 'not_authorized']);
    expect((await t.as(host)(`/group/${id}`)).status).toBe(200);
    await t.send(admin, 'PUT', `${path}/MANAGE`);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    const again = await t.signIn(host, user);
    expect((await t.send(admin, 'DELETE', `${path}/VIEW`)).status).toBe(200);
    expect((await t.call('/session', { headers: { cookie: again } })).status).toBe(401);
    expect(outcome(await t.as(host)(`/group/${id}`))).toEqual([403, 'no_permission']);
    expect(outcome(await t.send(admin, 'DELETE', `${path}/VIEW`))).toEqual([400, 'not_available']);
  });

  it('is of the same organization, never oneself, and changed by its managers', async () => {
    const id = await newGroup();
    const host = await colleague();
    const viewer = await colleague();
    await t.world.allow(viewer.id, id, 'VIEW');
    const pupil = await t.world.user({ organizationId: admin.organizationId });
    for (const ref of [outsider.id, newId()])
      expect(outcome(await t.send(admin, 'PUT', `/group/${id}/staff/${ref}/VIEW`))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/staff/${pupil}/VIEW`))).toEqual([400, 'not_available']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/staff/self/VIEW`))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.send(admin, 'DELETE', `/group/${id}/staff/${admin.id}/MANAGE`))).toEqual([
      403,
      'not_permitted',
    ]);
    expect(outcome(await t.send(viewer, 'PUT', `/group/${id}/staff/${host.id}/VIEW`))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.send(outsider, 'PUT', `/group/${id}/staff/${host.id}/VIEW`))).toEqual([
      404,
      'unknown_group',
    ]);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/staff/${host.id}/OWN`))).toEqual([
      400,
      'invalid_permission',
    ]);
    expect(outcome(await t.send(admin, 'PUT', `/group/${newId()}/staff/${host.id}/VIEW`))).toEqual([
      404,
      'unknown_group',
    ]);
    expect(outcome(await t.send(admin, 'PUT', `/group/${id}/staff/${newId()}/VIEW`))).toEqual([404, 'unknown_user']);
    await t.world.allow(host.id, id, 'VIEW');
    expect(outcome(await t.send(admin, 'DELETE', `/group/${id}/staff/${host.id}/MANAGE`))).toEqual([
      400,
      'not_available',
    ]);
  });
});
