import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeRoutes } from '../src/app/openapi.js';
import { loadSettings } from '../src/config/settings.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { PUBLIC_URL, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

interface Description {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, { content?: unknown }> }>>;
}

/** Operations whose answers are pages, redirects or nothing, which have tests of their own. */
const ELSEWHERE = new Set([
  'login',
  'confirmLogin',
  'checkLogin',
  'logout',
  'getSession',
  'getHealth',
  'forwardAuth',
  'authorize',
  'obtainToken',
  'obtainTokenOfApi',
  'revokeToken',
  // It fetches a page of the origin.
  'verifyOrigin',
]);

let t: TestApp;
let admin: TestCaller;
let description: Description;
let ajv: Ajv2020;
const answered = new Set<string>();

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  description = (await t.call('/openapi.json')).body;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(description, 'api');
});
afterAll(() => t.stop());

/** Calls an operation, and holds status and body against what openapi.json says of it. Answers the body. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a body holds is what the test finds out
async function use(operationId: string, names: string[] = [], fields?: object, status?: number): Promise<any> {
  const [template, method] = Object.entries(description.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((verb) => [path, verb] as const))
    .find(([path, verb]) => description.paths[path]![verb]!.operationId === operationId)!;
  const left = [...names];
  const path = template.replaceAll(/\{\w+\}/g, () => encodeURIComponent(left.shift()!));
  const answer = await t.call(path, {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${admin.token}`, ...(fields && { 'content-type': 'application/json' }) },
    ...(fields && { body: JSON.stringify(fields) }),
  });
  const response = description.paths[template]![method]!.responses[String(answer.status)];
  const faults = response ? faultsOf(answer, response, [template, method]) : 'The status is not described.';
  expect({ operationId, status: answer.status, faults, text: answer.text }).toEqual({
    operationId,
    status: status ?? (answer.status === 204 ? 204 : 200),
    faults: null,
    text: answer.text,
  });
  if (answer.status < 300) answered.add(operationId);
  return answer.body;
}

/** What of an answer is not as it is described: `null` if nothing is. */
function faultsOf({ status, text, body }: Answer, { content }: { content?: unknown }, operation: string[]): unknown {
  if (!content) return text === '' ? null : 'There should be no body.';
  const pointer = ['paths', ...operation, 'responses', String(status), 'content', 'application/json', 'schema'];
  const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  const validate = ajv.getSchema(`api#/${escaped.join('/')}`)!;
  return validate(body) ? null : validate.errors;
}

