import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadSettings } from '../src/config/settings.js';
import { dataSourceOptions } from '../src/database/options.js';
import { testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';

let db: DataSource;

beforeAll(async () => {
  await createDatabase();
  db = await new DataSource(dataSourceOptions(loadSettings(testEnvironment()))).initialize();
});
afterAll(async () => {
  await db.destroy();
  await dropDatabase();
});

async function differences(): Promise<string[]> {
  const { upQueries } = await db.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

async function tables(): Promise<string[]> {
  const names = db.entityMetadatas.map(({ tableName }) => tableName);
  await using runner = db.createQueryRunner();
  const existing = await Promise.all(names.map((name) => runner.hasTable(name)));
  return names.filter((_, index) => existing[index]);
}

it('migrations make the schema that the entities describe, take it away, and make it again', async () => {
  await db.runMigrations({ transaction: 'each' });
  expect(await differences()).toEqual([]);
  for (const _ of db.migrations) await db.undoLastMigration({ transaction: 'each' });
  expect(await tables()).toEqual([]);
  await db.runMigrations({ transaction: 'each' });
  expect(await differences()).toEqual([]);
  expect((await tables()).toSorted()).toEqual(db.entityMetadatas.map(({ tableName }) => tableName).toSorted());
});

it('the database enforces its references', async () => {
  await expect(
    db.query(
      `INSERT INTO "email_addresses" ("address", "user_id", "is_primary") VALUES ('a@b.example', 'nobody', true)`,
    ),
  ).rejects.toThrow(/foreign key/i);
});
