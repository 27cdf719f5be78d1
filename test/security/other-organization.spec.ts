import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { newClientId, newId } from '../../src/common/id.js';
import { newLoginId, readLoginId } from '../../src/common/login-id.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import { Group } from '../../src/schema/entities/group.entity.js';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { ClientRedirectUri } from '../../src/schema/entities/client-redirect-uri.entity.js';
import { ClientSecret } from '../../src/schema/entities/client-secret.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { ServiceAccountKey } from '../../src/schema/entities/service-account-key.entity.js';
import { ServiceAccount } from '../../src/schema/entities/service-account.entity.js';
import { Origin } from '../../src/schema/entities/origin.entity.js';
import { OriginClaim } from '../../src/schema/entities/origin-claim.entity.js';
import { Organization } from '../../src/schema/entities/organization.entity.js';
import { AccountPermission, PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { EmailAddress } from '../../src/schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../../src/schema/entities/third-party-id.entity.js';
import { UnverifiedEmailAddress } from '../../src/schema/entities/unverified-email-address.entity.js';
import { WebhookEndpoint } from '../../src/schema/entities/webhook-endpoint.entity.js';
import { WebhookKey } from '../../src/schema/entities/webhook-key.entity.js';
import { indexUser } from '../../src/users/user-search.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { TestApp } from '../support/app.js';
import { newClient, newServiceAccount } from '../support/oauth.js';
import { newWebhook } from '../support/webhook-receiver.js';
import type { TestCaller } from '../support/world.js';

const ORIGIN = 'https://victim.example';
/** What asks every route about everybody takes a while. */
const WHOLE_API_MS = 120_000;
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
  WebhookEndpoint,
  WebhookKey,
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
  '/webhooks',
  '/sessions',
  '/own-sessions',
  '/group-invitations',
  '/access-tokens',
  '/audit',
  '/lookup',
  '/overview',
  '/audit/export',
  '/audit/stream',
]);

const FIELDS = {
  name: 'Mine',
  status: 'BLOCKED',
  setup: true,
  requiresPasskeys: false,
  action: 'ACCEPT',
  users: ['Zk1cVq0rTtWm8sQXq3bVxg'],
  redirectUris: ['https://mine.example/'],
  url: 'https://mine.example/',
  from: '2026-01-11T00:00:00Z',
  publicKey: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
};

/** What any form asks for. The status of a webhook has other values than that of an account. */
function fieldsFor(path: string): object {
  return path.includes('/webhook/') ? { ...FIELDS, status: 'DISABLED' } : FIELDS;
}

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
  const webhook = await newWebhook(t, victim, { url: 'http://127.0.0.1:1/', status: 'DISABLED' });
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
        .replace('/webhook/{id}', `/webhook/${webhook.id}`)
        .replace('{secretId}', secret!.id)
        .replace('{kid}', account.keyId)
        .replace('{origin}', encodeURIComponent(ORIGIN))
        .replace('{id}', isOrganization ? victim.organizationId : path.includes('/group') ? user.groupId : user.id)
        .replace('{permission}', path.includes('/staff') ? 'MANAGE' : 'MANAGE_USERS');
      expect(filled).not.toContain('{');
      const answer = await t.call(filled, {
        method,
        headers: { authorization: `Bearer ${attacker.token}`, 'content-type': 'application/json' },
        ...((method === 'PUT' || method === 'POST') && { body: JSON.stringify(fieldsFor(path)) }),
        ...(method === 'DELETE' && { body: '{}' }),
      });
      expect({ method, filled, status: answer.status }).toEqual({
        method,
        filled,
        // An explanation is an answer, and tells nothing of the account.
        status: path.endsWith('/explanation') ? 200 : answer.status === 404 ? 404 : 403,
      });
      expect(answer.text).not.toContain(SECRET);
    }
  }
  expect(await everything()).toEqual(before);
});

/** With a right of the caller, what these say of an account elsewhere is in the contract. */
const SAID: Record<string, string[]> = {
  '/api/2.1.1/access/{user}': ['unknown_user', 'not_authorized'],
  '/api/2.1.1/access/{thirdParty}/{id}': ['unknown_user', 'not_authorized'],
  // They say what the access call answers.
  '/api/2.1.1/access/{user}/explanation': ['unknown_user', 'not_authorized'],
  '/api/2.1.1/access/{thirdParty}/{id}/explanation': ['unknown_user', 'not_authorized'],
};

