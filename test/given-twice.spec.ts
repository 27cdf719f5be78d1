import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { actionOf, authorizeQuery, Browser, newScene, PASSWORD, requestToken } from './support/oauth.js';
import type { Scene } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  example?: unknown;
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const FORM = 'application/x-www-form-urlencoded';
const TWICE = 'twice';
const { paths, components } = JSON.parse(readFileSync('openapi.json', 'utf8')) as Description;
const OF_THE_API = Object.entries(paths)
  .filter(([path]) => path.startsWith('/api/') && !path.endsWith('/token'))
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));

/** The fields of an operation's form that take one value. */
function formOf({ requestBody }: Operation): { names: string[]; required: Record<string, string> } {
  const schema = requestBody?.content[FORM]?.schema ?? {};
  const { properties = {}, required = [] } = schema.$ref
    ? components.schemas[schema.$ref.replace('#/components/schemas/', '')]!
    : schema;
  return {
    names: Object.keys(properties).filter((name) => ![properties[name]!.type].flat().includes('array')),
    required: Object.fromEntries(required.map((name) => [name, String(properties[name]!.example ?? 'x')])),
  };
}

const QUERIES = OF_THE_API.flatMap(({ path, method, operation }) =>
  (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query')
    .map(({ name }) => ({ path, method: method.toUpperCase(), name })),
);
const FORMS = OF_THE_API.flatMap(({ path, method, operation }) => {
  const { names, required } = formOf(operation);
  return names.map((name) => ({ path, method: method.toUpperCase(), name, required }));
});

let t: TestApp;
let caller: TestCaller;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller({ permissions: [...PERMISSIONS] });
  scene = await newScene(t);
});
afterAll(() => t.stop());

function filled(path: string): string {
  return path
    .replace(/(\/(?:organizations?|user)\/)\{\w+\}/, '$1self')
    .replace('/permissions/{permission}', '/permissions/CREATE_GROUPS')
    .replace('{permission}', 'VIEW')
    .replace('{origin}', encodeURIComponent('https://a.example'))
    .replaceAll(/\{\w+\}/g, caller.id);
}

/** The error, and whether its description says that the parameter came twice. */
function told({ status, body, text }: Answer, name: string): unknown {
  const { id, description = '' } = body ?? {};
  return [status, id, description.includes(name) && description.includes(TWICE) ? true : (description ?? text)];
}

describe('a parameter that is given twice, of every operation of openapi.json', () => {
  it('in a query is an error that says so', async () => {
    expect(QUERIES.length).toBeGreaterThan(40);
    for (const { path, method, name } of QUERIES) {
      const answer = await t.call(`${filled(path)}?${name}=x&${name}=y`, {
        method,
        headers: { authorization: `Bearer ${caller.token}` },
      });
      expect({ path, name, told: told(answer, name) }).toEqual({ path, name, told: [400, 'invalid_request', true] });
    }
  });

  it('in a form is an error that says so', async () => {
    expect(FORMS.length).toBeGreaterThan(40);
    for (const { path, method, name, required } of FORMS) {
      const body = new URLSearchParams({ ...required, [name]: 'x' });
      body.append(name, 'y');
      const answer = await t.call(filled(path), {
        method,
        headers: { authorization: `Bearer ${caller.token}`, 'content-type': FORM },
        body: body.toString(),
      });
      expect({ path, name, told: told(answer, name) }).toEqual({ path, name, told: [400, 'invalid_request', true] });
    }
  });
});

