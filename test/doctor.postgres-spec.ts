import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { examine } from '../src/doctor/doctor.js';
import { testEnvironment, TestApp } from './support/app.js';

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

it('asks, of several hosts in DATABASE_URL, the one that accepts writes', async () => {
  const { host } = new URL(process.env.DATABASE_URL!);
  const several = process.env.DATABASE_URL!.replace(`@${host}`, `@127.0.0.1:1,${host}`);
  const found = await examine(testEnvironment({ PUBLIC_URL: t.url, DATABASE_URL: several }));
  expect(found.filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(found.map(({ check }) => check)).toContain('connections');
});

async function findings(overrides: Record<string, string> = {}): Promise<string[]> {
  const found = await examine(testEnvironment({ PUBLIC_URL: t.url, ...overrides }));
  return found.filter(({ check }) => check === 'failover').map(({ level, text }) => `${level} ${text}`);
}

describe('the history of PostgreSQL', () => {
  it('is told, and what FAILOVER=trust asks for is missed', async () => {
    expect(await findings()).toEqual([
      expect.stringMatching(/^ok The database is on the history \d+\/1 \(system identifier\/timeline\)/),
    ]);
    expect(await findings({ FAILOVER: 'trust' })).toEqual([
      expect.stringContaining(
        'warning FAILOVER=trust says that no commit gets lost, but the server has no synchronous',
      ),
    ]);
  });

  it('that is not the recorded one, or not recorded, is found', async () => {
    // An instance that runs would deal with it.
    await t.nest.close();
    const client = new Client({ connectionString: process.env.DATABASE_URL });
    await client.connect();
    await client.query(`UPDATE "server_histories" SET "history" = '7000000000000000001/3'`);
    expect(await findings()).toEqual([
      expect.stringMatching(/^warning The server has another history .* not 7000000000000000001\/3/),
    ]);
    await client.query('DELETE FROM "server_histories"');
    await client.end();
    expect(await findings()).toEqual([expect.stringContaining('warning The database does not say on which history')]);
  });
});
