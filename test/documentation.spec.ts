import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ERRORS } from '../src/common/errors/errors.js';
import type { ErrorId } from '../src/common/errors/errors.js';
import { DemoService } from '../src/demo/demo.service.js';
import { cookieOf, TestApp } from './support/app.js';

interface Example {
  method: string;
  path: string;
  /** The fields of a form, as people write them: nothing is encoded. */
  fields?: string;
  expected: { id?: ErrorId };
}

const EXAMPLES: Example[] = [
  ...readFileSync('docs/api.md', 'utf8').matchAll(/```http\n(\S+) (\S+)\n(?:\n(.+)\n)?```\n```json\n([\s\S]*?)```/g),
].map(([, method, path, fields, json]) => ({ method: method!, path: path!, fields, expected: JSON.parse(json!) }));

let t: TestApp;
let headers: Record<string, string>;

beforeAll(async () => {
  t = await TestApp.start();
  const token = /Bearer ([\w.-]+)'/.exec(await t.nest.get(DemoService, { strict: false }).welcome())![1]!;
  const access = await t.as({ token })('/access/anna@demo.example');
  headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    cookie: cookieOf(await t.login(access.body.token)),
  };
});
afterAll(() => t.stop());

it('docs/api.md has examples', () => {
  expect(EXAMPLES.length).toBeGreaterThan(8);
});

it.each(EXAMPLES)('docs/api.md shows the true answer of $method $path', async ({ method, path, fields, expected }) => {
  const { cookie: _, ...withoutSession } = headers;
  const form = fields && new URLSearchParams(fields).toString();
  const { status, body } = await t.call(path, {
    method,
    headers: {
      ...(path.startsWith('/login') ? withoutSession : headers),
      ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
    },
    ...(form ? { body: form } : {}),
  });
  expect(shape(body)).toEqual(shape(expected));
  expect(status).toBe(ERRORS[expected.id!]?.status ?? (path.startsWith('/oauth/') ? 401 : 200));
});

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/;

/** What differs from run to run is replaced by what it is; all else has to be the same. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(name, member)]));
  return value;
}

function shapeOf(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return shape(value);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return 'an instant';
  if (name === 'token' && /^[\da-f-]{36}$/.test(value)) return 'a jti';
  if (name === 'token' || name === 'url') return value.replace(/^http:\/\/[^/]+/, '').replace(/eyJ.*/, 'a token');
  if (['id', 'user', 'actor', 'group', 'session'].includes(name) && /^[\w-]{22}$/.test(value)) return 'an id';
  if (name === 'publicKey') return value.replace(/^whpk_[\w+/]{43}=$/, 'a public key');
  if (name === 'userId' && /^[\w-]{22}$/.test(value)) return 'an id';
  if (name === 'id' && /^\d+$/.test(value)) return 'a number';
  if (['id', 'session'].includes(name) && UUID.test(value)) return value.replace(UUID, 'the ID of a login');
  if (name === 'lastOnPage' || name === 'cursor') return 'a cursor';
  if (['id', 'clientId', 'client'].includes(name) && /^[\da-f]{32}$/.test(value)) return 'a client id';
  return value;
}
