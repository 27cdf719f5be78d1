import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describeRoutes } from '../src/app/openapi.js';
import { loadSettings } from '../src/config/settings.js';
import { newId } from '../src/common/id.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { PUBLIC_URL, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import { assertionOf, newCode, newScene, REDIRECT_URI } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

interface Description {
  paths: Record<string, Record<string, Operation>>;
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  responses: Record<string, { content?: unknown }>;
}

interface Sent {
  query?: Record<string, string>;
  /** Absent for none. */
  type?: string;
  fields?: object;
}

const JSON_TYPE = 'application/json';
const JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Operations whose answers are pages, redirects or nothing, which have tests of their own. */
const ELSEWHERE = new Set([
  'login',
  'confirmLogin',
  'checkLogin',
  'logout',
  'getSession',
  'getHealth',
  'getReadiness',
  'getLiveness',
  'getStarted',
  'forwardAuth',
  'authorize',
  // Their tokens are those of a user who has signed in.
  'getUserInfo',
  'postUserInfo',
  'logOutOfApplications',
  // It fetches a page of the origin.
  'verifyOrigin',
  // Their answers are files.
  'exportAudit',
  'followAudit',
]);

let t: TestApp;
let admin: TestCaller;
let description: Description;
let ajv: Ajv2020;
let ajvOfText: Ajv2020;
const answered = new Set<string>();

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  description = (await t.call('/openapi.json')).body;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajvOfText = new Ajv2020({ strict: false, validateFormats: false, coerceTypes: 'array' });
  for (const one of [ajv, ajvOfText]) one.addSchema(description, 'api');
});
afterAll(() => t.stop());

/**
 * Calls an operation with JSON, and holds what was sent, if it was accepted, and what came back against what openapi.json says.
 * Answers the body.
 */
async function use(
  operationId: string,
  names: string[] = [],
  fields?: object,
  status?: number,
  // oxlint-disable-next-line typescript/no-explicit-any -- what a body holds is what the test finds out
): Promise<any> {
  return send(operationId, names, fields ? { type: JSON_TYPE, fields } : {}, status);
}

async function send(
  operationId: string,
  names: string[],
  sent: Sent,
  status?: number,
  // oxlint-disable-next-line typescript/no-explicit-any -- what a body holds is what the test finds out
): Promise<any> {
  const [template, method] = Object.entries(description.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((verb) => [path, verb] as const))
    .find(([path, verb]) => description.paths[path]![verb]!.operationId === operationId)!;
  const left = [...names];
  const path = template.replaceAll(/\{\w+\}/g, () => encodeURIComponent(left.shift()!));
  const { type, fields } = sent;
  const isOfApi = path.startsWith('/api/') && !path.endsWith('/token');
  const answer = await t.call(`${path}?${new URLSearchParams(sent.query)}`, {
    method: method.toUpperCase(),
    headers: {
      ...(isOfApi && { authorization: `Bearer ${admin.token}` }),
      ...(type && { 'content-type': type }),
    },
    ...(fields && { body: type === FORM_TYPE ? formOf(fields).toString() : JSON.stringify(fields) }),
  });
  const operation = description.paths[template]![method]!;
  const response = operation.responses[String(answer.status)];
  const faults = response ? faultsOf(answer, response, [template, method]) : 'The status is not described.';
  const isAccepted = answer.status < 300;
  const misread = isAccepted ? faultsOfRequest(sent, operation) : null;
  expect({ operationId, status: answer.status, faults, misread, text: answer.text }).toEqual({
    operationId,
    status: status ?? (answer.status === 204 ? 204 : 200),
    faults: null,
    misread: null,
    text: answer.text,
  });
  if (isAccepted) answered.add(operationId);
  return answer.body;
}

function formOf(fields: object): URLSearchParams {
  return new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) =>
      [value].flat().map((one): [string, string] => [name, String(one)]),
    ),
  );
}

/** What the document would have refused of a request: `null` if nothing. Queries and forms are text, which stands for numbers too. */
function faultsOfRequest({ query = {}, type, fields }: Sent, { parameters = [], requestBody }: Operation): unknown {
  for (const { name, schema, in: where, required } of parameters.filter((one) => one.in === 'query')) {
    const faults = name in query ? refusalOf({ value: schema }, { value: query[name] }, true) : required && where;
    if (faults) return { name, faults };
  }
  if (!type) return requestBody?.required ? 'There has to be a body.' : null;
  const described = requestBody?.content[type];
  if (!described) return `A body of ${type} is not described.`;
  return refusalOf({ value: described.schema }, { value: structuredClone(fields) }, type === FORM_TYPE);
}

