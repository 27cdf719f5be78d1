import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadSettings } from '../src/config/settings.js';
import { MIGRATIONS } from '../src/schema/migrations.js';
import { NameOriginsOfTokens1795710000000 } from '../src/schema/migrations/1795710000000-NameOriginsOfTokens.js';
import { NameAccountsOfSignIns1795770000000 } from '../src/schema/migrations/1795770000000-NameAccountsOfSignIns.js';
import { FoldEmailAddresses1796400000000 } from '../src/schema/migrations/1796400000000-FoldEmailAddresses.js';
import { AddCompatibilityOfClients1796600000000 } from '../src/schema/migrations/1796600000000-AddCompatibilityOfClients.js';
import { GiveOriginsOwners1796100000000 } from '../src/schema/migrations/1796100000000-GiveOriginsOwners.js';
import { dataSourceOptions } from '../src/schema/data-source.js';
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

it('what was in the database before there were lists is searched and counted, and what comes after too', async () => {
  await db.runMigrations({ transaction: 'each' });
  for (let undone = 1; undone < MIGRATIONS.length; undone++) await db.undoLastMigration({ transaction: 'each' });
  const at = `'2026-01-01 00:00:00.000'`;
  for (const statement of [
    `INSERT INTO "organizations" ("id", "name", "created_at") VALUES ('o', 'O', ${at})`,
    `INSERT INTO "users" ("id", "type", "status", "name", "organization_id", "created_at") VALUES ('u', 'USER', 'ACTIVE', 'Zoë Straße', 'o', ${at}), ('s', 'SERVICE_ACCOUNT', 'ACTIVE', 'Sync', 'o', ${at}), ('v', 'USER', 'ACTIVE', 'V', NULL, ${at})`,
    `INSERT INTO "email_addresses" ("address", "user_id", "is_primary") VALUES ('z@a.example', 'u', TRUE)`,
    `INSERT INTO "groups" ("id", "organization_id", "name", "description", "custom_reference", "created_at", "last_edited_at") VALUES ('g', 'o', 'Class', '', 'R-1', ${at}, ${at})`,
    `INSERT INTO "group_staff" ("user_id", "group_id", "permission") VALUES ('v', 'g', 'VIEW')`,
    `INSERT INTO "memberships" ("user_id", "group_id", "status") VALUES ('u', 'g', 'JOINED'), ('s', 'g', 'JOINED'), ('v', 'g', 'INVITED')`,
    `INSERT INTO "signing_keys" ("kid", "purpose", "algorithm", "sealed_jwk", "created_at") VALUES ('k', 'LOGIN', 'HS256', '', ${at})`,
  ])
    await db.query(statement);
  await db.runMigrations({ transaction: 'each' });
  expect(await db.query(`SELECT "user_count", "group_count" FROM "organizations"`)).toEqual([
    { user_count: 1, group_count: 1 },
  ]);
  expect(await db.query(`SELECT "kid" FROM "signing_keys" WHERE "signs_from" = "created_at"`)).toEqual([{ kid: 'k' }]);
  expect(await db.query(`SELECT "member_count", "invitee_count" FROM "groups"`)).toEqual([
    { member_count: 2, invitee_count: 1 },
  ]);
  const rights = async (): Promise<unknown> =>
    (await db.query(`SELECT "groups_with_manage", "groups_with_view" FROM "users" WHERE "id" = 'v'`))[0];
  expect(await rights()).toEqual({ groups_with_manage: 0, groups_with_view: 1 });
  const terms = async (table: string): Promise<string[]> =>
    (await db.query<{ term: string }[]>(`SELECT "term" FROM "${table}" WHERE "organization_id" = 'o'`)).map(
      ({ term }) => term,
    );
  expect((await terms('user_search_terms')).toSorted()).toEqual([
    ' zoe strasse',
    'a.example',
    'strasse',
    'z@a.example',
    'zoe strasse',
  ]);
  expect((await terms('group_search_terms')).toSorted()).toEqual([' class', '1', 'class', 'r-1']);

  // From here on, it counts what comes, changes and goes.
  const counts = async (): Promise<unknown> =>
    (await db.query(`SELECT "member_count", "invitee_count" FROM "groups" WHERE "id" = 'g'`))[0];
  await db.query(`UPDATE "memberships" SET "status" = 'JOINED' WHERE "user_id" = 'v'`);
  expect(await counts()).toEqual({ member_count: 3, invitee_count: 0 });
  await db.query(`DELETE FROM "users" WHERE "id" = 'u'`);
  expect(await counts()).toEqual({ member_count: 2, invitee_count: 0 });
  await db.query(`UPDATE "users" SET "organization_id" = 'o' WHERE "id" = 'v'`);
  await db.query(`UPDATE "group_staff" SET "permission" = 'MANAGE'`);
  expect(await rights()).toEqual({ groups_with_manage: 1, groups_with_view: 0 });
  await db.query(`DELETE FROM "groups"`);
  expect(await rights()).toEqual({ groups_with_manage: 0, groups_with_view: 0 });
  expect(await db.query(`SELECT "user_count", "group_count" FROM "organizations"`)).toEqual([
    { user_count: 1, group_count: 0 },
  ]);
});

