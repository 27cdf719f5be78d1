// How late events are at webhooks, while one of ten receivers is dead.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { percentile } from './rounds.mjs';

const ENDPOINTS = 10;
const EVENTS_PER_SECOND = 1_000;
const SECONDS = 30;
const BATCHES_PER_SECOND = 50;
/** Seconds for the service to find the webhooks, and for the last events to arrive. */
const BEGIN_SECONDS = 3;
const END_SECONDS = 10;
const ORGANIZATION = 'Academy';

/**
 * Writes events into the record of an organization with ten webhooks, of which one never answers.
 *
 * @returns {Promise<{ p99: number, worst: number, missing: number, twice: number, rate: number }>} seconds from an event to
 *   its arrival at the nine others; how many have not arrived ten seconds after the last event, and how many
 *   arrived more than once; and events a second
 */
export async function measureWebhooks(bench, database) {
  const server = await bench.startService(database);
  const receivers = await startReceivers(ENDPOINTS - 1);
  try {
    for (const url of [...receivers.alive, receivers.dead])
      await server.command('webhooks', 'create', url, '-o', ORGANIZATION, '-e', 'MEMBER_JOINED');
    await setTimeout(BEGIN_SECONDS * 1000);
    const { written, rate } = await writeEvents(database);
    await setTimeout(END_SECONDS * 1000);
    const { late, times } = await receivers.stop();
    const all = late.flat().map((ms) => ms / 1000);
    return {
      p99: percentile(all, 99),
      worst: Math.max(...late.map((ones) => ones.reduce((a, b) => Math.max(a, b), 0))) / 1000,
      missing: late.reduce((sum, ones) => sum + written - ones.length, 0),
      twice: times.filter((count) => count > 1).length,
      rate,
    };
  } finally {
    receivers.kill();
    await server.stop();
  }
}

async function startReceivers(count) {
  const script = fileURLToPath(new URL('webhook-receivers.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  while (!output.includes('\n')) await once(child.stdout, 'data');
  const addresses = JSON.parse(output);
  return {
    ...addresses,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child.stdout, 'end');
      return JSON.parse(output.slice(output.indexOf('\n')));
    },
    kill: () => child.kill('SIGKILL'),
  };
}

/** Writes events at an even rate, as if as much happened. The webhooks get these only. */
async function writeEvents(database) {
  const { write, close } = await openRecord(database);
  const size = EVENTS_PER_SECOND / BATCHES_PER_SECOND;
  const began = performance.now();
  for (let batch = 0; batch < SECONDS * BATCHES_PER_SECOND; batch++) {
    await write(size);
    await setTimeout(Math.max(0, began + ((batch + 1) * 1000) / BATCHES_PER_SECOND - performance.now()));
  }
  await close();
  const written = SECONDS * EVENTS_PER_SECOND;
  return { written, rate: (written / (performance.now() - began)) * 1000 };
}

const INTO = `INSERT INTO "audit_events" ("at", "event", "organization_id", "user_id", "actor_id", "client_id", "group_id", "details")`;
const EVENT = `'MEMBER_JOINED', o."id", 'Zk1cVq0rTtWm8sQXq3bVxg', 'Tq0mHc2b4cV8p0fYxw3n1A', '3f0c6d1e9b7a4c2d8e5f60718293a4b5', 'b4nWmQ2hR8q0k5m1tYx7Jw', NULL`;

async function openRecord({ DATABASE_URL, DATABASE_PATH }) {
  if (DATABASE_URL) {
    const client = new Client({ connectionString: DATABASE_URL });
    await client.connect();
    const sql = `${INTO} SELECT $1::timestamptz, ${EVENT} FROM "organizations" o, generate_series(1, $2::integer) WHERE o."name" = $3`;
    return { write: (count) => client.query(sql, [new Date(), count, ORGANIZATION]), close: () => client.end() };
  }
  const db = new Database(DATABASE_PATH, { timeout: 5_000 });
  const insert = db.prepare(`${INTO} SELECT ?, ${EVENT} FROM "organizations" o WHERE o."name" = ?`);
  const write = db.transaction((count) => {
    const at = new Date().toISOString().replace('T', ' ').replace('Z', '');
    for (let n = 0; n < count; n++) insert.run(at, ORGANIZATION);
  });
  return { write, close: () => db.close() };
}
