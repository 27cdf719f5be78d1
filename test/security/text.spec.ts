import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { forgetFailedAttempts } from '../support/forge.js';
import { actionOf, authorizeQuery, newClient, newScene, PASSWORD } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';
import { raw } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

/** What is no text, percent-encoded; the bytes are those of ö in ISO 8859-1, and of half a surrogate pair. */
const ENCODED = ['%00', 'a%00b', '%F6', 'Bj%F6rn', '%ED%A0%80', '%C0%AE', '%zz', '%'];
/** The same in JSON, byte for byte. */
const IN_JSON = ['\\u0000', 'a\\u0000b', '\\ud800', 'a\\udc00b', '\xf6', '\xed\xa0\x80'];

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'content-type': 'application/json' };

let t: TestApp;
let admin: TestCaller;
let session: string;
let scene: Scene;
let calls: { method: string; path: string; query: string[] }[];

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  session = await t.signIn(admin, (await t.world.userOf(admin)).id);
  scene = await newScene(t);
  const { paths } = (await t.call('/openapi.json')).body as {
    paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
  };
  calls = Object.entries(paths)
    .filter(([path]) => path !== '/forward-auth')
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({
        method: method.toUpperCase(),
        path,
        query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      })),
    )
    .filter(({ method }) => method !== 'HEAD');
});
afterAll(() => t.stop());
beforeEach(() => forgetFailedAttempts(t));

function headersOf(more: Record<string, string> = {}): Record<string, string> {
  return {
    authorization: `Bearer ${admin.token}`,
    cookie: session,
    accept: 'application/json',
    'sec-fetch-site': 'same-origin',
    ...more,
  };
}

/** A body, each character of which is one byte. */
function send(path: string, method: string, body: string, headers: Record<string, string>): Promise<Answer> {
  return t.call(path, { method, headers, body: Buffer.from(body, 'latin1') as unknown as string });
}

const REFUSED = { status: 400, id: 'invalid_request' };

it('S38: refuses what is no text in each parameter of each query, also in one that the route does not know', async () => {
  expect(calls.length).toBeGreaterThan(50);
  for (const { method, path, query } of calls)
    for (const name of [...query, 'unknown'])
      for (const value of [ENCODED[0]!, ENCODED[3]!]) {
        const target = `${path.replaceAll(/\{\w+\}/g, 'x')}?${name}=${value}`;
        const { status, body } = await raw(t.url, target, { method, headers: headersOf() });
        expect({ method, target, status, id: body?.id, field: body?.field }).toEqual({
          method,
          target,
          ...REFUSED,
          field: name,
        });
      }
});

it.each(ENCODED)(
  'S38: refuses %s in every segment of a path, name and value of a query, and of a form',
  async (text) => {
    for (const { method, path } of calls) {
      const targets = [...path.matchAll(/\{\w+\}/g)].map(({ index, 0: name }) =>
        `${path.slice(0, index)}${text}${path.slice(index + name.length)}`.replaceAll(/\{\w+\}/g, 'x'),
      );
      const plain = path.replaceAll(/\{\w+\}/g, 'x');
      for (const target of [...targets, `${plain}?${text}=x`]) {
        const { status, body } = await raw(t.url, target, { method, headers: headersOf() });
        expect({ method, target, status, id: body?.id }).toEqual({ method, target, ...REFUSED });
      }
      if (method === 'GET') continue;
      for (const form of [`name=${text}`, `${text}=x`]) {
        const { status, body } = await send(plain, method, form, headersOf(FORM));
        expect({ method, path, form, status, id: body?.id }).toEqual({ method, path, form, ...REFUSED });
      }
    }
  },
);

it.each(IN_JSON)('S38: refuses %j in every value and name of a JSON body, however deep', async (text) => {
  const bodies = [`{"name":"${text}"}`, `{"${text}":1}`, `{"a":[{"b":["${text}"]}]}`, `{"a":{"${text}":{}}}`];
  for (const { method, path } of calls.filter((one) => one.method !== 'GET'))
    for (const body of bodies) {
      const target = path.replaceAll(/\{\w+\}/g, 'x');
      const answer = await send(target, method, body, headersOf(JSON_TYPE));
      expect({ method, path, body, status: answer.status, id: answer.body?.id }).toEqual({
        method,
        path,
        body,
        ...REFUSED,
      });
    }
});

it('S38: refuses an address with half of a surrogate pair, and stores no text that was no UTF-8', async () => {
  const name = 'Björn';
  const wrong = [
    [JSON_TYPE, '{"name":"A","emailAddress":"a\\ud800@academy.example"}'],
    [JSON_TYPE, '{"name":"Bj\xf6rn","emailAddress":"bjorn@academy.example"}'],
    [FORM, 'realName=Bj%F6rn&emailAddress=bjorn@academy.example'],
    [FORM, 'realName=Bj\xf6rn&emailAddress=bjorn@academy.example'],
  ] as const;
  for (const [type, body] of wrong) {
    const { status, body: error } = await send('/api/2.1.1/users', 'POST', body, headersOf(type));
    expect({ body, status, id: error.id }).toEqual({ body, ...REFUSED });
  }
  const created = await t.send(admin, 'POST', '/users', { realName: name, emailAddress: 'bjorn@academy.example' });
  expect([created.status, created.body.name]).toEqual([200, name]);
});

it.each(['/oauth/token', '/oauth/revoke', '/api/2/token'])(
  'S38: refuses it at %s in the words of OAuth',
  async (path) => {
    const fields = 'grant_type=refresh_token&refresh_token=x&token=x';
    const { client } = scene;
    const answers = [
      await send(path, 'POST', `${fields}&client_id=${client.id}%00`, FORM),
      await send(path, 'POST', `${fields}&client_id=Bj%F6rn`, FORM),
      await send(path, 'POST', `${fields}&client_id=${client.id}&client_secret=\xf6`, FORM),
      await send(path, 'POST', '{"grant_type":"refresh_token","client_id":"\\ud800"}', JSON_TYPE),
      ...(await Promise.all(
        [`${client.id}\0:x`, `${client.id}:\xf6`, `${client.id}:%F6`, `%00:${client.secret}`].map((credentials) =>
          send(path, 'POST', fields, {
            ...FORM,
            authorization: `Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`,
          }),
        ),
      )),
    ];
    for (const { status, body } of answers)
      expect({ status, body }).toEqual({
        status: 400,
        body: {
          error: 'invalid_request',
          error_description: expect.stringMatching(/UTF-8/),
          id: 'invalid_request',
          description: expect.stringMatching(/UTF-8/),
          ...(body.field ? { field: body.field } : {}),
        },
      });
  },
);

it('S38: refuses it on the pages of a sign-in', async () => {
  const client = await newClient(t, admin.organizationId);
  const begun = await t.call(`/oauth/authorize?${authorizeQuery(client)}`);
  const cookie = begun.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const page = await t.call(begun.headers.get('location')!, { headers: { cookie } });
  const headers = { ...FORM, cookie, 'sec-fetch-site': 'same-origin' };
  for (const text of ENCODED)
    for (const form of [`email=a%40b.example&password=${text}`, `email=${text}%40b.example&password=${PASSWORD}`]) {
      const { status, text: shown } = await send(actionOf(page), 'POST', form, headers);
      expect({ form, status, shown }).toEqual({ form, status: 400, shown: expect.stringContaining('UTF-8') });
    }
  for (const text of ENCODED) {
    const { status } = await raw(t.url, `/oauth/authorize?${authorizeQuery(client)}&state=${text}`);
    expect({ text, status }).toEqual({ text, status: 400 });
  }
});
