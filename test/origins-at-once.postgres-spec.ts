import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Client as Connection } from 'pg';
import { newId } from '../src/common/id.js';
import { outcome, TestApp } from './support/app.js';
import { runCommand } from './support/command-line.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let client: string;
let origin: string;
/** Holds the origins of clients, so that two changes reach each other. */
let holder: Connection;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
  client = await t.world.client(admin.organizationId);
  origin = `https://${newId().toLowerCase().replaceAll(/[_-]/g, 'x')}.example`;
  await t.world.origin(admin.organizationId, origin);
  holder = new Connection({ connectionString: process.env.DATABASE_URL });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE "client_origins" IN EXCLUSIVE MODE');
});
afterEach(() => holder.end());

/** Waits until so many transactions wait for a lock. */
async function waiting(count: number): Promise<void> {
  const sql = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while ((await holder.query(sql)).rowCount! < count) {
    await setTimeout(10);
    // Otherwise a transaction sees the same activity until it ends.
    await holder.query('SELECT pg_stat_clear_snapshot()');
  }
}

const give = async (): Promise<unknown> =>
  outcome(await t.send(admin, 'PUT', `/client/${client}`, { origins: origin }));
const remove = async (): Promise<unknown> => (await runCommand(t, 'origins', 'remove', origin)).code;

it('an origin is taken from the client again if the operator removes it just after', async () => {
  const given = give();
  await waiting(1);
  const removed = remove();
  await waiting(2);
  await holder.query('ROLLBACK');
  expect([await given, await removed]).toEqual([[200, client], 0]);
  expect((await t.as(admin)(`/client/${client}`)).body.origins).toEqual([]);
});

it('an origin that the operator removes just before is refused', async () => {
  const removed = remove();
  await waiting(1);
  const given = give();
  await waiting(2);
  await holder.query('ROLLBACK');
  expect([await removed, await given]).toEqual([0, [400, 'origin_not_owned']]);
});

it('the operator gives a client an origin that another command removes just before', async () => {
  const removed = remove();
  await waiting(1);
  const given = runCommand(t, 'clients', 'change', client, '--origin', origin);
  await waiting(2);
  await holder.query('ROLLBACK');
  expect([await removed, (await given).code]).toEqual([0, 0]);
  expect((await t.as(admin)(`/client/${client}`)).body.origins).toEqual([origin]);
});
