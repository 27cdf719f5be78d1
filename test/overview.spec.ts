import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { COUNT_REFUSALS } from '../src/overview/activity.js';
import { ENDING } from '../src/overview/attention.js';
import type { OverviewDto } from '../src/overview/dto/overview.dto.js';
import { AccountPermission, PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { ClientSecret } from '../src/schema/entities/client-secret.entity.js';
import { GroupStaff } from '../src/schema/entities/group-staff.entity.js';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { ServiceAccountKey } from '../src/schema/entities/service-account-key.entity.js';
import { WebhookEndpoint } from '../src/schema/entities/webhook-endpoint.entity.js';
import { TestApp } from './support/app.js';
import { newClient, newServiceAccount } from './support/oauth.js';
import { newWebhook } from './support/webhook-receiver.js';
import type { TestCaller } from './support/world.js';

const DAY_SECONDS = 86_400;

let t: TestApp;
let admin: TestCaller;
let manager: TestCaller;
let user: string;
let groupId: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  manager = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
  ({ id: user, groupId } = await t.world.userOf(manager, { name: 'Anna Jansen' }));
});

async function overviewOf({ id, clientId }: TestCaller): Promise<OverviewDto> {
  // The clock may have passed the end of an earlier token.
  const tokens = t.nest.get(CallerTokensService, { strict: false });
  const { status, body, text } = await t.as({ token: await tokens.mint({ by: 'id', id }, 600, clientId) })('/overview');
  expect({ status, text }).toMatchObject({ status: 200 });
  return body as OverviewDto;
}

function inDays(days: number): Date {
  return new Date(Math.floor(t.clock.now().getTime() / 1000) * 1000 + days * DAY_SECONDS * 1000);
}

function iso(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}

