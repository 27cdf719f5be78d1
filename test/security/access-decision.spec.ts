import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DataSource } from 'typeorm';
import { ExplanationsService } from '../../src/access/explanations.service.js';
import { grants } from '../../src/rights/grants.js';
import { newClientId, newId } from '../../src/common/id.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import { Group } from '../../src/schema/entities/group.entity.js';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { TokensService } from '../../src/tokens/tokens.service.js';
import { Organization } from '../../src/schema/entities/organization.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { TestApp } from '../support/app.js';
import type { TestCaller } from '../support/world.js';

const ORGANIZATIONS = 2;
const USERS = 4;
const GROUPS = 3;
const RUNS = 40;
/** Calls that are explained. */
const CASES = 10_000;
/** Pages that a login may end on: any, and one that no client may name. */
const TARGETS = [undefined, '/a', 'https://evil.example/'];

interface Account {
  status: 'ACTIVE' | 'BLOCKED';
  organization: number | null;
  staffOf: number | null;
  permissions: ('OBTAIN_ACCESS_TOKENS' | 'MANAGE_ALL_GROUPS' | 'MANAGE_USERS' | 'MANAGE_STAFF')[];
}

/** Everything that could matter; users, groups and organizations are numbers. */
interface Graph {
  users: Account[];
  groups: { organization: number; members: (null | 'JOINED' | 'INVITED')[]; staff: (null | 'MANAGE' | 'VIEW')[] }[];
}

const anOrganization = fc.nat(ORGANIZATIONS - 1);
const mostly = <T>(usual: T, other: T): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(other) });
const forEachUser = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(one, { minLength: USERS, maxLength: USERS });

const graphs: fc.Arbitrary<Graph> = fc.record({
  users: forEachUser(
    fc.record({
      status: mostly<Account['status']>('ACTIVE', 'BLOCKED'),
      organization: fc.option(anOrganization),
      staffOf: fc.option(anOrganization),
      permissions: fc.subarray<Account['permissions'][number]>([
        'OBTAIN_ACCESS_TOKENS',
        'MANAGE_ALL_GROUPS',
        'MANAGE_USERS',
        'MANAGE_STAFF',
      ]),
    }),
  ),
  groups: fc.array(
    fc.record({
      organization: anOrganization,
      members: forEachUser(fc.constantFrom(null, 'JOINED' as const, 'INVITED' as const)),
      staff: forEachUser(fc.constantFrom(null, 'MANAGE' as const, 'VIEW' as const)),
    }),
    { minLength: GROUPS, maxLength: GROUPS },
  ),
});

/** Rules 1 and 4 to 7 of docs/api.md, section 4.2, as they are written there. */
function expected({ users, groups }: Graph, caller: number, target: number): string {
  const { status, staffOf, permissions } = users[caller]!;
  if (status !== 'ACTIVE') return '401 not_authenticated';
  const mayObtain = staffOf !== null && permissions.includes('OBTAIN_ACCESS_TOKENS');
  if (!mayObtain) return '403 not_authorized';
  if (users[target]!.status !== 'ACTIVE') return '404 unknown_user';
  const administers = groups
    .filter(({ organization }) => organization === staffOf)
    .filter(({ staff }) => staff[caller] === 'MANAGE' || permissions.includes('MANAGE_ALL_GROUPS'));
  if (!administers.some(({ members }) => members[target] === 'JOINED')) return '403 not_authorized';
  const held = (permission: Account['permissions'][number]): boolean =>
    users[target]!.staffOf === staffOf && permissions.includes(permission);
  const isOutranked = !permissions.includes('MANAGE_STAFF') && !users[target]!.permissions.every(held);
  return isOutranked ? '403 not_authorized, by rule 7' : '200';
}

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