function refusalOf(properties: Record<string, object>, value: object, isText: boolean): unknown {
  const validator = isText ? ajvOfText : ajv;
  const schema = JSON.parse(JSON.stringify(properties).replaceAll('"#/components', '"api#/components')) as object;
  const validate = validator.compile({ type: 'object', properties: schema });
  return validate(value) ? null : validate.errors;
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
  await use('getOpenIdConfiguration');
  await use('getOwnOrganization');
  await use('getOrganization', ['self']);
  await use('getOrganization', ['nothing'], undefined, 403);
  await use('changeOrganization', ['self'], { requiresPasskeys: false });
  await use('changeOrganization', ['self'], {}, 400);
  await send('changeOrganization', ['self'], { type: FORM_TYPE, fields: { requiresPasskeys: false } });
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
  await use('removePasskeys', [user.id]);
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
  await use('addMembers', [group.id], { users: [user.id, admin.id, 'nobody'] });
  await use('addMembers', [group.id], { users: [] }, 400);
  await use('removeMember', [group.id, admin.id]);
  await use('listGroups');
  await use('listOrganizationGroups', ['self']);
  await use('listAccounts', ['self']);
  await use('obtainAccess', [user.id]);
  await use('obtainAccessByThirdPartyId', [code, '1']);
  await use('explainAccess', [user.id]);
  await use('explainAccess', ['nobody@a.example']);
  await use('explainAccessByThirdPartyId', [code, '1']);
  await use('obtainAccess', [admin.id], undefined, 403);
  const { accessTokens } = await use('listAccessTokens');
  await t.login(await t.loginToken(admin, user.id));
  const { sessions } = await use('listSessions');
  await use('listApplicationsOfSession', [sessions[0].id]);
  await use('endSession', [sessions[0].id]);
  await use('endSession', [sessions[0].id], undefined, 404);
  const host = await t.world.caller({ organizationId: admin.organizationId });
  await t.world.join(admin.id, group.id);
  await t.world.allow(host.id, group.id, 'MANAGE');
  await t.world.grant(host.id, 'MANAGE_STAFF');
  await t.signIn(host, admin.id);
  const { sessions: own } = await use('listOwnSessions');
  await use('endOwnSession', [own[0].id]);
  await use('endOwnSession', [own[0].id], undefined, 404);
  await t.world.leave(admin.id, group.id);
  await use('revokeAccessToken', [accessTokens[0].id]);
  await use('searchAudit');
  await send('lookUp', [], { query: { q: user.id } });
  await use('getOverview');
  await use('removeMember', [group.id, user.id]);
  await use('addMemberByThirdPartyId', [group.id, code, '1']);
  await t.world.join(admin.id, group.id, 'INVITED');
  await use('listGroupsOfUser', [user.id]);
  await use('listInvitations');
  await use('answerInvitation', [group.id], { action: 'ACCEPT' });
  await use('appointStaff', ['self', user.id]);
  await use('listStaff', ['self']);
  await use('grantPermission', [user.id, 'MANAGE_USERS']);
  await use('listPermissions', [user.id]);
  await use('previewPermissionRevocation', [user.id, 'MANAGE_USERS']);
  await use('revokePermission', [user.id, 'MANAGE_USERS']);
  await use('allowGroupStaff', [group.id, user.id, 'VIEW']);
  await use('listGroupStaff', [group.id]);
  await use('previewGroupStaffRevocation', [group.id, user.id, 'VIEW']);
  await use('disallowGroupStaff', [group.id, user.id, 'VIEW']);
  await use('previewDismissal', ['self', user.id]);
  await use('dismissStaff', ['self', user.id]);
  await use('removeThirdPartyId', [user.id, `${code}$1`]);
  await use('assignThirdPartyIdInTwo', [user.id, code, '2']);
  await use('getThirdPartyIdInTwo', [user.id, code, '2']);
  await use('removeThirdPartyIdInTwo', [user.id, code, '2']);
  const client = await use('createClient', [], { name: 'C', redirectUris: ['https://c.example/cb'], origins: [] });
  await use('createClient', [], { name: 'C', redirectUris: ['javascript:alert(1)'] }, 400);
  const secret = await use('addClientSecret', [client.id]);
  await use('deleteClientSecret', [client.id, secret.id]);
  await use('changeClient', [client.id], { jwks: { keys: [JWK] } });
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
  const webhook = await use('createWebhook', [], { url: 'https://receiver.example/', events: ['SESSION_ENDED'] });
  await use('createWebhook', [], { url: 'http://receiver.example/' }, 400);
  await use('changeWebhook', [webhook.id], { status: 'DISABLED', url: 'http://127.0.0.1:1/', description: 'W' });
  await use('addWebhookKey', [webhook.id], { type: 'HMAC' });
  await use('replayWebhook', [webhook.id], { from: '2026-01-11T16:54:11Z' });
  await use('replayWebhook', [webhook.id], { from: '2099-01-11T16:54:11Z' }, 400);
  await use('testWebhook', [webhook.id]);
  await use('getWebhook', [webhook.id]);
  await use('listWebhooks');
  await use('deleteWebhook', [webhook.id]);
  await use('getWebhook', [webhook.id], undefined, 404);
  const account = await use('createServiceAccount', [], { name: 'S' });
  await use('getServiceAccount', [account.id]);
  await use('getUser', [account.id]);
  await use('listServiceAccounts');
  await use('addServiceAccountKey', [account.id], { publicKey: 'none' }, 400);
  const { kid } = await use('addServiceAccountKey', [account.id], { publicKey: JWK });
  await use('generateServiceAccountKey', [account.id]);
  await use('revokeServiceAccountKey', [account.id, kid]);
  await use('listServiceAccountKeys', [account.id]);
  await use('deleteClient', [account.clientId], undefined, 400);
  await use('deleteServiceAccount', [account.id]);
  await use('deleteGroup', [group.id]);
  await use('deleteUser', [user.id]);
  expect(answered.size).toBeGreaterThan(70);
});

