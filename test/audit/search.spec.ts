import { beforeEach, describe, expect, it } from '@jest/globals';
import { EXPORT_SIZE } from '../../src/audit-search/audit-search.service.js';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { AuditService } from '../../src/audit/audit.service.js';
import { Settings } from '../../src/config/settings.js';
import { MaintenanceService } from '../../src/maintenance/maintenance.service.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { outcome } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { admin, group, host, ok, put, recordedBy, remove, setUp, t, user } from './setup.js';

setUp();

function search(query = '', caller = admin): Promise<Answer> {
  return t.as(caller)(`/audit?${query}`);
}

async function events(query = ''): Promise<string[]> {
  return (await search(query)).body.events.map(({ event }: { event: string }) => event);
}

describe('GET audit', () => {
  beforeEach(async () => {
    await ok(t.login(await t.loginToken(host, user)));
    t.clock.advance(1200);
    await put(admin, `/user/${user}`, { name: 'Other' });
  });

  it('answers with what happened in the organization, the latest first, and not with a field too many', async () => {
    const { status, body } = await search();
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const login = { user, actor: host.id, client: host.clientId, group, token: expect.any(String) };
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        events: [
          {
            id: expect.any(String),
            at: instant,
            event: 'ACCOUNT_CHANGED',
            user,
            actor: admin.id,
            client: admin.clientId,
            details: { fields: ['name'] },
            request: expect.stringMatching(/^[\da-f-]{36}$/),
          },
          { id: expect.any(String), at: instant, event: 'SESSION_STARTED', ...login, session: expect.any(String) },
          { id: expect.any(String), at: instant, event: 'ACCESS_ISSUED', ...login },
        ],
        names: expect.any(Array),
        pagination: { total: 3, lastOnPage: expect.any(String), moreAvailable: false },
      },
    });
  });

  it('names the accounts, groups and clients of the events, each once, as far as they are of the organization', async () => {
    const { names } = (await search()).body;
    const ids = names.map(({ id }: { id: string }) => id);
    expect(ids.toSorted()).toEqual([user, host.id, admin.id, group, host.clientId, admin.clientId].toSorted());
    expect(names).toContainEqual({ id: group, name: 'Class 2B' });
    expect(names).toContainEqual({ id: user, name: 'Other' });
    const guest = await t.world.user({ name: 'Guest' });
    await t.world.join(guest, group);
    await ok(t.login(await t.loginToken(host, guest)));
    const named = async (): Promise<unknown[]> => (await search(`user=${guest}`)).body.names;
    expect(await named()).toContainEqual({ id: guest, name: 'Guest' });
    await remove(admin, `/group/${group}/members/${guest}`);
    expect(JSON.stringify(await named())).not.toContain(guest);
  });

  it.each([
    { query: () => `user=${user}`, found: 3 },
    { query: () => `user=${host.id}`, found: 0 },
    { query: () => `actor=${host.id}`, found: 2 },
    { query: () => `client=${admin.clientId}`, found: 1 },
    { query: () => `group=${group}`, found: 2 },
    { query: () => `group=${group}&user=${host.id}`, found: 0 },
    { query: () => 'event=SESSION_STARTED', found: 1 },
    { query: () => `event=SESSION_STARTED&actor=${admin.id}`, found: 0 },
    { query: () => `from=${new Date(Date.now() + 600_000).toISOString()}`, found: 1 },
    { query: () => `to=${new Date(Date.now() + 600_000).toISOString()}`, found: 2 },
    { query: () => `to=${encodeURIComponent('2026-01-01T00:00:00+02:00')}`, found: 0 },
  ])('finds by a part of it: $query', async ({ query, found }) => {
    expect(await events(query())).toHaveLength(found);
  });

  it('shows each row once, page by page, while more are written', async () => {
    const ids: string[] = [];
    for (let from = '', more = true; more;) {
      const { body } = await search(`resultSize=1&${from && `resultFrom=${from}`}`);
      ids.push(...body.events.map(({ id }: { id: string }) => id));
      ({ lastOnPage: from, moreAvailable: more } = body.pagination);
      await put(admin, `/user/${user}`, { name: `N${ids.length}` });
    }
    expect([ids.length, new Set(ids).size]).toEqual([3, 3]);
  });

  it.each([
    'from=yesterday',
    'from=2026-01-01T00:00:00',
    'to=',
    'event=NOTHING',
    'user=',
    'user=a%20b',
    'token=a%20b',
    'request=',
    'resultFrom=x',
    ...['NaN', '1.5', '99999999999999999999', '-1'].map(
      (id) => `resultFrom=${Buffer.from(`${id} 2026-01-01T00:00:00.000Z`).toString('base64url')}`,
    ),
    'user=a&user=b',
  ])('refuses %s', async (query) => {
    expect(outcome(await search(query))).toEqual([400, 'invalid_request']);
  });

  it('says which parameter is malformed, without a pattern', async () => {
    const { description, field } = (await search('user=a%20b')).body;
    expect({ description, field }).toEqual({ description: 'user is malformed.', field: 'user' });
  });

  it('is for staff with VIEW_AUDIT_LOG, of the own organization', async () => {
    expect(outcome(await search('', host))).toEqual([403, 'not_permitted']);
    const other = await t.world.caller({ permissions: ['VIEW_AUDIT_LOG'] });
    expect((await search(`user=${user}`, other)).body).toEqual({
      events: [],
      names: [],
      pagination: { total: 0, moreAvailable: false },
    });
  });

  it('still names what is gone', async () => {
    await remove(admin, `/user/${user}`);
    await remove(admin, `/group/${group}`);
    expect(await events(`user=${user}`)).toEqual([
      'ACCOUNT_DELETED',
      'SESSION_ENDED',
      'ACCOUNT_CHANGED',
      'SESSION_STARTED',
      'ACCESS_ISSUED',
    ]);
  });

  it('reads a range of an index for each of the filters', async () => {
    for (const column of ['user_id', 'actor_id', 'client_id', 'group_id', 'event', 'token_id', 'request_id', null]) {
      const filter = column ? `AND e."${column}" = 'x'` : '';
      const sql = `SELECT e."id" FROM "audit_events" e WHERE e."organization_id" = 'o' ${filter} AND e."at" < '2026-01-01' ORDER BY e."at" DESC, e."id" DESC LIMIT 11`;
      const plan = await t.world.write(async (db) => {
        if (db.dataSource.options.type === 'postgres') await db.query('SET LOCAL enable_seqscan = off');
        const prefix = db.dataSource.options.type === 'postgres' ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN';
        return JSON.stringify(await db.query(`${prefix} ${sql}`));
      });
      const index = `audit_events_${column?.replace('_id', '') ?? 'organization'}_idx`;
      expect({ column, plan, usesIndex: plan.includes(index), sorts: /TEMP B-TREE|Sort/.test(plan) }).toMatchObject({
        usesIndex: true,
        sorts: false,
      });
    }
  });
});

