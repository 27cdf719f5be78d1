import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from './free-port.js';

/** PgBouncer in transaction mode in front of a PostgreSQL, with few settings, as it is installed. */
export class PgBouncer {
  constructor(process, directory, port, sessions) {
    Object.assign(this, { process, directory, port, sessions });
  }

  /** In front of the database of the URL, and others there. Each of its `sessions` of the server serves many connections. */
  static async start(server, sessions) {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'));
    chmodSync(directory, 0o755);
    const port = await freePort();
    configure(directory, server, port, sessions);
    // It refuses to run as root.
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    const child = spawn('pgbouncer', ['-q', join(directory, 'pgbouncer.ini')], { stdio: 'ignore', env, ...user });
    const bouncer = new PgBouncer(child, directory, port, sessions);
    await bouncer.listening();
    return bouncer;
  }

  /** The URL of a database, through PgBouncer. */
  through(url) {
    const own = new URL(url);
    own.host = `127.0.0.1:${this.port}`;
    return own.href;
  }

  /** Sends what comes from now on for the database of the URL to another server. Connections to PgBouncer stay open. */
  moveTo(server) {
    configure(this.directory, server, this.port, this.sessions);
    this.process.kill('SIGHUP');
  }

  async stop() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  async listening() {
    for (;;) {
      const client = new Client({ host: '127.0.0.1', port: this.port, user: 'latchkey', database: 'postgres' });
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        if (this.process.exitCode !== null) throw new Error('pgbouncer did not start.');
        await setTimeout(100);
      }
    }
  }
}

function configure(directory, server, port, sessions) {
  const { hostname, username, password, pathname } = server;
  // An empty password is a syntax error.
  const secret = password ? ` password=${password}` : '';
  const target = `host=${hostname} port=${server.port || 5432} user=${username}${secret}`;
  writeFileSync(
    join(directory, 'pgbouncer.ini'),
    `[databases]
${pathname.slice(1)} = ${target}
* = ${target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${sessions}
max_client_conn = 1000
server_login_retry = 0
`,
  );
}