it('every request that is accepted, as JSON, as a form or without a body, is what openapi.json says', async () => {
  const FIELDS = { name: 'Cy', locale: '', description: '', domicile: 'NL', yearOfBirth: 1990 };
  const user = await send('createUser', [], {
    type: FORM_TYPE,
    fields: { ...FIELDS, emailAddress: `${newId().toLowerCase()}@a.example` },
  });
  await send('changeUser', [user.id], { type: JSON_TYPE, fields: { ...FIELDS, timeZone: '' } });
  await send('changeUser', [user.id], { type: FORM_TYPE, fields: { ...FIELDS, status: 'ACTIVE' } });
  for (const operationId of ['changeOwnUser', 'updateOwnUser']) await send(operationId, [], {});
  await send('changeUser', [user.id], {});
  const group = await send('createGroup', [], { type: FORM_TYPE, fields: { name: 'G', description: 'G' } });
  await send('changeGroup', [group.id], {});
  await send('changeGroup', [group.id], { type: FORM_TYPE, fields: { customReference: '' } });
  await send('addMember', [group.id, user.id], { type: FORM_TYPE, fields: { setup: 'true', name: 'Cy' } });
  await send('listMembers', [group.id], { query: { resultSize: '5', query: 'c' } });
  await send('listGroups', [], { query: { permission: 'MANAGE', resultSize: '1' } });
  await send('listAccounts', ['self'], { query: { relationType: 'ADMIN', query: 'x' } });
  await send('obtainAccess', [user.id], {
    query: { security: 'ssl', returnTo: '/a', delivery: 'link', session: 'ask' },
  });
  await send('searchAudit', [], { query: { from: '2026-01-11T16:54:11Z', event: 'ACCESS_ISSUED', resultSize: '2' } });
  await send('appointStaff', ['self', user.id], {});
  await send('dismissStaff', ['self', user.id], {});
  const lists = { redirectUris: [REDIRECT_URI, `${REDIRECT_URI}/2`], origins: [] };
  const client = await send('createClient', [], {
    type: FORM_TYPE,
    fields: { name: 'C', isPublic: 'false', compatibility: 'drillster', ...lists },
  });
  const jwks = JSON.stringify({ keys: [JWK] });
  for (const type of [FORM_TYPE, JSON_TYPE]) {
    await send('changeClient', [client.id], {
      type,
      fields: { jwks, compatibility: '', redirectUris: [REDIRECT_URI] },
    });
    await send('changeClient', [client.id], { type, fields: { jwks: '', embedOrigin: '', redirectUris: [] } });
    const application = {
      hostUri: REDIRECT_URI,
      backchannelLogoutUri: REDIRECT_URI,
      postLogoutRedirectUris: [REDIRECT_URI],
    };
    const ways = { tokenEndpointAuthMethod: 'client_secret_post', idTokenSignedResponseAlg: 'ES256' };
    await send('changeClient', [client.id], { type, fields: { ...application, ...ways } });
    const none = {
      initiateLoginUri: '',
      startUri: '',
      hostUri: '',
      backchannelLogoutUri: '',
      tokenEndpointAuthMethod: '',
    };
    await send('changeClient', [client.id], { type, fields: { ...none, postLogoutRedirectUris: [] } });
    const account = await send('createServiceAccount', [], { type, fields: { name: 'S' } });
    await send('addServiceAccountKey', [account.id], { type, fields: { publicKey: JSON.stringify(JWK) } });
  }
  await send('changeClient', [client.id], {});
  await send('listUnconfirmedLogouts', [client.id], {});
  const webhook = await send('createWebhook', [], {
    type: FORM_TYPE,
    fields: { url: 'http://127.0.0.1:1/', events: ['SESSION_STARTED', 'SESSION_ENDED'], keyType: 'HMAC' },
  });
  await send('changeWebhook', [webhook.id], { type: FORM_TYPE, fields: { events: [], description: '' } });
  await send('changeWebhook', [webhook.id], {});
  await send('addWebhookKey', [webhook.id], {});
  const range = { from: '2026-01-11T16:54:11Z', to: '2026-01-12T16:54:11Z' };
  await send('replayWebhook', [webhook.id], { type: FORM_TYPE, fields: range });
  await send('deleteWebhook', [webhook.id], {});
  const claimed = await send('claimOrigin', [], { type: FORM_TYPE, fields: { origin: 'http://localhost:2' } });
  expect(claimed).toMatchObject({ origin: 'http://localhost:2' });
});

