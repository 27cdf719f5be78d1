import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeRoutes } from '../src/app/openapi.js';
import { NEEDS_EXTENSION } from '../src/auth/called-by.decorator.js';
import type { Need } from '../src/auth/called-by.decorator.js';
import { loadSettings } from '../src/config/settings.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { TestApp, testEnvironment } from './support/app.js';
import type { TestCaller } from './support/world.js';

interface Operation {
  operationId: string;
  [NEEDS_EXTENSION]?: Need[];
}

/** What any form asks for. */
const FIELDS = {
  name: 'x',
  description: 'x',
  origin: 'https://x.example',
  users: 'x',
  url: 'https://x.example/',
  from: '2026-01-11T00:00:00Z',
  requiresPasskeys: 'false',
  publicKey: '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
};

/** What any query asks for. */
const QUERIES: Record<string, string> = { lookUp: '?q=x' };

const { paths } = JSON.parse(await describeRoutes(loadSettings(testEnvironment()))) as {
  paths: Record<string, Record<string, Operation>>;
};
const OPERATIONS = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, operation]) => operation[NEEDS_EXTENSION])
    .map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operationId: operation.operationId,
      needs: operation[NEEDS_EXTENSION]!,
    })),
);

let t: TestApp;
let organizationId: string;
let code: string;
/** What the paths name; nobody in this file has a right on any of it by themselves. */
let names: Record<string, string>;

beforeAll(async () => {
  t = await TestApp.start();
  organizationId = await t.world.organization();
  code = await t.world.thirdParty(organizationId);
  const [user, group] = [
    await t.world.user({ organizationId, emailAddress: 'someone@a.example', thirdPartyId: [code, '1'] }),
    await t.world.group(organizationId),
  ];
  names = {
    user,
    group,
    emailAddress: 'someone@a.example',
    permission: 'CREATE_GROUPS',
    thirdParty: code,
    thirdPartyId: `${code}$1`,
  };
});
afterAll(() => t.stop());

/** The path with something real of the organization in each of its places. */
function filled(path: string): string {
  return path
    .replace('{permission}', path.includes('/staff/') ? 'VIEW' : '{permission}')
    .replace(/(\/group(?:-invitation)?\/)\{id\}/, '$1{group}')
    .replace(/(\/organizations?\/)\{id\}/, '$1self')
    .replace('{thirdParty}/{id}', '{thirdParty}/1')
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? names.user!));
}

async function statusFor(
  caller: TestCaller,
  { path, method, operationId }: (typeof OPERATIONS)[number],
): Promise<number> {
  // Fields come before rights: a form that is wrong is refused for what it lacks.
  const hasForm = method === 'POST' || operationId === 'changeOrganization';
  const body = hasForm ? { body: new URLSearchParams(FIELDS).toString() } : {};
  const headers = {
    authorization: `Bearer ${caller.token}`,
    ...('body' in body && { 'content-type': 'application/x-www-form-urlencoded' }),
  };
  return (await t.call(filled(path) + (QUERIES[operationId] ?? ''), { method, headers, ...body })).status;
}

describe('an account that has everything but what a route needs is refused', () => {
  it.each(OPERATIONS.filter(({ needs }) => !needs.includes('OWN')))('$operationId needs $needs', async (operation) => {
    const lacking = new Set<string>(operation.needs);
    if (lacking.has('GROUP_VIEW') || lacking.has('GROUP_MANAGE')) lacking.add('MANAGE_ALL_GROUPS');
    const permissions = PERMISSIONS.filter((permission) => !lacking.has(permission));
    const caller = await t.world.caller({ organizationId, permissions });
    if (lacking.has('STAFF'))
      await t.world.write((db) => db.update(User, { id: caller.id }, { staffOrganizationId: null }));
    expect([401, 403]).toContain(await statusFor(caller, operation));
  });
});

it('a route that needs nothing but a token of one’s own tells a stranger nothing of others', async () => {
  const stranger = await t.world.caller({ permissions: [] });
  await t.world.write((db) => db.update(User, { id: stranger.id }, { staffOrganizationId: null }));
  const others = OPERATIONS.filter(({ needs, path }) => needs.includes('OWN') && path.includes('{'));
  expect(others.length).toBeGreaterThan(5);
  for (const operation of others) {
    // An explanation is an answer also to a stranger. `test/explanation.spec.ts` says what it keeps to itself.
    const answers = operation.operationId.startsWith('explainAccess') ? [200] : [400, 403, 404];
    expect(answers).toContain(await statusFor(stranger, operation));
  }
});