it.each([
  { of: 'staff without permissions', permissions: [] },
  { of: 'staff with every permission', permissions: [...PERMISSIONS] },
  { of: 'a caller on nobody’s staff', permissions: null },
])(
  'S29: what is another organization’s and what does not exist are answered alike for $of',
  async ({ permissions }) => {
    const victim = await t.world.caller({ permissions: [...PERMISSIONS] });
    const thirdParty = await t.world.thirdParty(victim.organizationId);
    const emailAddress = `${thirdParty.toLowerCase()}@a.example`;
    const user = await t.world.userOf(victim, { emailAddress, thirdPartyId: [thirdParty, '7'] });
    const staff = await t.world.caller({ organizationId: victim.organizationId });
    const client = await newClient(t, victim.organizationId);
    const account = await newServiceAccount(t, victim.organizationId);
    const webhook = await newWebhook(t, victim, { url: 'http://127.0.0.1:1/', status: 'DISABLED' });
    const [secret] = await t.world.write((db) => db.findBy(ClientSecret, { clientId: client.id }));
    const own = await t.world.caller({ permissions: permissions ?? [] });
    if (permissions === null)
      await t.world.write((db) => db.update(User, { id: own.id }, { staffOrganizationId: null, organizationId: null }));
    const cookie = await t.signIn(victim, user.id);
    const [session] = (await t.as(victim)('/sessions')).body.sessions as { id: string }[];
    await t.loginToken(victim, user.id);
    const [token] = (await t.as(victim)('/access-tokens')).body.accessTokens as { id: string }[];

    const { paths } = (await t.call('/openapi.json')).body as { paths: Record<string, Record<string, unknown>> };
    const calls = Object.entries(paths)
      .filter(([path]) => path.startsWith('/api/2.1.1/') && path.includes('{') && !path.includes('/origin'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })));
    expect(calls.length).toBeGreaterThan(20);
    const persons = [
      [user.id, newId()],
      [staff.id, newId()],
      [account.id, newId()],
      [`${thirdParty}$7`, `${thirdParty}$8`],
      [emailAddress, `x${emailAddress}`],
    ] as const;
    const fill = (path: string, person: string, isThere: boolean): string => {
      const one = (id: string): string => (isThere ? id : newId());
      const subject = path.includes('/organization') ? victim.organizationId : user.groupId;
      return path
        .replace('{user}', encodeURIComponent(person))
        .replace('{thirdParty}/{id}', `${thirdParty}/${isThere ? 7 : 8}`)
        .replace('{thirdPartyId}', `${thirdParty}%247`)
        .replace('{emailAddress}', encodeURIComponent(person.includes('@') ? person : emailAddress))
        .replace('{group}', one(user.groupId))
        .replace('/client/{id}', `/client/${isThere ? client.id : newClientId()}`)
        .replace('/service-account/{id}', `/service-account/${one(account.id)}`)
        .replace('/webhook/{id}', `/webhook/${one(webhook.id)}`)
        .replace('/session/{id}', `/session/${one(session!.id)}`)
        .replace('/access-token/{id}', `/access-token/${isThere ? token!.id : randomUUID()}`)
        .replace('/user/{id}', `/user/${encodeURIComponent(person)}`)
        .replace('{secretId}', one(secret!.id))
        .replace('{kid}', one(account.keyId))
        .replace('{id}', one(subject))
        .replace('{permission}', path.includes('/staff') ? 'MANAGE' : 'MANAGE_USERS');
    };
    const before = await everything();
    for (const { method, path } of calls)
      for (const [there, nowhere] of persons) {
        const [first, second] = await Promise.all(
          [fill(path, there, true), fill(path, nowhere, false)].map(async (filled) => {
            expect(filled).not.toContain('{');
            const { status, body } = await t.call(filled, {
              method,
              headers: { authorization: `Bearer ${own.token}`, 'content-type': 'application/json' },
              ...((method === 'PUT' || method === 'POST') && { body: JSON.stringify(fieldsFor(path)) }),
              ...(method === 'DELETE' && { body: '{}' }),
            });
            return { method, path, there, status, body };
          }),
        );
        const ids = [second!, first!].map(({ body }) => body.error ?? body.id);
        if (permissions?.length && SAID[path]?.join() === ids.join()) continue;
        expect(first).toEqual({ ...second, there });
      }
    expect(await everything()).toEqual(before);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
  },
  WHOLE_API_MS,
);

