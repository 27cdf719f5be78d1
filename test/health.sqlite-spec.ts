import { setTimeout } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { call, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { Instance } from './support/instance.js';
import type { TestCaller } from './support/world.js';

/** What no file may be larger than, in blocks of 512 bytes: 1 MiB. */
const LIMIT_BLOCKS = 2048;

let t: TestApp;
let caller: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
});
afterAll(() => t.stop());

/** Copies the log into the database and empties it, as another process may. */
function emptyLog(): void {
  const other = new BetterSqlite3(process.env.DATABASE_PATH!);
  other.pragma('wal_checkpoint(TRUNCATE)');
  other.close();
}

it('is not ready while its files can’t grow, and ready again once they can', async () => {
  emptyLog();
  const instance = await Instance.start({}, ['sh', '-c', `ulimit -f ${LIMIT_BLOCKS}; exec "$@"`, 'sh']);
  try {
    const authorization = `Bearer ${caller.token}`;
    const { id } = await t.world.userOf(caller);
    const issue = (): Promise<Answer> => call(instance.url, `/api/2.1.1/access/${id}`, { headers: { authorization } });
    expect((await call(instance.url, '/health')).status).toBe(200);
    let answer = await issue();
    expect(answer.status).toBe(200);
    while (answer.status === 200) answer = await issue();
    expect({ status: answer.status, id: answer.body.id, retry: answer.headers.get('retry-after') }).toEqual({
      status: 503,
      id: 'unavailable',
      retry: '2',
    });
    // Where a login finds no room any more, a single page may, until the looks have used it up.
    let health = answer;
    do {
      await setTimeout(500);
      health = await call(instance.url, '/health');
    } while (health.status === 200);
    expect({ status: health.status, failing: health.body.failing }).toEqual({ status: 503, failing: 'database' });
    expect((await call(instance.url, '/health/live')).status).toBe(200);
    emptyLog();
    await setTimeout(1_500);
    expect((await call(instance.url, '/health')).status).toBe(200);
    expect((await issue()).status).toBe(200);
  } finally {
    await instance.stop('SIGKILL');
  }
}, 60_000);
