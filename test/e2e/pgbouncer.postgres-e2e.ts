import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { TestApp } from '../support/app.js';
import { freePort } from '../support/free-port.js';
import type { TestCaller } from '../support/world.js';

/** Far fewer than what two instances open, so that each session of the server serves many of theirs. */
const SESSIONS = 3;

const directory = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'));
let bouncer: ChildProcess;
let first: TestApp;
let second: TestApp;

/** PgBouncer in transaction mode in front of the PostgreSQL of the tests, as it is installed. */
beforeAll(async () => {
  const server = new URL(process.env.DATABASE_URL!);
  const port = await freePort();
  const database = `host=${server.hostname} port=${server.port || 5432} user=${server.username} password=${server.password}`;
  writeFileSync(
    join(directory, 'pgbouncer.ini'),
    `[databases]
* = ${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SESSIONS}
`,
  );
  chmodSync(directory, 0o755);
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const env = { PATH: `${process.env.PATH}:/usr/sbin` };
  bouncer = spawn('pgbouncer', ['-q', join(directory, 'pgbouncer.ini')], { stdio: 'ignore', env, ...user });
  await listening(port);
  const url = new URL(server);
  url.host = `127.0.0.1:${port}`;
  first = await TestApp.start({ DATABASE_URL: url.href });
  second = await TestApp.startOnSameDatabase({ DATABASE_URL: url.href });
}, 120_000);
afterAll(async () => {
  await second?.nest.close();
  // Before the database is dropped, to which it has connections.
  await first?.nest.close();
  bouncer?.kill();
  await first?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function listening(port: number): Promise<void> {
  for (;;) {
    const client = new Client({ host: '127.0.0.1', port, user: 'latchkey', database: 'postgres' });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      if (bouncer.exitCode !== null) throw new Error('pgbouncer did not start.');
      await setTimeout(100);
    }
  }
}

describe('two instances behind PgBouncer in transaction mode', () => {
  it('let users in, at once and in turns', async () => {
    const caller: TestCaller = await first.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] });
    const { id } = await first.world.userOf(caller);
    const cookies = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? first : second).signIn(caller, id)),
    );
    const sessions = await Promise.all(
      cookies.map((cookie, i) => (i % 2 ? second : first).call('/session', { headers: { cookie } })),
    );
    expect(sessions.map(({ status }) => status)).toEqual(cookies.map(() => 200));
  });

  it('write in transactions, with the limits of the server', async () => {
    const caller = await first.world.caller({ permissions: ['MANAGE_USERS'] });
    const id = await first.world.user({ organizationId: caller.organizationId });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? first : second).send(caller, 'PUT', `/user/${id}`, { name: `N ${i}` }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const [limit] = await first.world.write((db) => db.query(`SELECT current_setting('lock_timeout') AS "is"`));
    expect(limit).toEqual({ is: '3500ms' });
  });
});
