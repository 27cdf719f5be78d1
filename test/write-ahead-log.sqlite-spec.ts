import { statSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

const MIB = 1024 * 1024;
/** What SQLite keeps of the log's file, and what one transaction may add before the next one begins anew. */
const BOUND = 64 * MIB + 8 * MIB;

let t: TestApp;
let host: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
  host = await t.world.caller();
  user = (await t.world.userOf(host)).id;
});
afterAll(() => t.stop());

function sizeOfLog(): number {
  return statSync(`${process.env.DATABASE_PATH}-wal`).size;
}

/** Writes rows of 4 MiB as one change of the service. */
function write(): Promise<unknown> {
  return t.world.write((db) =>
    db.query(
      `INSERT INTO "audit_events" ("at", "event", "details") VALUES ('2026-01-01 00:00:00.000', 'ACCOUNT_CHANGED', hex(zeroblob(2097152)))`,
    ),
  );
}

it('the write-ahead log stays small under a steady load', async () => {
  const sizes: number[] = [];
  for (let at = 0; at < 40; at++) {
    await write();
    expect((await t.login(await t.loginToken(host, user))).status).toBe(303);
    sizes.push(sizeOfLog());
  }
  expect(Math.max(...sizes)).toBeLessThan(BOUND);
});

it('the write-ahead log is small again after somebody has read for long', async () => {
  const reader = new BetterSqlite3(process.env.DATABASE_PATH!, { readonly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT COUNT(*) FROM "users"').get();
  for (let at = 0; at < 40; at++) await write();
  expect(sizeOfLog()).toBeGreaterThan(BOUND);
  reader.exec('COMMIT');
  reader.close();
  // One commit moves what waits into the database, and the next one begins the log anew.
  for (let at = 0; at < 4; at++) await write();
  expect((await t.login(await t.loginToken(host, user))).status).toBe(303);
  expect(sizeOfLog()).toBeLessThan(BOUND);
});
