import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { Database } from '../src/database/database.js';
import { isDatabaseUnavailable } from '../src/database/unavailable.js';
import { Organization } from '../src/schema/entities/organization.entity.js';
import { TestApp } from './support/app.js';
import { SilentProxy } from './support/silent-proxy.js';

const POOL_SIZE = 2;
const READ = { name: 'test_read', sql: 'SELECT 1 AS "one"' };

let t: TestApp;
let proxied: TestApp;
let proxy: SilentProxy;
let database: Database;

beforeAll(async () => {
  t = await TestApp.start();
  const url = new URL(process.env.DATABASE_URL!);
  proxy = await SilentProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
  url.host = `127.0.0.1:${proxy.port}`;
  proxied = await TestApp.startOnSameDatabase({ DATABASE_URL: url.href, DATABASE_POOL_SIZE: String(POOL_SIZE) });
  database = proxied.nest.get(Database);
});
afterAll(async () => {
  await proxied.nest.close();
  await proxy.stop();
  await t.stop();
});

/** Ends sessions of PostgreSQL, and returns how many. */
function end(which: string): Promise<number> {
  return t.world.write(async (db) => {
    const rows: unknown[] = await db.query(
      `SELECT pg_terminate_backend("pid", 5000) FROM "pg_stat_activity" WHERE "datname" = current_database() AND ${which}`,
    );
    return rows.length;
  });
}

describe('a connection that PostgreSQL ends', () => {
  it('as it answers: the answer counts, and whoever gets the connection next finds the database unavailable', async () => {
    const onEach = (work: () => Promise<unknown>): Promise<unknown>[] => Array.from({ length: POOL_SIZE }, work);
    await Promise.all(onEach(() => database.transaction((db) => db.query('SELECT pg_sleep(0.1)'))));
    proxy.holdAnswers();
    const answered = onEach(() => database.read(READ, []));
    const next = onEach(() => database.transaction((db) => db.query('SELECT 2')));
    const outcomes = Promise.allSettled([...answered, ...next]);
    let ended = 0;
    while (ended < POOL_SIZE) ended += await end(`"state" = 'idle' AND "query" = '${READ.sql}'`);
    proxy.passAnswers();
    const [a, b, ...refused] = await outcomes;
    expect([a, b]).toEqual([a, b].map(() => ({ status: 'fulfilled', value: [{ one: 1 }] })));
    expect(refused.map((one) => one.status === 'rejected' && isDatabaseUnavailable(one.reason))).toEqual([true, true]);
    expect((await proxied.call('/health')).status).toBe(200);
  });

  it.each([
    { what: 'statement', go: (db: EntityManager) => db.query('SELECT 2') },
    { what: 'look-up', go: (db: EntityManager) => db.existsBy(Organization, { name: 'Academy' }) },
    { what: 'change', go: (db: EntityManager) => db.update(Organization, { id: 'none' }, { name: 'Academy' }) },
  ])('in the middle of a transaction: its next $what finds the database unavailable', async ({ go }) => {
    const cut = async (db: EntityManager): Promise<unknown> => {
      const [row] = await db.query('SELECT pg_backend_pid() AS "pid"');
      await end(`"pid" = ${(row as { pid: number }).pid}`);
      await setTimeout(100);
      return go(db);
    };
    const failure: unknown = await database.transaction(cut).catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failure)).toBe(true);
    expect((await proxied.call('/health')).status).toBe(200);
  });
});
