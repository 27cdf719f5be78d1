import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { loadSettings } from '../src/config/settings.js';
import { openDataSource } from '../src/database/open.js';
import { dataSourceOptions } from '../src/schema/data-source.js';
import { call, TestApp, testEnvironment } from './support/app.js';

const PASSWORD = 'p-a.s_s~1';

let server: Client;
let name: string;

beforeAll(async () => {
  server = new Client({ connectionString: process.env.TEST_POSTGRES });
  await server.connect();
});
afterAll(() => server.end());
afterEach(async () => {
  await server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  await server.query(`DROP ROLE IF EXISTS "${name}"`);
});

/** A database of its own, and a user whose name it is. */
async function create(options = ''): Promise<void> {
  name = `latchkey_odd_${randomBytes(6).toString('hex')}`;
  await server.query(`CREATE DATABASE "${name}" ${options}`);
  await server.query(`CREATE ROLE "${name}" LOGIN PASSWORD '${PASSWORD}'`);
}

function urlOf(user?: string): string {
  const url = new URL(process.env.TEST_POSTGRES!);
  url.pathname = `/${name}`;
  if (user) Object.assign(url, { username: user, password: PASSWORD });
  return url.href;
}

async function open(DATABASE_URL: string): Promise<void> {
  await (await openDataSource(dataSourceOptions(loadSettings(testEnvironment({ DATABASE_URL }))))).destroy();
}

describe('a database with other settings', () => {
  it('of dates, isolation and strings works as any other', async () => {
    await create();
    for (const setting of [
      `datestyle = 'SQL, DMY'`,
      `default_transaction_isolation = 'serializable'`,
      `timezone = 'Asia/Kathmandu'`,
      'standard_conforming_strings = off',
    ])
      await server.query(`ALTER DATABASE "${name}" SET ${setting}`);
    const t = await TestApp.startOnSameDatabase({ DATABASE_URL: urlOf() });
    try {
      const caller = await t.world.caller();
      const { id } = await t.world.userOf(caller);
      const answers = await Promise.all(Array.from({ length: 20 }, () => t.signIn(caller, id)));
      const session = await call(t.url, '/session', { headers: { cookie: answers[0]! } });
      expect(session.status).toBe(200);
      expect(Math.abs(Date.parse(session.body.created) - Date.now())).toBeLessThan(60_000);
    } finally {
      await t.nest.close();
    }
  });

  it('of encoding is refused in one sentence', async () => {
    await create(`ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    await expect(open(urlOf())).rejects.toThrow(
      `The database ${name} has the encoding LATIN1, but Latchkey needs UTF8. Create another database: CREATE DATABASE`,
    );
  });

  it('that is read-only is refused in one sentence', async () => {
    await create();
    await server.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    await expect(open(urlOf())).rejects.toThrow(`The database is read-only. Point DATABASE_URL to the primary`);
  });
});

it('a user who may not make tables is told which right is missing', async () => {
  await create();
  const owner = new Client({ connectionString: urlOf() });
  await owner.connect();
  // What PostgreSQL does by itself from version 15 on.
  await owner.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  await owner.end();
  await expect(open(urlOf(name))).rejects.toThrow(
    /^The user in DATABASE_URL is not allowed to migrate the schema: permission denied for schema public\. Make that user the owner .*GRANT CREATE/,
  );
});
