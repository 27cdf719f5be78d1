import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ImportService } from '../../src/bulk/import.service.js';
import { newId } from '../../src/common/id.js';
import { SigningKeysService } from '../../src/tokens/signing-keys.service.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { UnverifiedEmailAddress } from '../../src/schema/entities/unverified-email-address.entity.js';
import { PUBLIC_URL } from '../support/app.js';
import { runCommand } from '../support/command-line.js';
import { newClient, REDIRECT_URI } from '../support/oauth.js';
import { admin, by, group, host, itHasRecordedAllOf, ok, put, recordedBy, remove, setUp, t, user } from './setup.js';
import type { Row } from './setup.js';

setUp();

/** A third party of the organization. */
let code: string;

beforeEach(async () => {
  code = await t.world.thirdParty(admin.organizationId);
});

function withEvent(event: string, row: Row): Row {
  return Object.assign(row, { event });
}

/** What a command prints for a program. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(t, ...args);
  if (code !== 0) throw new Error(stderr);
  return stdout.trimEnd();
}

/** One thing that is done, and all that is recorded of it. */
interface Case {
  what: string;
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
    what: 'a permission and a right on a group that end, and when',
    action: async () => {
      const period = { validFrom: '2090-01-01T00:00:00Z', validUntil: '2099-01-01T00:00:00+01:00' };
      await t.send(admin, 'PUT', `/user/${host.id}/permissions/CREATE_GROUPS`, period);
      await t.send(admin, 'PUT', `/group/${group}/staff/${host.id}/VIEW`, period);
      await remove(admin, `/user/${host.id}/permissions/CREATE_GROUPS`);
      await remove(admin, `/group/${group}/staff/${host.id}/VIEW`);
    },
    rows: () => {
      const period = { validFrom: '2090-01-01T00:00:00Z', validUntil: '2098-12-31T23:00:00Z' };
      const permission = { ...by(admin), userId: host.id };
      const right = { ...permission, groupId: group };
      return [
        withEvent('PERMISSION_GRANTED', {
          ...permission,
          details: { permission: 'CREATE_GROUPS', ...period } as never,
        }),
        withEvent('GROUP_RIGHT_GRANTED', { ...right, details: { permission: 'VIEW', ...period } as never }),
        withEvent('PERMISSION_REVOKED', { ...permission, details: { permission: 'CREATE_GROUPS' } as never }),
        withEvent('GROUP_RIGHT_REVOKED', { ...right, details: { permission: 'VIEW' } as never }),
      ];
    },
  },
  {
    what: 'a member whose membership ends, and later no more',
    action: async () => {
      await t.send(admin, 'PUT', `/group/${group}/members/${host.id}`, { validUntil: '2099-01-01T00:00:00Z' });
      await t.send(admin, 'PUT', `/group/${group}/members/${host.id}`, { validUntil: '' });
      await remove(admin, `/group/${group}/members/${host.id}`);
    },
    rows: () => {
      const about = { ...by(admin), userId: host.id, groupId: group };
      const details = { validUntil: '2099-01-01T00:00:00Z' } as never;
      return [
        { event: 'MEMBER_JOINED', ...about, details },
        { event: 'MEMBER_CHANGED', ...about },
        { event: 'MEMBER_REMOVED', ...about },
      ];
    },
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

itHasRecordedAllOf('administration');