it('the endpoints for programs of the authorization server take and answer what openapi.json says', async () => {
  const scene = await newScene(t);
  const exchange = { grant_type: 'authorization_code', redirect_uri: REDIRECT_URI };
  const credentials = { client_id: scene.client.id, client_secret: scene.client.secret };
  for (const type of [FORM_TYPE, JSON_TYPE]) {
    for (const operationId of ['obtainToken', 'obtainTokenOfApi']) {
      const fields = { ...exchange, ...credentials, code: await newCode(scene) };
      const { refresh_token } = await send(operationId, [], { type, fields });
      const refresh = { grant_type: 'refresh_token', refresh_token, ...credentials };
      await send(operationId, [], { type, fields: refresh });
      await send('introspectToken', [], { type, fields: { token: refresh_token, ...credentials } });
      await send('revokeToken', [], { type, fields: { token: refresh_token, ...credentials } });
      await send(operationId, [], { type, fields: refresh }, 400);
      await send(operationId, [], { type, fields: { ...refresh, client_secret: 'x' } }, 401);
      const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
      await send(operationId, [], { type, fields: { grant_type, assertion: await assertionOf(t, scene.account) } });
      const { id } = await t.world.userOf({ ...scene.account, token: '' });
      const [assertion, resource] = [await assertionOf(t, scene.account, { sub: id }), `${PUBLIC_URL}/login`];
      const options = { returnTo: '/a', delivery: 'link', session: 'ask', security: 'ssl' };
      const login = await send(operationId, [], { type, fields: { grant_type, assertion, resource, ...options } });
      expect(login).toMatchObject({ url: expect.any(String) });
    }
  }
});

it.each(['obtainToken', 'obtainTokenOfApi', 'revokeToken', 'createUser', 'changeGroup', 'createClient'])(
  '%s answers 413 and 415 as openapi.json says',
  async (operationId) => {
    const names = [admin.id];
    const tooLarge = { type: JSON_TYPE, fields: { token: 'x'.repeat(70_000) } };
    expect(await send(operationId, names, tooLarge, 413)).toMatchObject({ id: 'invalid_request' });
    const ofText = { type: 'text/plain', fields: {} };
    expect(await send(operationId, names, ofText, 415)).toMatchObject({ id: 'invalid_request' });
  },
);

it('openapi.json writes out that a list is one field of a form for each value', () => {
  for (const operationId of ['createClient', 'changeClient']) {
    const operations = Object.values(description.paths).flatMap((methods) => Object.values(methods));
    const operation = operations.find((one) => one.operationId === operationId);
    expect(operation?.requestBody?.content[FORM_TYPE]).toMatchObject({
      encoding: { redirectUris: { style: 'form', explode: true }, origins: { style: 'form', explode: true } },
    });
  }
});

it('every operation has been answered by now', () => {
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
