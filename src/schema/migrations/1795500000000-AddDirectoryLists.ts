import type { MigrationInterface, QueryRunner } from 'typeorm';
import { searchTerms } from './frozen/search-text.js';
import { addCounter, dropCounter } from './frozen/counter.js';
import type { Counter } from './frozen/counter.js';
import { insertRows } from './frozen/insert-rows.js';

/** Rows of accounts or groups whose search terms are made at once. */
const BATCH = 1000;

/** The indexes that lists are ranges of, with what they were before: table, columns, columns before. */
const INDEXES: Record<string, [string, string, string | null]> = {
  users_organization_idx: ['users', '"organization_id", "type", "id"', '"organization_id"'],
  users_staff_organization_idx: ['users', '"staff_organization_id", "type", "id"', '"staff_organization_id"'],
  groups_organization_idx: ['groups', '"organization_id", "id"', '"organization_id"'],
  groups_custom_reference_idx: ['groups', '"organization_id", "custom_reference", "id"', null],
  memberships_group_idx: ['memberships', '"group_id", "user_id"', '"group_id"'],
  group_staff_group_idx: ['group_staff', '"group_id", "user_id"', '"group_id"'],
  sessions_user_idx: ['sessions', '"user_id", "created_at"', '"user_id"'],
};

const COUNTERS: Counter[] = [
  {
    table: 'users',
    owner: 'organizations',
    key: 'organization_id',
    column: 'user_count',
    where: { column: 'type', value: 'USER' },
  },
  { table: 'groups', owner: 'organizations', key: 'organization_id', column: 'group_count', where: null },
  {
    table: 'memberships',
    owner: 'groups',
    key: 'group_id',
    column: 'member_count',
    where: { column: 'status', value: 'JOINED' },
  },
  {
    table: 'memberships',
    owner: 'groups',
    key: 'group_id',
    column: 'invitee_count',
    where: { column: 'status', value: 'INVITED' },
  },
];

/** Lists as ranges of indexes, numbers of rows that nobody has to count, and words to search by. */
export class AddDirectoryLists1795500000000 implements MigrationInterface {
  readonly name = 'AddDirectoryLists1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const [name, [table, columns, before]] of Object.entries(INDEXES)) {
      if (before) await runner.query(`DROP INDEX "${name}"`);
      await runner.query(`CREATE INDEX "${name}" ON "${table}" (${columns})`);
    }
    for (const statement of searchTables(isPostgres)) await runner.query(statement);
    await fillUserTerms(runner);
    await fillGroupTerms(runner);
    for (const counter of COUNTERS) await addCounter(runner, counter);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const counter of COUNTERS) await dropCounter(runner, counter);
    for (const table of ['user_search_terms', 'group_search_terms']) await runner.query(`DROP TABLE "${table}"`);
    for (const [name, [table, , before]] of Object.entries(INDEXES)) {
      await runner.query(`DROP INDEX "${name}"`);
      if (before) await runner.query(`CREATE INDEX "${name}" ON "${table}" (${before})`);
    }
  }
}

function searchTables(isPostgres: boolean): string[] {
  const term = `varchar(64)${isPostgres ? ' COLLATE "C"' : ''} NOT NULL`;
  const options = isPostgres ? '' : ' WITHOUT ROWID';
  return [
    `CREATE TABLE "user_search_terms" (
      "user_id" varchar(22) NOT NULL,
      "term" ${term},
      "organization_id" varchar(22),
      CONSTRAINT "user_search_terms_pkey" PRIMARY KEY ("user_id", "term"),
      CONSTRAINT "user_search_terms_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
    )${options}`,
    `CREATE INDEX "user_search_terms_organization_idx" ON "user_search_terms" ("organization_id", "term", "user_id")`,
    `CREATE TABLE "group_search_terms" (
      "group_id" varchar(22) NOT NULL,
      "term" ${term},
      "organization_id" varchar(22) NOT NULL,
      CONSTRAINT "group_search_terms_pkey" PRIMARY KEY ("group_id", "term"),
      CONSTRAINT "group_search_terms_group_fkey" FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
    )${options}`,
    `CREATE INDEX "group_search_terms_organization_idx" ON "group_search_terms" ("organization_id", "term", "group_id")`,
  ];
}

async function fillUserTerms(runner: QueryRunner): Promise<void> {
  for (let after = ''; ;) {
    const users = await read<{ id: string; name: string; organization_id: string | null }>(
      runner,
      `SELECT "id", "name", "organization_id" FROM "users" WHERE "type" = 'USER' AND "id" > '${after}' ORDER BY "id" LIMIT ${BATCH}`,
    );
    if (users.length === 0) return;
    after = users.at(-1)!.id;
    const range = `"user_id" >= '${users[0]!.id}' AND "user_id" <= '${after}'`;
    const texts = new Map(users.map(({ id, name }) => [id, [name]]));
    const others = await read<{ id: string; text: string }>(
      runner,
      `SELECT "user_id" AS "id", "address" AS "text" FROM "email_addresses" WHERE ${range}
       UNION ALL SELECT "user_id", "external_id" FROM "third_party_ids" WHERE ${range}`,
    );
    for (const { id, text } of others) texts.get(id)?.push(text);
    const rows = users.flatMap(({ id, organization_id }) =>
      searchTerms(texts.get(id)!).map((term) => [id, term, organization_id]),
    );
    await insertRows(runner, 'user_search_terms', ['user_id', 'term', 'organization_id'], rows);
  }
}

async function fillGroupTerms(runner: QueryRunner): Promise<void> {
  for (let after = ''; ;) {
    const groups = await read<{ id: string; name: string; custom_reference: string | null; organization_id: string }>(
      runner,
      `SELECT "id", "name", "custom_reference", "organization_id" FROM "groups" WHERE "id" > '${after}' ORDER BY "id" LIMIT ${BATCH}`,
    );
    if (groups.length === 0) return;
    after = groups.at(-1)!.id;
    const rows = groups.flatMap(({ id, name, custom_reference, organization_id }) =>
      searchTerms([name, custom_reference ?? '']).map((term) => [id, term, organization_id]),
    );
    await insertRows(runner, 'group_search_terms', ['group_id', 'term', 'organization_id'], rows);
  }
}

async function read<Row>(runner: QueryRunner, sql: string): Promise<Row[]> {
  return (await runner.query(sql)) as unknown as Row[];
}