it('S29: whoever may not see an account or a group costs the same statements, there or not', async () => {
  const victim = await t.world.caller({ permissions: [...PERMISSIONS] });
  const code = await t.world.thirdParty(victim.organizationId);
  const emailAddress = `${code.toLowerCase()}@a.example`;
  const { id, groupId } = await t.world.userOf(victim, { emailAddress, thirdPartyId: [code, '7'] });
  const pupil = await t.world.caller();
  await t.world.write((db) => db.update(User, { id: pupil.id }, { staffOrganizationId: null }));
  await t.signIn(victim, id);
  const runner = t.nest.get(DataSource).createQueryRunner();
  const query = jest.spyOn(Object.getPrototypeOf(runner) as typeof runner, 'query');
  const statementsOf = async (caller: TestCaller, path: string, expected = [401, 403, 404]): Promise<unknown> => {
    await t.as(caller)(path);
    const runs: { status: number; body: unknown; statements: unknown[] }[] = [];
    for (let run = 0; run < 2; run++) {
      query.mockClear();
      const { status, body } = await t.as(caller)(path);
      expect(expected).toContain(status);
      runs.push({ status, body, statements: query.mock.calls.map(([sql]) => sql) });
    }
    // What the service does by itself may come in between.
    return runs.toSorted((a, b) => a.statements.length - b.statements.length)[0];
  };
  for (const caller of [pupil, await t.world.caller(), await t.world.caller({ permissions: [...PERMISSIONS] })])
    for (const [there, nowhere] of [
      [`/user/${id}`, `/user/${newId()}`],
      [`/user/${emailAddress}`, `/user/x${emailAddress}`],
      [`/user/${code}/7`, `/user/${code}/8`],
      [`/user/${id}/third-party-ids`, `/user/${newId()}/third-party-ids`],
      [`/user/${id}/permissions`, `/user/${newId()}/permissions`],
      [`/group/${groupId}`, `/group/${newId()}`],
      [`/group/${groupId}/members`, `/group/${newId()}/members`],
      [`/group/${groupId}/staff`, `/group/${newId()}/staff`],
      [`/organization/${victim.organizationId}`, `/organization/${newId()}`],
    ] as const)
      expect({ there, ...((await statementsOf(caller, there)) as object) }).toEqual({
        there,
        ...((await statementsOf(caller, nowhere)) as object),
      });
  for (const [there, nowhere] of [
    [id, newId()],
    [emailAddress, `x${emailAddress}`],
    [`${code}/7`, `${code}/8`],
  ])
    expect({ there, ...((await statementsOf(pupil, `/access/${there}/explanation`, [200])) as object) }).toEqual({
      there,
      ...((await statementsOf(pupil, `/access/${nowhere}/explanation`, [200])) as object),
    });
  const session = readLoginId((await t.world.loginTokensOf(id))[0]!.id);
  for (const [there, nowhere] of [
    [id, newId()],
    [groupId, newId()],
    [emailAddress, `x${emailAddress}`],
    [`${code}$7`, `${code}$8`],
    [victim.clientId, newClientId()],
    [session, newLoginId(new Date())],
  ])
    for (const caller of [await t.world.caller(), await t.world.caller({ permissions: [...PERMISSIONS] })])
      expect({ there, ...((await statementsOf(caller, `/lookup?q=${there}`, [200])) as object) }).toEqual({
        there,
        ...((await statementsOf(caller, `/lookup?q=${nowhere}`, [200])) as object),
      });
  await runner.release();
  query.mockRestore();
});

it('S29: the record of refusals names no account of another organization that the caller did not name by its id', async () => {
  const victim = await t.world.caller();
  const code = await t.world.thirdParty(victim.organizationId);
  const emailAddress = `${code.toLowerCase()}@a.example`;
  const { id } = await t.world.userOf(victim, { emailAddress, thirdPartyId: [code, '7'] });
  const own = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'VIEW_AUDIT_LOG'] });
  const refusals = async (): Promise<string> => (await t.as(own)('/audit?event=ACCESS_REFUSED')).text;
  for (const status of ['ACTIVE', 'BLOCKED'] as const) {
    await t.world.write((db) => db.update(User, { id }, { status }));
    for (const ref of [emailAddress, `${code}$7`])
      expect([403, 404]).toContain((await t.as(own)(`/access/${encodeURIComponent(ref)}`)).status);
  }
  expect(await refusals()).not.toContain(id);
  await t.world.write((db) => db.update(User, { id }, { status: 'ACTIVE' }));
  await t.world.join(id, await t.world.group(own.organizationId));
  await t.as(own)(`/access/${emailAddress}`);
  expect(await refusals()).toContain(id);
});

it('S29: a search through the members of a group finds guests by no private field', async () => {
  const victim = await t.world.caller();
  const code = await t.world.thirdParty(victim.organizationId);
  const emailAddress = `noor-${code.toLowerCase()}@a.example`;
  const name = 'Noor 100% de_Vries';
  const { id } = await t.world.userOf(victim, { name, emailAddress, thirdPartyId: [code, 'secret-4711'] });
  await t.world.write((db) =>
    db.insert(EmailAddress, { address: `private-${code.toLowerCase()}@home.example`, userId: id, isPrimary: false }),
  );
  await t.world.write((db) => indexUser(db, id));
  const staff = await t.world.caller();
  const group = await t.world.group(staff.organizationId);
  await t.world.join(id, group);
  await t.world.allow(staff.id, group, 'VIEW');
  const found = async (query: string): Promise<number> =>
    (await t.as(staff)(`/group/${group}/members?query=${encodeURIComponent(query)}`)).body.members.length;
  for (const query of ['secret', 's', '4711', 'private', 'home', 'home.example', '%', '_', 'N%r'])
    expect({ query, found: await found(query) }).toEqual({ query, found: 0 });
  for (const query of ['noor', 'NOOR 100% de_v', 'de_', 'a.example', emailAddress.slice(0, 8), '100%'])
    expect({ query, found: await found(query) }).toEqual({ query, found: 1 });
});
