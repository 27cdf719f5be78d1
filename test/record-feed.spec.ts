import { setTimeout } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Database } from '../src/database/database.js';
import type { Parameter } from '../src/database/statement.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import type { Position } from '../src/record-feed/position.js';
import { startOf } from '../src/record-feed/position.js';
import { RecordFeedService } from '../src/record-feed/record-feed.service.js';
import type { RecordedEvent } from '../src/record-feed/recorded-events.js';
import { TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let feed: RecordFeedService;
let admin: TestCaller;
let host: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start({ LOGIN_TOKEN_TTL: '3600', TRUSTED_PROXIES: '127.0.0.1' });
  feed = t.nest.get(RecordFeedService, { strict: false });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  ({ id: user } = await t.world.userOf(host));
});

const START = startOf(new Date(0));

/** All that `GET audit` lists of the organization, the oldest first. */
async function listed(): Promise<string[]> {
  const { body } = await t.as(admin)('/audit?resultSize=100');
  return body.events.map(({ id }: { id: string }) => id).toReversed();
}

/** All events of the organization, a few at a time. */
async function readAll(limit: number, before = new Date(Date.now() + 86_400_000)): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for (let after: Position = START; ;) {
    const events = await feed.read({ organizationId: admin.organizationId, after, before, limit });
    found.push(...events);
    if (events.length < limit) return found;
    after = events.at(-1)!;
  }
}

function idsOf(events: RecordedEvent[]): string[] {
  return events.map(({ event }) => event.id);
}

/** Follows the record as a reader does, until it is stopped and all that has happened is settled. */
function follow(): { stop: () => Promise<string[]> } {
  const found: RecordedEvent[] = [];
  const end = new AbortController();
  const readOn = async (): Promise<number> => {
    const before = await feed.settledUntil();
    const after = found.at(-1) ?? START;
    const events = await feed.read({ organizationId: admin.organizationId, after, before, limit: 3 });
    return found.push(...events) && events.length;
  };
  const following = (async () => {
    while (!end.signal.aborted) {
      await readOn();
      await setTimeout(20);
    }
  })();
  const stop = async (): Promise<string[]> => {
    end.abort();
    await following;
    t.clock.advance(60);
    while ((await readOn()) > 0);
    return idsOf(found);
  };
  return { stop };
}

/** A transaction of another process. */
interface OtherTransaction {
  record(at: Date, from?: string): Promise<void>;
  commit(): Promise<void>;
}

const RECORD = (at: string, from: string): string =>
  `INSERT INTO "audit_events" ("at", "event", "organization_id") SELECT '${at}', 'GROUP_CHANGED', '${admin.organizationId}' ${from}`;

async function begin(): Promise<OtherTransaction> {
  if (!process.env.DATABASE_URL) {
    const connection = new BetterSqlite3(process.env.DATABASE_PATH!);
    connection.exec('BEGIN IMMEDIATE');
    return {
      record: (at) =>
        Promise.resolve(void connection.exec(RECORD(at.toISOString().replace('T', ' ').slice(0, -1), ''))),
      commit: () => Promise.resolve(void connection.exec('COMMIT').close()),
    };
  }
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await client.query('BEGIN');
  return {
    record: async (at, from = '') => void (await client.query(RECORD(at.toISOString(), from))),
    commit: async () => {
      await client.query('COMMIT');
      await client.end();
    },
  };
}

/** Milliseconds between the instants of a request and its transaction, at most. */
const LATE_MS = 4_600;

