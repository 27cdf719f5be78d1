import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DemoService } from '../src/demo/demo.service.js';
import { TestApp } from './support/app.js';

interface Described {
  example?: unknown;
  default?: unknown;
  enum?: unknown[];
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; example?: unknown; schema: Described }[];
  requestBody?: { content: Record<string, { schema: { $ref: string }; example?: object }> };
}

/** Operations of browsers, proxies and clients, which the explorer shows and does not send, and of what the demo lacks. */
const ELSEWHERE = new Set([
  'login',
  'confirmLogin',
  'checkLogin',
  'getSession',
  'forwardAuth',
  'authorize',
  'obtainToken',
  'obtainTokenOfApi',
  'revokeToken',
  'introspectToken',
  'getUserInfo',
  'postUserInfo',
  'logOutOfApplications',
  // Nobody lets the administrator of the demo in.
  'endOwnSession',
]);
/** What another example takes away that comes before. */
const BEFORE: Record<string, string> = {
  removeThirdPartyId: 'assignThirdPartyId',
  removeThirdPartyIdInTwo: 'assignThirdPartyId',
};

/** What is different every time is taken from a list. */
const LISTED: Record<string, { list: string; member: string }> = {
  listApplicationsOfSession: { list: '/sessions', member: 'sessions' },
  endSession: { list: '/sessions', member: 'sessions' },
  revokeAccessToken: { list: '/access-tokens', member: 'accessTokens' },
};

/** Of the accounts of the demo, and of what it has of them, nothing is a list that is empty but in these. */
const EMPTY = new Set([
  'getOwnUser',
  'getClient',
  'listPermissions',
  'listOwnSessions',
  'listApplicationsOfSession',
  'listUnconfirmedLogouts',
  'getOverview',
  'explainAccess',
  'explainAccessByThirdPartyId',
]);

let t: TestApp;
let token: string;
let operations: { path: string; method: string; operation: Operation }[];
let schemas: Record<string, { properties: Record<string, Described> }>;

beforeEach(async () => {
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
afterEach(() => t.stop());

/** The body that Swagger UI fills in: in a form each field, empty ones too, and as JSON the example of the whole. */
function bodyOf(type: string, { schema, example }: { schema: { $ref: string }; example?: object }): string {
  if (type === 'application/json') return JSON.stringify(example);
  const form = new URLSearchParams();
  for (const [name, field] of Object.entries(schemas[schema.$ref.split('/').at(-1)!]!.properties)) {
    // What has no example is a sample that is true of nobody.
    const value = field.example ?? field.default ?? field.enum?.[0] ?? 'string';
    for (const one of [value].flat()) form.append(name, String(one));
  }
  return form.toString();
}

/** Sends what Swagger UI fills in by itself, in one of the forms that it offers. */
async function send({ path, method, operation }: (typeof operations)[number], form?: string): Promise<string> {
  const query = new URLSearchParams();
  let filled = path;
  const listed = LISTED[operation.operationId];
  if (listed) {
    const { body } = await t.as({ token })(listed.list);
    filled = filled.replace('{id}', body[listed.member][0].id);
  }
  for (const { name, in: place, example, schema } of operation.parameters ?? []) {
    const value = example ?? schema.example ?? schema.default ?? (place === 'path' ? schema.enum?.[0] : undefined);
    if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (value !== undefined) query.set(name, String(value));
  }
  const content = operation.requestBody?.content;
  const type = form ?? Object.keys(content ?? {})[0];
  const sent = content && bodyOf(type!, content[type!]!);
  const { status, text, body } = await t.call(`${filled}?${query}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'sec-fetch-site': 'same-origin',
      ...(sent && { 'content-type': type! }),
    },
    ...(sent && { body: sent }),
  });
  const isEmpty = Object.values(body ?? {}).some((member) => Array.isArray(member) && member.length === 0);
  if (method === 'GET' && isEmpty && !EMPTY.has(operation.operationId)) return `${filled}?${query} finds nothing`;
  return status < 300 ? 'works' : `${status} ${filled} ${sent} ${text}`;
}

it.each(['application/json', 'application/x-www-form-urlencoded'])(
  'the examples in Swagger UI work as they stand against the demo organization (%s)',
  async (form) => {
    const results: Record<string, string> = {};
    const { body } = await t.as({ token })('/access/anna@demo.example');
    await t.login(body.token);
    // What is deeper goes first, so that what it belongs to is still there; and before that, what is listed as long as all is there.
    const depth = ({ path, operation }: (typeof operations)[number]): number =>
      operation.operationId in LISTED ? Infinity : path.split('/').length;
    const deepestFirst = operations.toSorted((a, b) => depth(b) - depth(a) || 0);
    for (const turn of ['GET', 'POST', 'PUT', 'DELETE'])
      for (const one of deepestFirst.filter(({ method }) => method === turn)) {
        const { operationId, requestBody } = one.operation;
        if (ELSEWHERE.has(operationId)) continue;
        const earlier = BEFORE[operationId];
        if (earlier)
          await send(
            operations.find(({ operation }) => operation.operationId === earlier)!,
            form,
          );
        expect(Object.keys(requestBody?.content ?? { [form]: {} })).toContain(form);
        results[operationId] = await send(one, form);
      }
    expect(Object.entries(results).filter(([, result]) => result !== 'works')).toEqual([]);
    expect(Object.keys(results).length).toBeGreaterThan(35);
  },
);
