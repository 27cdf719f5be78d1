import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { outcome } from '../support/app.js';
import { ADMINISTRATOR, addKey, admin, ask, newAccount, newKeyPair, pemOf, setUp, t } from './setup.js';

setUp();

describe('who administers service accounts', () => {
  it('has MANAGE_SERVICE_ACCOUNTS in the same organization', async () => {
    const { id } = await newAccount();
    const { kid } = await newKeyPair(id);
    const calls = [
      ['GET', '/service-accounts'],
      ['POST', '/service-accounts'],
      ['GET', `/service-account/${id}`],
      ['DELETE', `/service-account/${id}`],
      ['GET', `/service-account/${id}/keys`],
      ['POST', `/service-account/${id}/keys`],
      ['POST', `/service-account/${id}/key-pairs`],
      ['DELETE', `/service-account/${id}/keys/${kid}`],
    ] as const;
    const fields = { name: 'N', publicKey: pemOf(generateKeyPairSync('ed25519')) };
    const { organizationId } = admin;
    const every = ADMINISTRATOR.filter((permission) => permission !== 'MANAGE_SERVICE_ACCOUNTS');
    const plain = await t.world.caller({ organizationId, permissions: every });
    const outsider = await t.world.caller({ permissions: ADMINISTRATOR });
    for (const [method, path] of calls) {
      const answer = method === 'GET' ? await t.as(plain)(path) : await t.send(plain, method, path, fields);
      expect({ method, path, is: outcome(answer) }).toEqual({ method, path, is: [403, 'not_permitted'] });
    }
    for (const [method, path] of calls.filter(([, name]) => name.includes('/service-account/'))) {
      const answer = method === 'GET' ? await t.as(outsider)(path) : await t.send(outsider, method, path, fields);
      expect({ method, path, is: outcome(answer) }).toEqual({ method, path, is: [404, 'not_found'] });
    }
    expect(outcome(await t.send(plain, 'PUT', `/user/${id}`, { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.keys).toHaveLength(1);
  });

  it('gives it no right that they lack', async () => {
    const { id } = await newAccount();
    const { organizationId } = admin;
    const groupId = await t.world.group(organizationId);
    const outcomes = [
      await t.send(admin, 'PUT', `/user/${id}/permissions/VIEW_AUDIT_LOG`),
      await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`),
    ].map(outcome);
    expect(outcomes).toEqual([
      [403, 'not_permitted'],
      [403, 'not_permitted'],
    ]);
  });

  it.each<{ of: string; give: (id: string, groupId: string) => Promise<unknown>; own?: Permission[] }>([
    { of: 'a permission', give: (id) => t.world.grant(id, 'VIEW_AUDIT_LOG') },
    { of: 'every group', give: (id) => t.world.grant(id, 'MANAGE_ALL_GROUPS') },
    { of: 'MANAGE on a group', give: (id, groupId) => t.world.allow(id, groupId, 'MANAGE') },
    { of: 'VIEW on a group', give: (id, groupId) => t.world.allow(id, groupId, 'VIEW') },
  ])('gets no key to one that has more than they: $of', async ({ give }) => {
    const { id } = await newAccount();
    await give(id, await t.world.group(admin.organizationId));
    const answers = [
      await addKey(id, pemOf(generateKeyPairSync('ed25519'))),
      await t.send(admin, 'POST', `/service-account/${id}/key-pairs`),
    ];
    expect(answers.map(outcome)).toEqual(answers.map(() => [403, 'not_permitted']));
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.keys).toEqual([]);
  });

  it('gets a key to one that has no more than they', async () => {
    const { organizationId } = admin;
    const groups = await t.world.caller({
      organizationId,
      permissions: ['MANAGE_SERVICE_ACCOUNTS', 'MANAGE_ALL_GROUPS', 'OBTAIN_ACCESS_TOKENS'],
    });
    const { id } = await newAccount();
    const groupId = await t.world.group(organizationId);
    await t.world.allow(id, groupId, 'VIEW');
    await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
    await newKeyPair(id, groups);
    await t.world.allow(admin.id, groupId, 'MANAGE');
    await newKeyPair(id);
    expect((await t.as(admin)(`/service-account/${id}/keys`)).body.pagination.total).toBe(2);
  });

  it('may be a service account, which changes its own keys and does not delete itself', async () => {
    const { id } = await newAccount();
    const keys = await newKeyPair(id);
    await t.world.grant(id, 'MANAGE_SERVICE_ACCOUNTS', 'MANAGE_STAFF');
    const { access_token: token } = (await ask(id, keys)).body;
    const itself = { ...admin, id, token };
    const next = await newKeyPair(id, itself);
    expect(outcome(await t.send(itself, 'DELETE', `/service-account/${id}`))).toEqual([400, 'cannot_delete_self']);
    expect(outcome(await t.send(itself, 'PUT', `/user/${id}/permissions/MANAGE_STAFF`))).toEqual([
      403,
      'not_permitted',
    ]);
    expect((await t.send(itself, 'DELETE', `/service-account/${id}/keys/${keys.kid}`)).status).toBe(200);
    expect((await ask(id, keys)).status).toBe(400);
    expect((await ask(id, next)).status).toBe(200);
  });

  it('does not delete the last one that can manage the staff', async () => {
    const caller = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const { id } = await newAccount(caller);
    await t.world.grant(id, 'MANAGE_STAFF');
    expect(outcome(await t.send(caller, 'DELETE', `/service-account/${id}`))).toEqual([403, 'not_permitted']);
  });
});