/** Puts a graph into the database, and answers the users' ids and tokens. */
async function build({ users, groups }: Graph): Promise<{ id: string; token: string; clientId: string }[]> {
  const organizationIds = Array.from({ length: ORGANIZATIONS }, newId);
  const userIds = users.map(newId);
  const groupIds = groups.map(newId);
  const clientId = newClientId();
  const createdAt = new Date();
  const idOf = (organization: number | null): string | null =>
    organization === null ? null : organizationIds[organization]!;
  await t.world.write(async (db) => {
    await db.insert(
      Organization,
      organizationIds.map((id) => ({ id, name: 'Academy', createdAt })),
    );
    await db.insert(Client, { id: clientId, name: 'Host', organizationId: organizationIds[0]!, createdAt });
    await db.insert(
      User,
      users.map(({ status, organization, staffOf }, number) => ({
        id: userIds[number]!,
        type: 'USER' as const,
        name: `User ${number}`,
        status,
        organizationId: idOf(organization),
        staffOrganizationId: idOf(staffOf),
        createdAt,
      })),
    );
    for (const [number, { permissions }] of users.entries())
      for (const permission of permissions)
        await db.insert(AccountPermission, { userId: userIds[number]!, permission });
    for (const [number, { organization, members, staff }] of groups.entries()) {
      const groupId = groupIds[number]!;
      await db.insert(Group, {
        id: groupId,
        organizationId: organizationIds[organization]!,
        name: 'Class',
        description: 'Class',
        createdAt,
        lastEditedAt: createdAt,
      });
      for (const [member, status] of members.entries())
        if (status) await db.insert(Membership, { userId: userIds[member]!, groupId, status });
      for (const [one, permission] of staff.entries())
        if (permission) await db.insert(GroupStaff, { userId: userIds[one]!, groupId, permission });
    }
  });
  const iat = Math.floor(Date.now() / 1000);
  return Promise.all(
    userIds.map(async (id) => ({
      id,
      clientId,
      token: await t.nest.get(TokensService).sign('access', {
        sub: id,
        client_id: clientId,
        scope: 'ROLE_USER',
        jti: randomUUID(),
        iat,
        exp: iat + 3600,
      }),
    })),
  );
}

it('S25: the access decision is that of the contract, for any organizations, groups, members, staff and permissions', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(graphs, async (graph) => {
      const accounts = await build(graph);
      const pairs = accounts.flatMap((_, caller) => accounts.map((__, target) => [caller, target] as const));
      const decisions = await Promise.all(
        pairs.map(async ([caller, target]) => {
          const { status, body } = await t.as(accounts[caller]!)(`/access/${accounts[target]!.id}`);
          if (status === 200) return '200';
          const isRule7 = body.description.includes('does not have');
          return `${status} ${body.id}${isRule7 ? ', by rule 7' : ''}`;
        }),
      );
      for (const decision of decisions) seen.add(decision);
      expect(decisions).toEqual(pairs.map(([caller, target]) => expected(graph, caller, target)));
    }),
    { numRuns: RUNS },
  );
  // Otherwise the graphs would be too dull to say anything.
  expect([...seen].toSorted()).toEqual([
    '200',
    '401 not_authenticated',
    '403 not_authorized',
    '403 not_authorized, by rule 7',
    '404 unknown_user',
  ]);
}, 120_000);

it(
  `S25: the explanation says what the access call answers, in ${CASES} cases`,
  async () => {
    const explanations = t.nest.get(ExplanationsService, { strict: false });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const accounts = await build(graph);
        const cases = accounts.flatMap((caller) =>
          accounts.flatMap((user) => TARGETS.map((returnTo) => ({ caller, user, returnTo }))),
        );
        const outcomes = await Promise.all(
          cases.map(async ({ caller, user, returnTo }) => {
            const query: Record<string, string> = returnTo === undefined ? {} : { returnTo };
            const { status, body } = await t.as(caller)(`/access/${user.id}?${new URLSearchParams(query)}`);
            const explained = await explanations.explainToOperator(
              { by: 'id', id: caller.id },
              { by: 'id', id: user.id },
              { ...query, client: user.clientId },
            );
            const { verdict, error, description, rule } = explained;
            seen.add(String(rule ?? verdict));
            // The guard does not say why a token is no longer good.
            const said = rule === 1 ? `${error} ${body.description}` : `${error} ${description}`;
            return {
              answered: status === 200 ? 'ALLOWED' : `${body.id} ${body.description}`,
              explained: verdict === 'ALLOWED' ? verdict : said,
            };
          }),
        );
        for (const { answered, explained } of outcomes) expect(explained).toBe(answered);
      }),
      { numRuns: Math.ceil(CASES / (USERS * USERS * TARGETS.length)) },
    );
    expect([...seen].toSorted()).toEqual(['1', '3', '4', '5', '6', '7', 'ALLOWED']);
  },
  60_000 + CASES * 30,
);

