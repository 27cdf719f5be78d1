import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { testEnvironment } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';

const ROUNDS = 8;
const PROCESSES = 4;

/** Opens the database of the environment as the built service does, and says which migrations it made. */
const OPEN = `
  import { loadSettings } from './dist/src/config/settings.js';
  import { openDataSource } from './dist/src/database/open.js';
  import { dataSourceOptions } from './dist/src/schema/data-source.js';
  const dataSource = await openDataSource(dataSourceOptions(loadSettings(process.env)));
  console.log(JSON.stringify(await dataSource.query('SELECT "name" FROM "migrations" ORDER BY "id"')));
  await dataSource.destroy();
`;

async function node(code: string, env: Record<string, string>): Promise<string> {
  const options = { env: { PATH: process.env.PATH, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], options);
  return stdout.trimEnd().split('\n').at(-1)!;
}

describe('processes that start at once on an empty database', () => {
  beforeEach(createDatabase);
  afterEach(dropDatabase);

  it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    'all find the schema up to date, and make each migration once (round %i)',
    async () => {
      const names = await Promise.all(Array.from({ length: PROCESSES }, () => node(OPEN, testEnvironment())));
      expect(new Set(names).size).toBe(1);
      const made = (JSON.parse(names[0]!) as { name: string }[]).map(({ name }) => name);
      expect(made.length).toBeGreaterThanOrEqual(10);
      expect(new Set(made).size).toBe(made.length);
    },
    120_000,
  );
});

describe('processes that start at once without a secret', () => {
  it('use the same one, which one of them has made', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-secret-'));
    const code = `
      import { loadSettings } from './dist/src/config/settings.js';
      console.log(loadSettings(process.env).SECRET_KEY);
    `;
    const env = { NODE_ENV: 'development', DATABASE_PATH: join(directory, 'latchkey.db') };
    const secrets = await Promise.all(Array.from({ length: PROCESSES }, () => node(code, env)));
    expect(new Set(secrets)).toEqual(new Set([readFileSync(join(directory, 'development-secret'), 'utf8')]));
    expect(secrets[0]!.length).toBe(64);
    rmSync(directory, { recursive: true });
  }, 120_000);
});