describe('a parameter that is given twice at the authorization server', () => {
  it.each(['/oauth/token', '/oauth/revoke'])('%s is an error that says so', async (path) => {
    const fields = { grant_type: 'authorization_code', code: 'x', redirect_uri: 'x', token: 'x', refresh_token: 'x' };
    const names = path.endsWith('token')
      ? ['grant_type', 'code', 'redirect_uri', 'client_id']
      : ['token', 'token_type_hint'];
    for (const name of names) {
      const body = new URLSearchParams({ ...fields, client_id: scene.publicClient.id });
      body.append(name, 'y');
      if (name === 'token_type_hint') body.append(name, 'z');
      const headers = { 'content-type': FORM };
      const answer = await t.call(path, { method: 'POST', headers, body: body.toString() });
      expect({ name, told: told(answer, name) }).toEqual({ name, told: [400, 'invalid_request', true] });
    }
  });

  it('in an assertion grant too', async () => {
    const { status, body } = await requestToken(t.url, {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: 'x',
    });
    expect([status, body.id]).toEqual([400, 'invalid_request']);
    for (const name of ['assertion', 'returnTo', 'client_id']) {
      const form = `grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id=${scene.account.clientId}&assertion=x&${name}=x&${name}=y`;
      const headers = { 'content-type': FORM };
      const answer = await t.call('/oauth/token', { method: 'POST', headers, body: form });
      expect({ name, told: told(answer, name) }).toEqual({ name, told: [400, 'invalid_request', true] });
    }
  });

  it('of an authorization request goes back to the client, or is a page', async () => {
    const state = await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}&state=a&state=b`);
    const target = new URL(state.headers.get('location')!);
    expect(target.searchParams.get('error_description')).toContain(TWICE);
    for (const name of ['client_id', 'redirect_uri']) {
      const { status, text } = await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}&${name}=y`, {
        headers: { accept: 'text/html' },
      });
      expect([status, text.includes(TWICE)]).toEqual([400, true]);
    }
  });
});

/** Sends a form with one field a second time. */
async function send(path: string, form: Record<string, string>, name: string): Promise<unknown> {
  const body = new URLSearchParams(form);
  body.append(name, 'again');
  const headers = { 'content-type': FORM, 'sec-fetch-site': 'same-origin', accept: 'text/html' };
  const { status, text } = await t.call(path, { method: 'POST', headers, body: body.toString() });
  return { status, saysSo: text.includes(TWICE) };
}

describe('a field that is given twice on a page', () => {
  const SAID = { status: 400, saysSo: true };

  it('of the account is an error that says so', async () => {
    for (const name of ['email', 'password'])
      expect(await send('/oauth/account/login', { email: 'a@a.example', password: PASSWORD }, name)).toEqual(SAID);
  });

  it('of a link is an error that says so', async () => {
    for (const path of ['/login', '/oauth/password', '/login/email-address']) {
      const { status, text } = await t.call(`${path}?token=a&token=b`, { headers: { accept: 'text/html' } });
      expect({ path, status, saysSo: /twice|more than one/.test(text) }).toEqual({ path, status: 400, saysSo: true });
    }
    const link = await t.loginToken(caller, (await t.world.userOf(caller)).id, '?delivery=link');
    for (const name of ['answer', 'visit'])
      expect(await send(`/login?token=${link}`, { answer: 'open', visit: 'x'.repeat(43) }, name)).toEqual(SAID);
  });

  it('of a sign-in is an error that says so, and answers nothing', async () => {
    const jar: Browser = new Browser({
      call: (path, options) => t.call(path, { ...options, body: doubled(options?.body) }),
    });
    let repeated = '';
    function doubled(body?: string): string | undefined {
      if (body === undefined || repeated === '') return body;
      const form = new URLSearchParams(body);
      form.append(repeated, 'again');
      return form.toString();
    }
    const signIn = await jar.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const credentials = { email: scene.person.emailAddress, password: PASSWORD };
    for (repeated of ['email', 'password']) {
      const { status, text } = await jar.open(actionOf(signIn), credentials);
      expect({ status, saysSo: text.includes(TWICE) }).toEqual(SAID);
    }
    repeated = '';
    const consent = await jar.open(actionOf(signIn), credentials);
    repeated = 'answer';
    const { status, text } = await jar.open(actionOf(consent), { answer: 'allow' });
    expect({ status, saysSo: text.includes(TWICE) }).toEqual(SAID);
    repeated = '';
    const allowed = await jar.open(actionOf(consent), { answer: 'allow' });
    expect(new URL(allowed.headers.get('location')!).searchParams.get('code')).toEqual(expect.any(String));
  });
});
