import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Client } from 'pg';

/** Creates this test file's database, which the environment names. */
export async function createDatabase(): Promise<void> {
  await onServer((name) => `CREATE DATABASE "${name}"`);
}

export async function dropDatabase(): Promise<void> {
  await onServer((name) => `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  if (!process.env.DATABASE_URL) rmSync(dirname(process.env.DATABASE_PATH!), { recursive: true, force: true });
}

async function onServer(statement: (name: string) => string): Promise<void> {
  if (!process.env.DATABASE_URL) return;
  const client = new Client({ connectionString: process.env.TEST_POSTGRES });
  await client.connect();
  try {
    await client.query(statement(new URL(process.env.DATABASE_URL).pathname.slice(1)));
  } finally {
    await client.end();
  }
}
