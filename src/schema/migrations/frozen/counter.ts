// Frozen: databases were made with it. A later change goes into a new file and a new migration.
import type { QueryRunner } from 'typeorm';

/** How many rows of `table` there are, in a column of the row that they belong to. The database keeps it right. */
export interface Counter {
  table: string;
  owner: string;
  key: string;
  column: string;
  /** The rows that count. */
  where: { column: string; value: string } | null;
}

/** Adds the column, counts what is there, and has every change counted from then on. */
export async function addCounter(runner: QueryRunner, counter: Counter): Promise<void> {
  const { table, owner, key, column } = counter;
  await runner.query(`ALTER TABLE "${owner}" ADD COLUMN "${column}" integer NOT NULL DEFAULT 0`);
  await runner.query(
    `UPDATE "${owner}" SET "${column}" = (SELECT COUNT(*) FROM "${table}" r WHERE r."${key}" = "${owner}"."id" AND ${counts(counter, 'r')})`,
  );
  for (const statement of isPostgres(runner) ? postgresTriggers(counter) : sqliteTriggers(counter))
    await runner.query(statement);
}

export async function dropCounter(runner: QueryRunner, { table, owner, column }: Counter): Promise<void> {
  for (const change of ['insert', 'delete', 'update']) {
    await runner.query(`DROP TRIGGER "${owner}_${column}_${change}"${isPostgres(runner) ? ` ON "${table}"` : ''}`);
    if (isPostgres(runner)) await runner.query(`DROP FUNCTION "${owner}_${column}_${change}"`);
  }
  await runner.query(`ALTER TABLE "${owner}" DROP COLUMN "${column}"`);
}

function isPostgres(runner: QueryRunner): boolean {
  return runner.dataSource.options.type === 'postgres';
}

/** Whether `row` is one that counts, as SQL. */
function counts({ where }: Counter, row: string): string {
  return where ? `${row}."${where.column}" = '${where.value}'` : 'TRUE';
}

function sqliteTriggers(counter: Counter): string[] {
  const { table, owner, key, column, where } = counter;
  const add = (row: string, change: string): string =>
    `UPDATE "${owner}" SET "${column}" = "${column}" ${change} WHERE "id" = ${row}."${key}" AND ${counts(counter, row)};`;
  const watched = [key, ...(where ? [where.column] : [])].map((name) => `"${name}"`).join(', ');
  return [
    `CREATE TRIGGER "${owner}_${column}_insert" AFTER INSERT ON "${table}" BEGIN ${add('NEW', '+ 1')} END`,
    `CREATE TRIGGER "${owner}_${column}_delete" AFTER DELETE ON "${table}" BEGIN ${add('OLD', '- 1')} END`,
    `CREATE TRIGGER "${owner}_${column}_update" AFTER UPDATE OF ${watched} ON "${table}" BEGIN ${add('OLD', '- 1')} ${add('NEW', '+ 1')} END`,
  ];
}

/** A statement that inserts or deletes many rows changes the number once. */
function postgresTriggers(counter: Counter): string[] {
  const { table, owner, key, column, where } = counter;
  const name = (change: string): string => `"${owner}_${column}_${change}"`;
  const body = (change: string, statements: string): string =>
    `CREATE FUNCTION ${name(change)}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statements} RETURN NULL; END $$`;
  const addAll = (sign: string): string =>
    `UPDATE "${owner}" o SET "${column}" = o."${column}" ${sign} c.n
     FROM (SELECT r."${key}", COUNT(*) AS n FROM changed r WHERE ${counts(counter, 'r')} GROUP BY r."${key}") c
     WHERE o."id" = c."${key}";`;
  const addOne = (row: string, change: string): string =>
    `UPDATE "${owner}" SET "${column}" = "${column}" ${change} WHERE "id" = ${row}."${key}" AND ${counts(counter, row)};`;
  const isChanged = [key, ...(where ? [where.column] : [])]
    .map((watched) => `OLD."${watched}" IS DISTINCT FROM NEW."${watched}"`)
    .join(' OR ');
  return [
    body('insert', addAll('+')),
    `CREATE TRIGGER ${name('insert')} AFTER INSERT ON "${table}" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ${name('insert')}()`,
    body('delete', addAll('-')),
    `CREATE TRIGGER ${name('delete')} AFTER DELETE ON "${table}" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ${name('delete')}()`,
    body('update', `${addOne('OLD', '- 1')} ${addOne('NEW', '+ 1')}`),
    `CREATE TRIGGER ${name('update')} AFTER UPDATE ON "${table}" FOR EACH ROW WHEN (${isChanged}) EXECUTE FUNCTION ${name('update')}()`,
  ];
}