it('what the authorization server kept before names its client too', async () => {
  await db.runMigrations({ transaction: 'each' });
  const undone = MIGRATIONS.slice(MIGRATIONS.indexOf(NameOriginsOfTokens1795710000000));
  for (const _ of undone) await db.undoLastMigration({ transaction: 'each' });
  const records = {
    code: { clientId: 'c1', accountId: 'u' },
    interaction: { params: { client_id: 'c2' } },
    session: { authorizations: { c3: {} } },
  };
  for (const [id, payload] of Object.entries(records))
    await db.query(
      `INSERT INTO "oauth_records" ("id", "kind", "payload", "expires_at") VALUES ('${id}', 'K', '${JSON.stringify(payload)}', '2026-01-01 00:00:00.000')`,
    );
  await db.runMigrations({ transaction: 'each' });
  expect(await db.query(`SELECT "id", "client_id" FROM "oauth_records" ORDER BY "id"`)).toEqual([
    { id: 'code', client_id: 'c1' },
    { id: 'interaction', client_id: 'c2' },
    { id: 'session', client_id: null },
  ]);
});

it('what the authorization server kept before names its account too', async () => {
  await db.runMigrations({ transaction: 'each' });
  await db.query(`DELETE FROM "oauth_records"`);
  const undone = MIGRATIONS.slice(MIGRATIONS.indexOf(NameAccountsOfSignIns1795770000000));
  for (const _ of undone) await db.undoLastMigration({ transaction: 'each' });
  const records = {
    client: { clientId: 'c1' },
    code: { accountId: 'u' },
    halfway: { session: { accountId: 'u' }, result: { login: { accountId: 'v' } } },
    interaction: { session: { accountId: 'u' } },
    // PostgreSQL reads no JSON with a NUL in it: it goes, and nobody can stop an upgrade.
    nul: { session: { accountId: 'u' }, params: { state: 'a\0b' } },
  };
  for (const [id, payload] of Object.entries(records))
    await db.query(
      `INSERT INTO "oauth_records" ("id", "kind", "payload", "expires_at") VALUES ('${id}', 'K', '${JSON.stringify(payload)}', '2026-01-01 00:00:00.000')`,
    );
  await db.runMigrations({ transaction: 'each' });
  expect(await db.query(`SELECT "id", "account_id" FROM "oauth_records" ORDER BY "id"`)).toEqual([
    { id: 'client', account_id: null },
    { id: 'code', account_id: 'u' },
    { id: 'halfway', account_id: 'v' },
    { id: 'interaction', account_id: 'u' },
  ]);
});

