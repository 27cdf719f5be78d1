import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DemoService } from '../src/demo/demo.service.js';
import { TestApp } from './support/app.js';

interface Described {
  example?: unknown;
  enum?: unknown[];
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; example?: unknown; schema: Described }[];
  requestBody?: { content: Record<string, { schema: { $ref: string } }> };
}

/** Operations of browsers, and one that always fails. */
const ELSEWHERE = new Set([
  'login',
  'confirmLogin',
  'checkLogin',
  'logout',
  'getSession',
  'obtainAccessForNobody',
  'forwardAuth',
]);
/** What another example takes away that comes before. */
const BEFORE: Record<string, string> = {
  removeThirdPartyId: 'assignThirdPartyId',
  removeThirdPartyIdInTwo: 'assignThirdPartyId',
};

/** What is different every time is taken from a list. */
const LISTED: Record<string, { list: string; member: string }> = {
  endSession: { list: '/sessions', member: 'sessions' },
  revokeAccessToken: { list: '/access-tokens', member: 'accessTokens' },
};

let t: TestApp;
let token: string;
let operations: { path: string; method: string; operation: Operation }[];
let schemas: Record<string, { properties: Record<string, Described> }>;

beforeAll(async () => {
  t = await TestApp.start();
  token = /Bearer ([\w.-]+)'/.exec(await t.nest.get(DemoService, { strict: false }).welcome())![1]!;
  const { paths, components } = (await t.call('/openapi.json')).body as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: typeof schemas };
  };
  schemas = components.schemas;
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
});
afterAll(() => t.stop());

/** Sends what Swagger UI fills in by itself. */
async function send({ path, method, operation }: (typeof operations)[number]): Promise<string> {
  const query = new URLSearchParams();
  let filled = path;
  const listed = LISTED[operation.operationId];
  if (listed) {
    const { body } = await t.as({ token })(listed.list);
    filled = filled.replace('{id}', body[listed.member][0].id);
  }
  for (const { name, in: place, example, schema } of operation.parameters ?? []) {
    const value = example ?? schema.example ?? (place === 'path' ? schema.enum?.[0] : undefined);
    if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (value !== undefined) query.set(name, String(value));
  }
  const [type, { schema } = { schema: { $ref: '' } }] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const fields = schemas[schema.$ref.split('/').at(-1)!]?.properties ?? {};
  const body = new URLSearchParams();
  for (const [name, field] of Object.entries(fields)) {
    const value = field.example ?? field.enum?.[0];
    if (value !== undefined) body.set(name, String(value));
  }
  const { status, text } = await t.call(`${filled}?${query}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(type && { 'content-type': type }) },
    ...(type && { body: body.toString() }),
  });
  return status < 300 ? 'works' : `${status} ${filled} ${body} ${text}`;
}

it('the examples in Swagger UI work as they stand, against the demo organization', async () => {
  const results: Record<string, string> = {};
  const { body } = await t.as({ token })('/access/anna@demo.example');
  await t.login(body.token);
  // What is deeper goes first, so that what it belongs to is still there; and before that, what is listed as long as all is there.
  const depth = ({ path, operation }: (typeof operations)[number]): number =>
    operation.operationId in LISTED ? Infinity : path.split('/').length;
  const deepestFirst = operations.toSorted((a, b) => depth(b) - depth(a) || 0);
  for (const turn of ['GET', 'POST', 'PUT', 'DELETE'])
    for (const one of deepestFirst.filter(({ method }) => method === turn)) {
      const { operationId } = one.operation;
      if (ELSEWHERE.has(operationId)) continue;
      const earlier = BEFORE[operationId];
      if (earlier) await send(operations.find(({ operation }) => operation.operationId === earlier)!);
      results[operationId] = await send(one);
    }
  expect(Object.entries(results).filter(([, result]) => result !== 'works')).toEqual([]);
  expect(Object.keys(results).length).toBeGreaterThan(35);
});