function count(): Promise<number> {
  return t.world.write((db) => db.count(AuditEvent));
}

function change(sql: string): Promise<unknown> {
  return t.world.write((db) => db.query(sql));
}

describe('the table', () => {
  it('refuses to change a row, and keeps those that are to be deleted', async () => {
    await ok(t.as(host)(`/access/${user}`));
    const before = await count();
    await expect(change(`UPDATE "audit_events" SET "user_id" = NULL`)).rejects.toThrow('append-only');
    await change(`DELETE FROM "audit_events"`);
    expect(await count()).toBe(before);
  });

  it('forgets rows after RETENTION_DAYS, however many, and no younger ones', async () => {
    const settings = t.nest.get(Settings);
    const usual = settings.RETENTION_DAYS;
    settings.RETENTION_DAYS = 30;
    const audit = t.nest.get(AuditService, { strict: false });
    const { organizationId } = host;
    const old = 1500;
    for (const [days, count] of [
      [31, old],
      [29, 2],
    ] as const) {
      t.clock.reset();
      t.clock.advance(-days * 86_400);
      await t.world.write(async (db) => {
        for (let i = 0; i < count; i++) await audit.record(db, { event: 'GROUP_CHANGED', organizationId, by: host });
      });
    }
    t.clock.reset();
    const left = (): Promise<number> => t.world.write((db) => db.countBy(AuditEvent, { organizationId }));
    const before = await left();
    await t.nest.get(MaintenanceService, { strict: false }).prune();
    settings.RETENTION_DAYS = usual;
    expect(before - (await left())).toBe(old);
  });

  it('commits a row together with what it is about', async () => {
    const found = await recordedBy(async () => {
      const failing = t.world.write(async (db) => {
        await db.query(`UPDATE "login_tokens" SET "revoked_at" = 1 WHERE "revoked_at" IS NULL`);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    });
    expect(found).toEqual([]);
  });
});

// Its many rows are younger than those that the test before it deletes.
describe('GET audit/export', () => {
  it('answers the events that match as NDJSON, each as the list has it', async () => {
    await ok(t.login(await t.loginToken(host, user)));
    const { events: listed } = (await search(`group=${group}`)).body;
    const { text, headers, status } = await t.as(admin)(`/audit/export?format=ndjson&group=${group}`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ).toEqual(listed);
    expect(listed).toHaveLength(2);
  });

  it('answers CSV in which no cell is a formula', async () => {
    await t.world.write(async (db) => {
      const { organizationId } = await db.findOneByOrFail(User, { id: admin.id });
      await db.insert(AuditEvent, {
        at: new Date(),
        event: 'ACCOUNT_CHANGED',
        organizationId,
        userId: '-1+1',
        details: '{"reason":"a,\\"b"}',
      });
    });
    const { text, headers } = await t.as(admin)('/audit/export?event=ACCOUNT_CHANGED');
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toBe('attachment; filename="record.csv"');
    const [header, row, end] = text.split('\r\n');
    expect([header, end]).toEqual(['id,at,event,user,actor,client,group,token,session,rule,details,request', '']);
    expect(row).toContain(`,ACCOUNT_CHANGED,'-1+1,,,,,,,"{""reason"":""a,\\""b""}",`);
  });

  it('has parts, of which each leads to the next, and which together have each event once', async () => {
    const { organizationId } = await t.world.write((db) => db.findOneByOrFail(User, { id: admin.id }));
    const rows = Array.from({ length: EXPORT_SIZE + 2 }, () => ({
      at: t.clock.now(),
      event: 'ACCOUNT_CHANGED' as const,
      organizationId,
    }));
    await t.world.write(async (db) => {
      for (let at = 0; at < rows.length; at += 100) await db.insert(AuditEvent, rows.slice(at, at + 100));
    });
    const ids: string[] = [];
    const sizes: number[] = [];
    for (let query: string | undefined = '?event=ACCOUNT_CHANGED&format=csv'; query;) {
      const { text, headers } = await t.as(admin)(`/audit/export${query}`);
      const lines = text.trim().split('\r\n');
      sizes.push(lines.length);
      ids.push(...lines.map((line) => line.split(',')[0]!));
      query = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    expect(sizes).toEqual([EXPORT_SIZE + 1, 2]);
    expect(new Set(ids).size).toBe(EXPORT_SIZE + 3);
  });

  it('is for staff with VIEW_AUDIT_LOG, and refuses a format that does not exist', async () => {
    expect(outcome(await t.as(host)('/audit/export'))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.as(admin)('/audit/export?format=xml'))).toEqual([400, 'invalid_request']);
  });
});
