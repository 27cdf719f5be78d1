import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { RecordFeedService } from '../src/record-feed/record-feed.service.js';
import { TestApp } from './support/app.js';

let t: TestApp;
let feed: RecordFeedService;

beforeAll(async () => {
  t = await TestApp.start();
  feed = t.nest.get(RecordFeedService, { strict: false });
});
afterAll(() => t.stop());

/** Runs work while another client runs a statement, and waits for both. */
async function meanwhile<Row extends object>(sql: string, work: (client: Client) => Promise<void>): Promise<Row[]> {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    const running = client.query<Row>(sql);
    running.catch(() => undefined);
    await work(client);
    return (await running).rows;
  } finally {
    await client.end();
  }
}

/** Records an event whose instant was taken as early as it can be, and writes nothing for three seconds. */
const WRITES_LATE = `INSERT INTO "audit_events" ("at", "event") SELECT statement_timestamp() - INTERVAL '4.6 s', 'GROUP_CHANGED'
  FROM pg_sleep(3) RETURNING "at"`;

it('the record is not complete while a statement runs that will write and has not yet', async () => {
  const instants: number[] = [];
  const [row] = await meanwhile<{ at: Date }>(WRITES_LATE, async () => {
    for (let i = 0; i < 20; i++) {
      instants.push((await feed.settledUntil()).getTime());
      await setTimeout(100);
    }
  });
  expect(Math.max(...instants)).toBeLessThanOrEqual(row!.at.getTime());
});

it('the record is complete although somebody reads for long, as a dump does', async () => {
  const startedAt = Date.now();
  await meanwhile('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT COUNT(*) FROM "users"', async (client) => {
    let until = 0;
    for (let i = 0; i < 60 && until <= startedAt; i++) {
      await setTimeout(500);
      until = (await feed.settledUntil()).getTime();
    }
    expect(until).toBeGreaterThan(startedAt);
    await client.query('COMMIT');
  });
});