it('addresses that were stored before are found in the form in which they are now looked up', async () => {
  await db.runMigrations({ transaction: 'each' });
  await db.query(
    `INSERT INTO "users" ("id", "type", "name", "status", "created_at") VALUES ('x', 'USER', 'X', 'ACTIVE', '2026-01-01 00:00:00.000')`,
  );
  const before = [
    'a@xn--mller-kva.example',
    'b@m\u00fcller.example',
    'b@xn--mller-kva.example',
    '\u200bc@a.example',
    'd@a.example',
    'e\u1fef@a.example',
  ];
  for (const address of before)
    await db.query(
      `INSERT INTO "email_addresses" ("address", "user_id", "is_primary") VALUES ('${address}', 'x', false)`,
    );
  await using runner = db.createQueryRunner();
  await new FoldEmailAddresses1796400000000().up(runner);
  const rows = (await db.query(`SELECT "address" FROM "email_addresses" WHERE "user_id" = 'x'`)) as {
    address: string;
  }[];
  expect(rows.map(({ address }) => address).toSorted()).toEqual([
    'a@m\u00fcller.example',
    'b@m\u00fcller.example',
    'b@xn--mller-kva.example',
    'c@a.example',
    'd@a.example',
    'e\u1fef@a.example',
  ]);
});

it('an origin stays with the organization whose clients alone had it, and one of two organizations becomes nobody’s', async () => {
  await db.runMigrations({ transaction: 'each' });
  const undone = MIGRATIONS.slice(MIGRATIONS.indexOf(GiveOriginsOwners1796100000000));
  for (const _ of undone) await db.undoLastMigration({ transaction: 'each' });
  const at = `'2026-01-01 00:00:00.000'`;
  for (const statement of [
    `INSERT INTO "organizations" ("id", "name", "created_at") VALUES ('oa', 'A', ${at}), ('ob', 'B', ${at})`,
    `INSERT INTO "clients" ("id", "name", "organization_id", "created_at") VALUES ('a1', 'A', 'oa', ${at}), ('a2', 'A', 'oa', ${at}), ('b1', 'B', 'ob', ${at})`,
    `INSERT INTO "client_origins" ("client_id", "origin") VALUES ('a1', 'https://a.example'), ('a2', 'https://a.example'), ('a1', 'https://both.example'), ('b1', 'https://both.example')`,
  ])
    await db.query(statement);
  await db.runMigrations({ transaction: 'each' });
  expect(await db.query(`SELECT "origin", "organization_id", "proof" FROM "origins"`)).toEqual([
    { origin: 'https://a.example', organization_id: 'oa', proof: 'UPGRADE' },
  ]);
  expect(await db.query(`SELECT "client_id", "origin" FROM "client_origins" ORDER BY "client_id"`)).toEqual([
    { client_id: 'a1', origin: 'https://a.example' },
    { client_id: 'a2', origin: 'https://a.example' },
  ]);
});

it('clients of before the upgrade are compatible with Drillster, and new ones are not', async () => {
  await db.runMigrations({ transaction: 'each' });
  const undone = MIGRATIONS.slice(MIGRATIONS.indexOf(AddCompatibilityOfClients1796600000000));
  for (const _ of undone) await db.undoLastMigration({ transaction: 'each' });
  const at = `'2026-01-01 00:00:00.000'`;
  const insert = (id: string): Promise<unknown> =>
    db.query(
      `INSERT INTO "clients" ("id", "name", "organization_id", "created_at") VALUES ('${id}', 'C', 'oc', ${at})`,
    );
  await db.query(`INSERT INTO "organizations" ("id", "name", "created_at") VALUES ('oc', 'C', ${at})`);
  await insert('before');
  await db.runMigrations({ transaction: 'each' });
  await insert('after');
  expect(
    await db.query(`SELECT "id", "compatibility" FROM "clients" WHERE "organization_id" = 'oc' ORDER BY "id"`),
  ).toEqual([
    { id: 'after', compatibility: null },
    { id: 'before', compatibility: 'drillster' },
  ]);
});

it('the database enforces its references', async () => {
  await expect(
    db.query(
      `INSERT INTO "email_addresses" ("address", "user_id", "is_primary") VALUES ('a@b.example', 'nobody', true)`,
    ),
  ).rejects.toThrow(/foreign key/i);
});
