import type { MigrationInterface, QueryRunner } from 'typeorm';
import { insertRows } from './frozen/insert-rows.js';
import { firstCharacters, fold } from './frozen/search-text.js';

/** Rows whose terms are made at once. */
const BATCH = 5000;

/** Adds a search term for each whole name, by which lists are ordered. It begins with a space, as no other term does. */
export class OrderListsByName1797990000000 implements MigrationInterface {
  readonly name = 'OrderListsByName1797990000000';

  async up(runner: QueryRunner): Promise<void> {
    // Searches for people don't find service accounts, whose terms have no organization.
    const organization = `CASE WHEN "type" = 'USER' THEN "organization_id" END`;
    await addTerms(runner, 'users', organization, 'user_search_terms', 'user_id');
    await addTerms(runner, 'groups', '"organization_id"', 'group_search_terms', 'group_id');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['user_search_terms', 'group_search_terms'])
      await runner.query(`DELETE FROM "${table}" WHERE "term" < '!'`);
  }
}

interface Named {
  id: string;
  name: string;
  organization: string | null;
}

async function addTerms(
  runner: QueryRunner,
  source: string,
  organization: string,
  table: string,
  key: string,
): Promise<void> {
  for (let after = ''; ;) {
    const rows = (await runner.query(
      `SELECT "id", "name", ${organization} AS "organization" FROM "${source}" WHERE "id" > '${after}' ORDER BY "id" LIMIT ${BATCH}`,
    )) as unknown as Named[];
    if (rows.length === 0) return;
    after = rows.at(-1)!.id;
    const terms = rows.map(({ id, name, organization: of }) => [id, firstCharacters(` ${fold(name)}`) || ' ', of]);
    await insertRows(runner, table, [key, 'term', 'organization_id'], terms);
  }
}