describe('a reader that follows the record', () => {
  it('reads what GET audit lists, the oldest first, whatever it reads at once', async () => {
    const [early, late] = [await t.loginToken(host, user), await t.loginToken(host, user)];
    await t.login(late);
    t.clock.advance(90);
    const mine = await t.loginToken(host, user);
    await t.send(admin, 'PUT', `/user/${user}`, { name: 'Other' });
    t.clock.advance(3000);
    await t.login(early);
    await t.login(mine);
    await t.send(admin, 'PUT', `/user/${user}`, { status: 'BLOCKED' });
    const expected = await listed();
    expect(expected.length).toBeGreaterThan(8);
    for (const limit of [1, 2, 3, 5, 50])
      expect({ limit, ids: idsOf(await readAll(limit)) }).toEqual({ limit, ids: expected });
  });

  it('reads the events of one instant once each, in the order of their IDs', async () => {
    const at = new Date(Date.now() - 60_000);
    const other = await begin();
    for (let i = 0; i < 5; i++) await other.record(at);
    await other.commit();
    await t.loginToken(host, user);
    const expected = await listed();
    for (const limit of [1, 2, 4]) expect(idsOf(await readAll(limit))).toEqual(expected);
    expect(expected).toHaveLength(6);
  });

  it('reads a session whose token another instance has issued by a clock that is ahead', async () => {
    t.clock.advance(30);
    const token = await t.loginToken(host, user);
    t.clock.reset();
    const { status } = await t.login(token);
    expect(status).toBeLessThan(400);
    const ids = idsOf(await readAll(50, new Date(Date.now() + 1000)));
    expect(ids).toEqual([expect.stringMatching(/-started$/)]);
  });

  it('reads nothing of another organization', async () => {
    const other = await t.world.caller();
    await t.signIn(other, (await t.world.userOf(other)).id);
    expect(await readAll(10)).toEqual([]);
  });

  it('misses nothing of a transaction that took its instants early and commits late', async () => {
    const reader = follow();
    const at = Date.now() - LATE_MS;
    const first = await begin();
    await first.record(new Date(at + 500));
    await first.commit();
    const other = await begin();
    await other.record(new Date(at));
    // SQLite lets nobody else write meanwhile.
    if (process.env.DATABASE_URL) for (let i = 0; i < 4; i++) await t.signIn(host, user);
    await setTimeout(2500);
    await other.commit();
    await t.signIn(host, user);
    const found = await reader.stop();
    expect(found).toEqual(await listed());
    expect(found.length).toBeGreaterThanOrEqual(4);
  });
});

/** The plans of the statements that `work` reads with, by what they read. */
async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
  const sent: [sql: string, parameters: Parameter[]][] = [];
  const database = t.nest.get(Database);
  const read = database.read.bind(database);
  jest.spyOn(database, 'read').mockImplementation((statement, parameters) => {
    if (statement.name.startsWith('follow_')) sent.push([statement.sql, parameters]);
    return read(statement, parameters) as Promise<never[]>;
  });
  await work();
  jest.restoreAllMocks();
  return Promise.all(sent.map(([sql, parameters]) => planOf(sql, parameters)));
}

function planOf(sql: string, parameters: Parameter[]): Promise<string> {
  return t.world.write(async (db) => {
    if (!process.env.DATABASE_URL)
      return JSON.stringify(await db.query(`EXPLAIN QUERY PLAN ${sql.replaceAll(/\$\d+|\?/g, "(SELECT 'x')")}`));
    await db.query('SET LOCAL enable_seqscan = off');
    return JSON.stringify(await db.query(`EXPLAIN ${sql}`, parameters));
  });
}

it('reads ranges of indexes, and no whole table', async () => {
  await t.signIn(host, user);
  const position = { at: new Date(Date.now() - 3_600_000), rank: 2, id: '1' };
  const range = { organizationId: admin.organizationId, after: position, before: new Date(), limit: 10 };
  const plans = await plansOf(() => feed.read(range));
  const indexes = [
    'login_tokens_organization_idx',
    'sessions_created_idx',
    'login_tokens_organization_idx',
    'audit_events_organization_idx',
  ];
  expect(plans).toEqual(indexes.map((index) => expect.stringContaining(index)));
  for (const plan of plans) expect(plan).not.toMatch(/Seq Scan|SCAN (?!CONSTANT)/);
});