it('every answer of the API is what openapi.json says', async () => {
  const code = await t.world.thirdParty(admin.organizationId);
  await use('getVersion', [], undefined, 200);
  await use('getKeys');
  await use('getAuthorizationServerMetadata');
  await use('getOwnOrganization');
  await use('getOrganization', ['self']);
  await use('getOrganization', ['nothing'], undefined, 403);
  const user = await use('createUser', [], {
    name: 'Bo',
    emailAddress: `${admin.id.toLowerCase().replaceAll(/\W/g, 'x')}@a.example`,
    locale: 'nl',
    timeZone: 'Europe/Amsterdam',
    description: 'x',
    domicile: 'NL',
    yearOfBirth: 1990,
  });
  await use('createUser', [], {}, 400);
  await use('createUser', [], { name: 'B', emailAddress: user.emailAddress }, 400);
  await use('getOwnUser');
  await use('changeOwnUser', [], { name: 'Admin' });
  await use('getUser', [user.id]);
  await use('getUser', ['nobody@a.example'], undefined, 404);
  await use('changeUser', [user.id], { name: 'Bob' });
  await use('searchUsers');
  await use('updateOwnUser', [], { name: 'Admin' });
  await use('getApiSession');
  await use('addEmailAddress', [user.id, 'other@a.example']);
  await use('getEmailAddress', [user.id, 'other@a.example']);
  await use('listEmailAddresses', [user.id]);
  await use('makeEmailAddressPrimary', [user.id, 'other@a.example']);
  await use('removeEmailAddress', [user.id, user.emailAddress]);
  await use('createPasswordLink', [user.id]);
  const person = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
  await t.send(person, 'PUT', '/user', { emailAddress: 'own@a.example' });
  await use('makeVerificationLink', [person.id, 'own@a.example']);
  await use('assignThirdPartyId', [user.id, `${code}$1`]);
  await use('getThirdPartyId', [user.id, `${code}$1`]);
  await use('getUserByThirdPartyId', [code, '1']);
  await use('listThirdPartyIds', [user.id]);
  const group = await use('createGroup', [], { name: 'G', description: 'G', customReference: 'R' });
  await use('getGroup', [group.id]);
  await use('changeGroup', [group.id], { name: 'H' });
  await use('addMember', [group.id, user.id]);
  await use('addMember', [group.id, user.id], undefined, 400);
  await use('listMembers', [group.id]);
  await use('listGroups');
  await use('listOrganizationGroups', ['self']);
  await use('listAccounts', ['self']);
  await use('obtainAccess', [user.id]);
  await use('obtainAccessByThirdPartyId', [code, '1']);
  await use('obtainAccess', [admin.id], undefined, 403);
  const { accessTokens } = await use('listAccessTokens');
  await t.login(await t.loginToken(admin, user.id));
  const { sessions } = await use('listSessions');
  await use('endSession', [sessions[0].id]);
  await use('endSession', [sessions[0].id], undefined, 404);
  await use('revokeAccessToken', [accessTokens[0].id]);
  await use('searchAudit');
  await use('removeMember', [group.id, user.id]);
  await use('addMemberByThirdPartyId', [group.id, code, '1']);
  await t.world.join(admin.id, group.id, 'INVITED');
  await use('answerInvitation', [group.id], { action: 'ACCEPT' });
  await use('appointStaff', ['self', user.id]);
  await use('listStaff', ['self']);
  await use('grantPermission', [user.id, 'MANAGE_USERS']);
  await use('listPermissions', [user.id]);
  await use('revokePermission', [user.id, 'MANAGE_USERS']);
  await use('allowGroupStaff', [group.id, user.id, 'VIEW']);
  await use('listGroupStaff', [group.id]);
  await use('disallowGroupStaff', [group.id, user.id, 'VIEW']);
  await use('dismissStaff', ['self', user.id]);
  await use('removeThirdPartyId', [user.id, `${code}$1`]);
  await use('assignThirdPartyIdInTwo', [user.id, code, '2']);
  await use('getThirdPartyIdInTwo', [user.id, code, '2']);
  await use('removeThirdPartyIdInTwo', [user.id, code, '2']);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  const client = await use('createClient', [], { name: 'C', redirectUris: ['https://c.example/cb'], origins: [] });
  await use('createClient', [], { name: 'C', redirectUris: ['javascript:alert(1)'] }, 400);
  const secret = await use('addClientSecret', [client.id]);
  await use('deleteClientSecret', [client.id, secret.id]);
  await use('changeClient', [client.id], { jwks: { keys: [jwk] } });
  await use('addClientSecret', [client.id], undefined, 400);
  await use('getClient', [client.id]);
  await use('listClients');
  await use('deleteClient', [client.id]);
  await use('getClient', [client.id], undefined, 404);
  const origin = 'http://localhost:1';
  await use('claimOrigin', [], { origin });
  await use('claimOrigin', [], { origin: 'x' }, 400);
  await use('verifyOrigin', [origin], undefined, 400);
  await use('listOrigins');
  await use('deleteOrigin', [origin]);
  await use('deleteOrigin', [origin], undefined, 404);
  const account = await use('createServiceAccount', [], { name: 'S' });
  await use('getServiceAccount', [account.id]);
  await use('getUser', [account.id]);
  await use('listServiceAccounts');
  await use('addServiceAccountKey', [account.id], { publicKey: 'none' }, 400);
  const { kid } = await use('addServiceAccountKey', [account.id], { publicKey: jwk });
  await use('generateServiceAccountKey', [account.id]);
  await use('revokeServiceAccountKey', [account.id, kid]);
  await use('listServiceAccountKeys', [account.id]);
  await use('deleteClient', [account.clientId], undefined, 400);
  await use('deleteServiceAccount', [account.id]);
  await use('deleteGroup', [group.id]);
  await use('deleteUser', [user.id]);

  const operations = Object.values(description.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(operations.filter((id) => !answered.has(id) && !ELSEWHERE.has(id))).toEqual([]);
});

/** The order of an operation's parameters means nothing, and depends on the compiler. */
function withoutOrder(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) =>
    Array.isArray(value) && value.every((one) => (one as { in?: unknown } | null)?.in)
      ? value.toSorted((a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1))
      : value,
  );
}

it('openapi.json in the repository is what the service serves; `npm run openapi` writes it', async () => {
  const text = await describeRoutes(loadSettings(testEnvironment()));
  // The one that is served says where it is.
  const ours = JSON.stringify(description).replaceAll(`"${PUBLIC_URL}"`, '"/"').replaceAll(`"${PUBLIC_URL}/`, '"/');
  expect(JSON.parse(text)).toEqual(JSON.parse(ours));
  expect(withoutOrder(readFileSync('openapi.json', 'utf8'))).toEqual(withoutOrder(text));
});
