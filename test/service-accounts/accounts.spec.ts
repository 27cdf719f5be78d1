import { describe, expect, it } from '@jest/globals';
import { Client } from '../../src/schema/entities/client.entity.js';
import { outcome, PUBLIC_URL } from '../support/app.js';
import { ADMINISTRATOR, admin, ask, expectRefused, newAccount, newKeyPair, setUp, t } from './setup.js';

/** What a service account is wherever a user is shown: strict clients know the types USER and ORGANIZATION only. */
const ACCOUNT = { type: 'USER', serviceAccount: true } as const;

setUp();

describe('a service account', () => {
  it('gets rights as any staff does, and lets a user in with nothing but its key', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: userId, groupId } = await t.world.userOf(admin);
    const granted = await t.send(admin, 'PUT', `/user/${id}/permissions/OBTAIN_ACCESS_TOKENS`);
    expect(granted.body).toEqual({ permissions: ['OBTAIN_ACCESS_TOKENS'] });
    expect((await t.as(admin)(`/user/${id}/permissions`)).body).toEqual(granted.body);
    const allowed = await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`);
    expect(allowed.body).toMatchObject({ permission: 'MANAGE', user: { ...ACCOUNT, id, name: 'Portal' } });

    const { status, body } = await ask(id, keys, { sub: userId, resource: `${PUBLIC_URL}/login` });
    expect({ status, type: body.token_type }).toEqual({ status: 200, type: 'Bearer' });
    expect((await t.login(body.access_token)).status).toBe(303);

    expect((await t.send(admin, 'DELETE', `/group/${groupId}/staff/${id}/MANAGE`)).status).toBe(200);
    const refused = await ask(id, keys, { sub: userId, resource: `${PUBLIC_URL}/login` });
    expect({ status: refused.status, error: refused.body.error }).toEqual({ status: 400, error: 'invalid_grant' });
  });

  it('is shown to who may administer it, in cursor pages', async () => {
    const { organizationId, ...caller } = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await newAccount({ organizationId, ...caller })).id);
    const one = await t.as(caller)(`/service-account/${ids[0]}`);
    expect(one).toMatchObject({ status: 200 });
    expect(one.body).toEqual({
      type: 'SERVICE_ACCOUNT',
      id: ids[0],
      name: 'Portal',
      status: 'ACTIVE',
      clientId: expect.stringMatching(/^[\da-f]{32}$/),
      organization: { type: 'ORGANIZATION', id: organizationId, name: 'Academy' },
      created: expect.any(String),
    });
    const first = (await t.as(caller)('/service-accounts?resultSize=2')).body;
    expect(first.pagination).toEqual({ total: 3, lastOnPage: expect.any(String), moreAvailable: true });
    const rest = (await t.as(caller)(`/service-accounts?resultFrom=${first.pagination.lastOnPage}`)).body;
    expect(rest.pagination.moreAvailable).toBe(false);
    const listed = [...first.serviceAccounts, ...rest.serviceAccounts] as { id: string }[];
    expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(listed).toContainEqual(one.body);
  });

  it('is on the staff as what it is, but no person that a search for people finds', async () => {
    const caller = await t.world.caller({ permissions: ADMINISTRATOR });
    const { id } = await newAccount(caller);
    expect((await t.as(caller)(`/user/${id}`)).body).toMatchObject({ ...ACCOUNT, id, status: 'ACTIVE' });
    for (const base of ['/api/2', '/api/2.1', '/api/2.1.1']) {
      const headers = { authorization: `Bearer ${caller.token}` };
      const { body } = await t.call(`${base}/organization/self/staff`, { headers });
      expect(body.total).toBe(2);
      expect(body.users).toContainEqual(expect.objectContaining({ ...ACCOUNT, id, name: 'Portal' }));
      const person = body.users.find((user: { id: string }) => user.id === caller.id);
      expect(Object.keys(person)).not.toContain('serviceAccount');
    }
    expect((await t.send(caller, 'PUT', `/user/${id}`, { name: 'Portal two' })).status).toBe(200);
    for (const query of ['', '?query=portal'])
      expect((await t.as(caller)(`/organizations/self/accounts${query}`)).body.accounts).not.toContainEqual(
        expect.objectContaining({ id }),
      );
    const groupId = await t.world.group(caller.organizationId);
    await t.world.allow(id, groupId, 'VIEW');
    await t.world.allow(caller.id, groupId, 'MANAGE');
    const staff = await t.as(caller)(`/group/${groupId}/staff?query=portal`);
    expect(staff.body.groupStaffUsers).toEqual([
      expect.objectContaining({ permission: 'VIEW', user: expect.objectContaining({ ...ACCOUNT, id }) }),
    ]);
  });

  it('is blocked by its status, and refused within two seconds', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    const { access_token: token } = (await ask(id, keys)).body;
    expect((await t.as({ token })('/user')).body).toMatchObject({ ...ACCOUNT, id });
    const blocked = await t.send(admin, 'PUT', `/user/${id}`, { status: 'BLOCKED' });
    expect(blocked).toMatchObject({ status: 200, body: { ...ACCOUNT, status: 'BLOCKED' } });
    expect((await ask(id, keys)).status).toBe(400);
    await expectRefused(token);
    expect((await t.send(admin, 'PUT', `/user/${id}`, { status: 'ACTIVE' })).status).toBe(200);
    expect((await ask(id, keys)).status).toBe(200);
  });

  it('has no e-mail address, no third-party ID and no place in a group', async () => {
    const { id } = await newAccount();
    const code = await t.world.thirdParty(admin.organizationId);
    const { groupId } = await t.world.userOf(admin);
    for (const fields of [{ emailAddress: 'portal@academy.example' }, { thirdParty: code, thirdPartyId: '1' }])
      expect(outcome(await t.send(admin, 'PUT', `/user/${id}`, fields as never))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(admin, 'PUT', `/user/${id}/third-party-id/${code}/1`))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(admin, 'PUT', `/group/${groupId}/members/${id}`))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });

  it('is nobody to let in, even if it were in a group', async () => {
    const { id } = await newAccount();
    const { groupId } = await t.world.userOf(admin);
    await t.world.join(id, groupId);
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });

  it('goes by its own route only, with its client, keys, tokens, and the sessions that it started', async () => {
    const { id, clientId } = await newAccount();
    const keys = await newKeyPair(id);
    const { id: userId, groupId } = await t.world.userOf(admin);
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await t.world.allow(id, groupId, 'MANAGE');
    const { access_token: token } = (await ask(id, keys)).body;
    expect((await t.as({ token })('/user')).status).toBe(200);
    const cookie = await t.signIn({ ...admin, token }, userId);
    expect((await t.call('/session', { headers: { cookie } })).body.actor).toMatchObject({ ...ACCOUNT, id, clientId });

    expect(outcome(await t.send(admin, 'DELETE', `/user/${id}`))).toEqual([403, 'access_denied']);
    expect(outcome(await t.send(admin, 'DELETE', `/organization/self/staff/${id}`))).toEqual([
      400,
      'staff_disconnection_failed',
    ]);
    expect(outcome(await t.send(admin, 'DELETE', `/client/${clientId}`))).toEqual([400, 'client_in_use']);
    const { status, body } = await t.send(admin, 'DELETE', `/service-account/${id}`);
    expect({ status, body }).toEqual({ status: 200, body: { description: 'The service account is deleted.' } });

    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect((await ask(id, keys)).status).toBe(400);
    await expectRefused(token);
    expect(await t.world.write((db) => db.existsBy(Client, { id: clientId }))).toBe(false);
    expect(outcome(await t.as(admin)(`/service-account/${id}`))).toEqual([404, 'not_found']);
    expect(outcome(await t.send(admin, 'DELETE', `/service-account/${id}`))).toEqual([404, 'not_found']);
  });

  it.each(['', ' ', 'x'.repeat(256), 'a\u0001b'])('is not called %j', async (name) => {
    expect(outcome(await t.send(admin, 'POST', '/service-accounts', { name }))).toEqual([400, 'name_missing']);
  });
});
