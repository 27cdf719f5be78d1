import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { call, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { runCli } from './support/built-cli.js';
import { Instance } from './support/instance.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let host: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
  host = await t.world.caller();
  user = (await t.world.userOf(host)).id;
});
afterAll(() => t.stop());

/** Runs statements as the server's own tools do, beside the database. */
async function onServer(...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: process.env.TEST_POSTGRES });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function login(url: string, token: string): Promise<Answer> {
  return call(url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

async function statusOf(url: string, cookie: string): Promise<number> {
  return (await call(url, '/session', { headers: { cookie } })).status;
}

it.each([
  { command: ['backup', '/nowhere/latchkey.db'], tools: ['pg_dump', 'pg_basebackup'] },
  { command: ['restore', '/nowhere/latchkey.db'], tools: ['pg_restore', 'revoke-all --yes'] },
])('the command $command says which of PostgreSQL’s tools to use', async ({ command, tools }) => {
  const { code, stdout, stderr } = await runCli(...command);
  expect([code, stdout]).toEqual([1, '']);
  for (const tool of tools) expect(stderr).toContain(tool);
});

it('after PostgreSQL’s tools have restored it, revoke-all lets nothing work again that was used or ended after the backup', async () => {
  const service = await Instance.start();
  const headers = { authorization: `Bearer ${host.token}` };
  const token = async (): Promise<string> =>
    (await call(service.url, `/api/2.1.1/access/${user}`, { headers })).body.token;
  const session = async (): Promise<string> =>
    /^[^;]+/.exec((await login(service.url, await token())).headers.get('set-cookie')!)![0];

  const [used, unused] = [await token(), await token()];
  const [live, ended] = [await session(), await session()];
  // A database that is copied as a template may have no connections.
  await t.nest.close();
  await service.stop();
  const name = new URL(process.env.DATABASE_URL!).pathname.slice(1);
  await onServer(`CREATE DATABASE "${name}_backup" TEMPLATE "${name}"`);
  const after = await Instance.start();
  expect((await login(after.url, used)).status).toBe(303);
  await call(after.url, '/logout', { method: 'POST', headers: { cookie: ended, 'sec-fetch-site': 'same-origin' } });
  expect([await statusOf(after.url, live), await statusOf(after.url, ended)]).toEqual([200, 401]);
  await after.stop();

  await onServer(`DROP DATABASE "${name}"`, `ALTER DATABASE "${name}_backup" RENAME TO "${name}"`);
  const { code, stderr } = await runCli('revoke-all', '--yes');
  expect([code, stderr]).toEqual([0, expect.stringContaining('Ended: 2 open sessions, 2 unused login tokens.')]);
  const restored = await Instance.start();
  for (const one of [used, unused]) expect((await login(restored.url, one)).status).toBe(401);
  for (const cookie of [live, ended]) expect(await statusOf(restored.url, cookie)).toBe(401);
  expect((await call(restored.url, '/api/2.1.1/user', { headers })).status).toBe(401);
  await restored.stop();
});
