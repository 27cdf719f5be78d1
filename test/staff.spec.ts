import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/common/id.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let outsider: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_STAFF'] });
  outsider = await t.world.caller({ permissions: ['MANAGE_STAFF'] });
});

function put(caller: TestCaller, ref: string, name?: string): Promise<Answer> {
  const body =
    name === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) };
  return t.as(caller)(`/organization/self/staff/${ref}`, { method: 'PUT', ...body });
}

function dismiss(caller: TestCaller, ref: string, organization = 'self'): Promise<Answer> {
  return t.as(caller)(`/organization/${organization}/staff/${ref}`, { method: 'DELETE' });
}

describe('the staff of an organization', () => {
  it('is listed for staff, with whoever was put on it', async () => {
    const user = await t.world.user({ organizationId: admin.organizationId, name: 'Aya' });
    expect(await put(admin, user)).toMatchObject({ status: 200, body: { id: user, type: 'USER' } });
    const { status, body } = await t.as(admin)('/organization/self/staff');
    expect(status).toBe(200);
    expect(body).toEqual({
      total: 2,
      users: [expect.objectContaining({ id: user }), expect.objectContaining({ id: admin.id })],
    });
    expect((await t.as(admin)(`/organization/${admin.organizationId}/staff`)).body).toEqual(body);
    expect((await t.as(admin)(`/user/${user}/permissions`)).body).toEqual({ permissions: [] });
    expect(outcome(await put(admin, user))).toEqual([400, 'already_staff_user']);
  });

  it('takes new accounts by e-mail address and name', async () => {
    const address = `s${newId().toLowerCase().replaceAll(/[_-]/g, 'x')}@academy.example`;
    expect(outcome(await put(admin, address))).toEqual([400, 'missing_name']);
    expect(outcome(await put(admin, 'not%20an@address', 'N'))).toEqual([400, 'invalid_email_address']);
    expect(outcome(await put(admin, newId(), 'N'))).toEqual([404, 'unknown_user']);
    expect(await put(admin, address, 'New')).toMatchObject({
      status: 200,
      body: { name: 'New', emailAddress: address, organization: { id: admin.organizationId } },
    });
  });

  it('takes nobody from another organization', async () => {
    const managed = await t.world.user({ organizationId: outsider.organizationId });
    for (const ref of [managed, outsider.id])
      expect(outcome(await put(admin, ref))).toEqual([400, 'linked_to_other_organization']);
  });

  it('is changed with MANAGE_STAFF of the same organization only', async () => {
    const plain = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    const user = await t.world.user({ organizationId: admin.organizationId });
    expect(outcome(await put(plain, user))).toEqual([403, 'not_permitted']);
    expect(outcome(await dismiss(plain, admin.id))).toEqual([403, 'not_permitted']);
    expect(outcome(await dismiss(outsider, plain.id, admin.organizationId))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.as(outsider)(`/organization/${admin.organizationId}/staff`))).toEqual([
      403,
      'not_permitted',
    ]);
    expect(outcome(await t.as(admin)(`/organization/${newId()}/staff`))).toEqual([403, 'not_permitted']);
  });

  it('loses with a member what that member could do, and the sessions that they started, for good', async () => {
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const { id: user, groupId } = await t.world.userOf(host);
    const groups = await t.world.caller({
      organizationId: admin.organizationId,
      permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_ALL_GROUPS'],
    });
    const cookie = await t.signIn(groups, user);
    expect(outcome(await dismiss(admin, 'self'))).toEqual([403, 'cannot_demote_self']);
    expect(outcome(await dismiss(admin, user))).toEqual([400, 'not_staff_user']);
    expect(outcome(await dismiss(admin, host.id))).toEqual([400, 'staff_disconnection_failed']);
    expect(await dismiss(admin, groups.id)).toMatchObject({ status: 204, text: '' });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.as(groups)(`/group/${groupId}`))).toEqual([404, 'not_found']);
    expect((await put(admin, groups.id)).status).toBe(200);
    expect((await t.as(admin)(`/user/${groups.id}/permissions`)).body).toEqual({ permissions: [] });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });
});
