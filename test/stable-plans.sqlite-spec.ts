import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { Database } from '../src/database/database.js';
import type { Parameter, Statement } from '../src/database/statement.js';
import { TestApp } from './support/app.js';

const TIMES = 200;
const ATTEMPTS = 5;

interface Call {
  method: 'read' | 'write';
  statement: Statement;
  parameters: Parameter[];
}

let t: TestApp;
beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

/** The statements of an access call, of a redemption and of a session check, by name. */
async function hotCalls(): Promise<Map<string, Call>> {
  const calls = new Map<string, Call>();
  const database = t.nest.get(Database);
  for (const method of ['read', 'write'] as const) {
    const original = database[method].bind(database);
    jest.spyOn(database, method).mockImplementation((statement, parameters) => {
      calls.set(statement.name, { method, statement, parameters });
      return original(statement, parameters) as Promise<never[]>;
    });
  }
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  const cookie = await t.signIn(caller, id);
  expect(await t.call('/session', { headers: { cookie } })).toMatchObject({ status: 200 });
  jest.restoreAllMocks();
  return calls;
}

/** Microseconds of CPU, the least of a few attempts: others are those in which Node also did something else. */
async function cpuOf(work: () => unknown): Promise<number> {
  const attempts: number[] = [];
  for (let i = 0; i < ATTEMPTS; i++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    attempts.push(user + system);
  }
  return Math.min(...attempts);
}

/** The same statement in the driver, without what SqliteDatabase does about plans. */
function runPlainly(sqlite: BetterSqlite3.Database, { statement, parameters }: Call): () => void {
  const prepared = sqlite.prepare(statement.sql);
  const values = Object.fromEntries(
    parameters.map((value, index) => [
      index + 1,
      value instanceof Date ? value.toISOString() : typeof value === 'boolean' ? Number(value) : value,
    ]),
  );
  return () => {
    sqlite.exec('BEGIN');
    for (let i = 0; i < TIMES; i++) prepared.all(values);
    sqlite.exec('ROLLBACK');
  };
}

describe.each([
  ['a new database', () => Promise.resolve()],
  ['one with statistics', () => t.world.write((db) => db.query('ANALYZE'))],
])('in %s', (_, prepare) => {
  it('SQLite does not compile the statements of a login again for each call', async () => {
    await prepare();
    const calls = await hotCalls();
    const database = t.nest.get(Database);
    const sqlite = new BetterSqlite3(process.env.DATABASE_PATH);
    const shares: [string, number][] = [];
    for (const name of ['record_login_token_id', 'start_session', 'find_session']) {
      const call = calls.get(name)!;
      const { method, statement, parameters } = call;
      const run = (): unknown =>
        Promise.all(Array.from({ length: TIMES }, () => database[method](statement, parameters)));
      const runEach = runPlainly(sqlite, call);
      shares.push([name, (await cpuOf(run)) / (await cpuOf(runEach))]);
    }
    sqlite.close();
    // Where SQLite compiles, it takes three to five times as long.
    expect(shares.filter(([, share]) => share > 0.6)).toEqual([]);
  });
});