it('the access decision reads the groups of the user, however many the organization has', async () => {
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  const at = new Date();
  const many = Array.from({ length: 900 }, () => ({ groupId: newId(), userId: newId() }));
  await t.world.write(async (db) => {
    await db.insert(
      Group,
      many.map(({ groupId }) => ({
        id: groupId,
        organizationId: caller.organizationId,
        name: 'Another',
        description: '',
        createdAt: at,
        lastEditedAt: at,
      })),
    );
    const member = { type: 'USER', status: 'ACTIVE', name: 'Member', createdAt: at } as const;
    await db.insert(
      User,
      many.map(({ userId }) => ({ ...member, id: userId, organizationId: caller.organizationId })),
    );
    await db.insert(
      Membership,
      many.map(({ groupId, userId }) => ({ userId, groupId, status: 'JOINED' as const, joinedAt: at })),
    );
    await db.insert(
      GroupStaff,
      many.map(({ groupId }) => ({ userId: caller.id, groupId, permission: 'MANAGE' as const })),
    );
  });
  const plan = await planOf(caller, id);
  // Of the group, what is known when it is read: its id, and not only its organization.
  const one = isPostgres() ? /Index Cond: .*\bid\)?(::text)? = \(m\.group_id\)/ : /^SEARCH g USING .*\bid=\?/;
  expect(plan).toContainEqual(expect.stringMatching(one));
  // PostgreSQL asks for nothing once for each of the groups.
  const often = plan.filter((line) => Number(/ loops=(\d+)/.exec(line)?.[1]) > 2);
  expect(often).toEqual([]);
});

it('the access decision looks permissions up by account, and scans none, however many there are', async () => {
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  await t.world.write(async (db) => {
    for (let batch = 0; batch < 3; batch++) {
      const ids = Array.from({ length: 500 }, newId);
      const staff = { type: 'USER', status: 'ACTIVE', name: 'Staff', createdAt: new Date() } as const;
      await db.insert(
        User,
        ids.map((one) => ({ ...staff, id: one, staffOrganizationId: caller.organizationId })),
      );
      for (const permission of ['CREATE_GROUPS', 'OBTAIN_ACCESS_TOKENS'] as const)
        await db.insert(
          AccountPermission,
          ids.map((userId) => ({ userId, permission })),
        );
    }
  });
  await t.world.grant(id, 'OBTAIN_ACCESS_TOKENS');
  const plan = await planOf(caller, id);
  const scans = plan.filter((line) => /Seq Scan on account_permissions|hashed|^SCAN (held|own|m)/i.test(line));
  expect(scans).toEqual([]);
  const lookUp = isPostgres()
    ? /(Bitmap Heap Scan|using account_permissions_pkey) on account_permissions held/
    : /^SEARCH held USING .*user_id=\?/;
  expect(plan).toContainEqual(expect.stringMatching(lookUp));
});

function isPostgres(): boolean {
  return t.nest.get(DataSource).options.type === 'postgres';
}

async function planOf(caller: TestCaller, userId: string): Promise<string[]> {
  const [client, user] = [`'${caller.clientId}'`, `'${userId}'`];
  const db = t.nest.get(DataSource);
  const decision = isPostgres() ? planOnPostgres : planOnSqlite;
  // SQLite has no statistics unless somebody asks for them, and has to do without.
  if (isPostgres()) await db.query('ANALYZE');
  const plan = await db.query<Record<string, unknown>[]>(decision(`'${caller.id}'`, client, user));
  return plan.flatMap((row) => Object.values(row)).map(String);
}

function planOnSqlite(caller: string, client: string, user: string): string {
  return `EXPLAIN QUERY PLAN SELECT 1 ${grants({ caller, client, user, now: String(Date.now()) })}`;
}

/** As in a batch: for parties whom the planner does not know. */
function planOnPostgres(caller: string, client: string, user: string): string {
  const parties = { caller: 'call.caller', client: 'call.client', user: 'call.user_id', now: String(Date.now()) };
  return `EXPLAIN (ANALYZE, TIMING OFF)
    SELECT made.* FROM unnest(ARRAY[${caller}], ARRAY[${client}], ARRAY[${user}]) AS call(caller, client, user_id)
    CROSS JOIN LATERAL (SELECT 1 ${grants(parties)} LIMIT 1) made`;
}
