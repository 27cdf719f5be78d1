import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { GroupStaff } from '../../src/groups/group-staff.entity.js';
import { Group } from '../../src/groups/group.entity.js';
import { Membership } from '../../src/groups/membership.entity.js';
import { ClientOrigin } from '../../src/oauth/client-origin.entity.js';
import { ClientRedirectUri } from '../../src/oauth/client-redirect-uri.entity.js';
import { ClientSecret } from '../../src/oauth/client-secret.entity.js';
import { Client } from '../../src/oauth/client.entity.js';
import { ServiceAccountKey } from '../../src/oauth/service-account-key.entity.js';
import { ServiceAccount } from '../../src/oauth/service-account.entity.js';
import { Origin } from '../../src/oauth/origin.entity.js';
import { OriginClaim } from '../../src/origins/origin-claim.entity.js';
import { Organization } from '../../src/organizations/organization.entity.js';
import { AccountPermission, PERMISSIONS } from '../../src/users/account-permission.entity.js';
import { EmailAddress } from '../../src/users/email-address.entity.js';
import { ThirdPartyId } from '../../src/users/third-party-id.entity.js';
import { UnverifiedEmailAddress } from '../../src/users/unverified-email-address.entity.js';
import { User } from '../../src/users/user.entity.js';
import { TestApp } from '../support/app.js';
import { newClient, newServiceAccount } from '../support/oauth.js';

const ORIGIN = 'https://victim.example';
const SECRET = 'Nobody else’s business';
const ENTITIES = [
  Organization,
  User,
  EmailAddress,
  UnverifiedEmailAddress,
  ThirdPartyId,
  AccountPermission,
  Group,
  Membership,
  GroupStaff,
  Client,
  Origin,
  OriginClaim,
  ClientOrigin,
  ClientRedirectUri,
  ClientSecret,
  ServiceAccount,
  ServiceAccountKey,
];
/** Paths that name nothing of another organization: what they lead to is the caller's own. */
const OWN = new Set([
  '/access',
  '/user',
  '/users',
  '/session',
  '/token',
  '/groups',
  '/organization',
  '/clients',
  '/origins',
  '/service-accounts',
  '/version',
  '/sessions',
  '/access-tokens',
  '/audit',
]);

const FIELDS = {
  name: 'Mine',
  status: 'BLOCKED',
  setup: true,
  action: 'ACCEPT',
  redirectUris: ['https://mine.example/'],
  publicKey: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
};

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

function everything(): Promise<unknown[]> {
  return t.world.write(async (db) => {
    const rows: unknown[] = [];
    for (const entity of ENTITIES) rows.push(await db.find(entity));
    return rows;
  });
}

it('an administrator with every right in one organization reads and changes nothing of another, on any route', async () => {
  const victim = await t.world.caller({ permissions: [...PERMISSIONS] });
  const thirdParty = await t.world.thirdParty(victim.organizationId);
  const user = await t.world.userOf(victim, { name: SECRET, thirdPartyId: [thirdParty, '7'] });
  const attacker = await t.world.caller({ permissions: [...PERMISSIONS] });
  const staff = await t.world.caller({ organizationId: victim.organizationId });

  const client = await newClient(t, victim.organizationId);
  const account = await newServiceAccount(t, victim.organizationId);
  await t.world.origin(victim.organizationId, ORIGIN);
  const [secret] = await t.world.write((db) => db.findBy(ClientSecret, { clientId: client.id }));

  const { paths } = (await t.call('/openapi.json')).body as { paths: Record<string, Record<string, unknown>> };
  const calls = Object.entries(paths)
    .filter(([path]) => path.startsWith('/api/2.1.1/') && !OWN.has(path.slice('/api/2.1.1'.length)))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })));
  expect(calls.length).toBeGreaterThan(20);

  const before = await everything();
  for (const { method, path } of calls) {
    for (const person of [user.id, staff.id, account.id, `${thirdParty}$7`]) {
      const isOrganization = path.includes('/organization');
      const filled = path
        .replace('{user}', encodeURIComponent(person))
        .replace('{thirdParty}/{id}', `${thirdParty}/7`)
        .replace('{emailAddress}', 'anybody@other.example')
        .replace('{thirdPartyId}', `${thirdParty}%247`)
        .replace('{group}', user.groupId)
        .replace('/client/{id}', `/client/${client.id}`)
        .replace('/service-account/{id}', `/service-account/${account.id}`)
        .replace('{secretId}', secret!.id)
        .replace('{kid}', account.keyId)
        .replace('{origin}', encodeURIComponent(ORIGIN))
        .replace('{id}', isOrganization ? victim.organizationId : path.includes('/group') ? user.groupId : user.id)
        .replace('{permission}', path.includes('/staff') ? 'MANAGE' : 'MANAGE_USERS');
      expect(filled).not.toContain('{');
      const answer = await t.call(filled, {
        method,
        headers: { authorization: `Bearer ${attacker.token}`, 'content-type': 'application/json' },
        ...((method === 'PUT' || method === 'POST') && { body: JSON.stringify(FIELDS) }),
        ...(method === 'DELETE' && { body: '{}' }),
      });
      expect({ method, filled, status: answer.status }).toEqual({
        method,
        filled,
        status: answer.status === 404 ? 404 : 403,
      });
      expect(answer.text).not.toContain(SECRET);
    }
  }
  expect(await everything()).toEqual(before);
});