describe('GET overview', () => {
  it('lists the webhooks that fail and those that were disabled for it, to those who administer them', async () => {
    const made = async (url: string): Promise<string> => (await newWebhook(t, admin, { url, status: 'DISABLED' })).id;
    const [fails, gone] = [await made('https://a.example/'), await made('https://b.example/')];
    await made('https://c.example/');
    const failingSince = inDays(0);
    await t.world.write(async (db) => {
      const waits = { status: 'ENABLED', disabledReason: null, nextAt: inDays(1) } as const;
      await db.update(WebhookEndpoint, { id: fails }, { ...waits, failures: 2, failingSince });
      await db.update(WebhookEndpoint, { id: gone }, { disabledReason: 'GONE' });
    });
    const webhooks = [
      { id: fails, name: 'https://a.example/', since: iso(failingSince) },
      { id: gone, name: 'https://b.example/', disabledReason: 'GONE' },
    ];
    const found = (await overviewOf(admin)).webhooks!;
    expect(found.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(webhooks);
    const reader = await t.world.caller({ organizationId: admin.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    expect(await overviewOf(reader)).not.toHaveProperty('webhooks');
  });

  it('lists the rights that end within a week, each to those who see them', async () => {
    const other = await t.world.userOf(admin, { name: 'Bo Smit' });
    const [one, two, three, eight] = [1, 2, 3, 8].map(inDays) as [Date, Date, Date, Date];
    await t.world.write(async (db) => {
      await db.update(Membership, { groupId }, { validUntil: three });
      await db.update(Membership, { groupId: other.groupId }, { validUntil: eight });
      await db.update(GroupStaff, { groupId: other.groupId }, { validUntil: two });
      await db.update(AccountPermission, { userId: admin.id, permission: 'CREATE_GROUPS' }, { validUntil: one });
    });
    const members = {
      kind: 'MEMBERSHIP',
      group: { id: groupId, name: 'Class 2B' },
      count: 1,
      validUntil: iso(three),
    };
    const host = { id: admin.id, name: 'Host system' };
    expect((await overviewOf(admin)).endingRights).toEqual([
      { kind: 'ACCOUNT_PERMISSION', user: host, permission: 'CREATE_GROUPS', validUntil: iso(one) },
      {
        kind: 'GROUP_RIGHT',
        user: host,
        group: { id: other.groupId, name: 'Class 2B' },
        permission: 'MANAGE',
        validUntil: iso(two),
      },
      members,
    ]);
    expect(await overviewOf(manager)).toEqual({ endingRights: [members] });
    t.clock.advance(4 * DAY_SECONDS);
    expect((await overviewOf(manager)).endingRights).toEqual([]);
  });

  it('tells nothing to an account that is on nobody’s staff, and nothing of another organization', async () => {
    await t.world.write((db) => db.update(Membership, { groupId }, { validUntil: inDays(3) }));
    const stranger = await t.world.caller({ permissions: ['MANAGE_ALL_GROUPS'] });
    expect(await overviewOf(stranger)).toEqual({ endingRights: [] });
  });

  it('counts the people who can manage the staff', async () => {
    expect((await overviewOf(admin)).staffManagers).toBe(1);
    await t.world.grant(manager.id, 'MANAGE_STAFF');
    expect((await overviewOf(admin)).staffManagers).toBe(2);
    await t.world.write((db) =>
      db.update(AccountPermission, { userId: manager.id, permission: 'MANAGE_STAFF' }, { validUntil: inDays(1) }),
    );
    t.clock.advance(2 * DAY_SECONDS);
    expect((await overviewOf(admin)).staffManagers).toBe(1);
  });

  it('lists service accounts without a key, and keys and secrets that are older than a year', async () => {
    const { organizationId } = admin;
    const client = await newClient(t, organizationId);
    const account = await newServiceAccount(t, organizationId);
    expect((await overviewOf(admin)).credentials).toEqual([]);
    const created = inDays(-366);
    await t.world.write(async (db) => {
      await db.update(ClientSecret, { clientId: client.id }, { createdAt: created });
      await db.update(ServiceAccountKey, { userId: account.id }, { createdAt: created });
    });
    const portal = { id: account.id, name: 'Portal' };
    const secret = { kind: 'OLD_SECRET', client: { id: client.id, name: expect.any(String) }, created: iso(created) };
    expect((await overviewOf(admin)).credentials).toEqual([
      { kind: 'OLD_KEY', serviceAccount: portal, created: iso(created) },
      secret,
    ]);
    await t.world.write((db) => db.update(ServiceAccountKey, { userId: account.id }, { revokedAt: t.clock.now() }));
    expect((await overviewOf(admin)).credentials).toEqual([{ kind: 'NO_KEY', serviceAccount: portal }, secret]);
  });

  it('counts logins, sessions and refusals by hour, and refusals by reason', async () => {
    const before = (await overviewOf(admin)).hours!.at(-1)!.from;
    t.clock.advance(3600);
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const { id } = await t.world.userOf(host);
    await t.signIn(host, id);
    await t.loginToken(host, id);
    await t.as(host)(`/access/${user}`);
    await t.as(host)('/access/nobody@a.example');
    t.clock.advance(2 * 3600);
    const { hours, refusals } = await overviewOf(admin);
    expect(hours).toHaveLength(24);
    expect(hours!.filter(({ logins, sessions, refusals: refused }) => logins + sessions + refused > 0)).toEqual([
      {
        from: iso(new Date(Date.parse(before) + 3_600_000)),
        logins: 2,
        sessions: 1,
        refusals: 2,
      },
    ]);
    expect(
      refusals!.map(({ event, rule, count }) => ({ event, rule, count })).toSorted((a, b) => a.rule! - b.rule!),
    ).toEqual([
      { event: 'ACCESS_REFUSED', rule: 5, count: 1 },
      { event: 'ACCESS_REFUSED', rule: 6, count: 1 },
    ]);
    t.clock.advance(DAY_SECONDS);
    expect((await overviewOf(admin)).refusals).toEqual([]);
  });

  it.each([
    { statement: ENDING.members, index: 'memberships_ending_idx' },
    { statement: ENDING.membersOfStaff, index: 'memberships_ending_idx' },
    { statement: ENDING.staff, index: 'group_staff_ending_idx' },
    { statement: ENDING.staffOfStaff, index: 'group_staff_ending_idx' },
    { statement: ENDING.permissions, index: 'account_permissions_ending_idx' },
    { statement: COUNT_REFUSALS, index: 'audit_events_event_idx' },
  ])('reads a range of $index for $statement.name', async ({ statement: { sql }, index }) => {
    const plan = await t.world.write(async (db) => {
      const isPostgres = db.dataSource.options.type === 'postgres';
      // The tables of the test are so small that PostgreSQL would read them whole, and that all indexes are alike.
      if (isPostgres) {
        await db.query('SET LOCAL enable_seqscan = off');
        await db.query(`INSERT INTO "audit_events" ("at", "event", "organization_id")
          SELECT '2026-01-02'::timestamptz - i * interval '1 minute', CASE i % 4 WHEN 0 THEN 'ACCESS_REFUSED' ELSE 'GROUP_CHANGED' END, 'o'
          FROM generate_series(1, 20000) i`);
        await db.query('ANALYZE "audit_events"');
      }
      const values: Record<string, string> =
        sql === COUNT_REFUSALS.sql
          ? { $1: `'o'`, $2: `'2026-01-01'`, $3: `'2026-01-02'` }
          : { $1: '1', $2: '2', $3: `'o'`, $4: `'u'`, $5: '1' };
      const text = sql.replaceAll(/\$\d/g, (name) => values[name]!);
      return JSON.stringify(await db.query(`${isPostgres ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN'} ${text}`));
    });
    expect(plan).toContain(index);
  });
});
