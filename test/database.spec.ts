import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { QueryRunner } from 'typeorm';
import { loadSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { dataSourceOptions } from '../src/schema/data-source.js';
import { Organization } from '../src/schema/entities/organization.entity.js';
import { TestApp, testEnvironment } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
});

describe('a transaction', () => {
  it('that fails leaves nothing, also of what others ask for meanwhile nothing is lost', async () => {
    const name = `Doomed ${user}`;
    const failing = t.world.write(async (db) => {
      await db.query(`UPDATE "organizations" SET "name" = '${name}' WHERE "id" = '${caller.organizationId}'`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error('no');
    });
    const meanwhile = Promise.all(Array.from({ length: 10 }, () => t.as(caller)(`/access/${user}`)));
    await expect(failing).rejects.toThrow('no');
    expect((await meanwhile).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await t.world.write((db) => db.countBy(Organization, { name }))).toBe(0);
  });

  it('is not seen by others before it is committed', async () => {
    const database = t.nest.get(Database);
    const read = (): Promise<{ name: string }[]> =>
      database.read({ name: 'test_read', sql: 'SELECT "name" FROM "organizations" WHERE "id" = $1' }, [
        caller.organizationId,
      ]);
    await t.world.write(async (db) => {
      await db.update(Organization, { id: caller.organizationId }, { name: 'Later' });
      expect(await read()).toEqual([{ name: 'Academy' }]);
      expect((await t.as(caller)('/organization')).body.name).toBe('Academy');
    });
    expect(await read()).toEqual([{ name: 'Later' }]);
  });

  it('waits for others, and others for it, in any number at once', async () => {
    const count = 20;
    await Promise.all(
      Array.from({ length: count }, () =>
        t.world.write((db) =>
          db.query(`UPDATE "organizations" SET "name" = "name" || '+' WHERE "id" = '${caller.organizationId}'`),
        ),
      ),
    );
    expect((await t.as(caller)('/organization')).body.name).toBe(`Academy${'+'.repeat(count)}`);
  });
});

describe('while another process holds the lock that writing needs', () => {
  let other: DataSource;
  beforeEach(async () => {
    other = await new DataSource(dataSourceOptions(loadSettings(testEnvironment()))).initialize();
  });
  afterEach(() => other.destroy());

  async function lock(): Promise<QueryRunner> {
    const runner = other.createQueryRunner();
    await runner.query(process.env.DATABASE_URL ? 'BEGIN' : 'BEGIN IMMEDIATE');
    if (process.env.DATABASE_URL)
      await runner.query(
        'LOCK TABLE "login_tokens", "organizations" IN ROW EXCLUSIVE MODE; LOCK TABLE "login_tokens" IN EXCLUSIVE MODE',
      );
    return runner;
  }

  it('for too long, a write is refused as unavailable, and nothing is left of it', async () => {
    const runner = await lock();
    const { status, body } = await t.as(caller)(`/access/${user}`);
    expect({ status, id: body.id }).toEqual({ status: 503, id: 'unavailable' });
    await runner.query('ROLLBACK');
    await runner.release();
    expect((await t.as(caller)(`/access/${user}`)).status).toBe(200);
  }, 30_000);

  it('for too long, whatever waits is refused in time, and not after what was asked before it', async () => {
    const runner = await lock();
    const startedAt = performance.now();
    const change = (): Promise<void> => t.world.write((db) => db.query('DELETE FROM "login_tokens" WHERE 1 = 0'));
    const changes = Promise.allSettled([change(), change(), change()]);
    const [{ status }] = await Promise.all([t.as(caller)(`/access/${user}`), changes]);
    expect((await changes).filter((one) => one.status === 'rejected')).toHaveLength(3);
    expect(status).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    await runner.query('ROLLBACK');
    await runner.release();
  }, 30_000);

  it('reads are answered, and writes wait until it is free', async () => {
    const runner = await lock();
    let answered = false;
    const waiting = t
      .as(caller)(`/access/${user}`)
      .finally(() => (answered = true));
    for (let i = 0; i < 5; i++) expect((await t.as(caller)('/user')).status).toBe(200);
    expect(answered).toBe(false);
    await runner.query('COMMIT');
    await runner.release();
    expect((await waiting).status).toBe(200);
  });
});

describe('a single write', () => {
  it('that fails takes none of the others of the same moment with it', async () => {
    const database = t.nest.get(Database);
    const insert = {
      name: 'test_insert',
      sql: 'INSERT INTO "failed_attempts" ("key", "count", "expires_at") VALUES ($1, 1, $2)',
    };
    const end = new Date();
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'a', 'c'].map((key) => database.write(insert, [`${user} ${key}`, end])),
    );
    const [first, b, second, c] = outcomes.map(({ status }) => status);
    expect([b, c]).toEqual(['fulfilled', 'fulfilled']);
    // On PostgreSQL they go over several connections, so that either of the two may come first.
    expect([first, second].toSorted()).toEqual(['fulfilled', 'rejected']);
  });
});
