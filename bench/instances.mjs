// Several instances of the service behind nginx, on one PostgreSQL: what a call costs in CPU, commits and write-ahead log.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort } from '../test/support/free-port.js';

const NGINX = process.env.NGINX ?? '/usr/sbin/nginx';
/** Linux counts the CPU time of processes in hundredths of a second. */
const TICK_MICROSECONDS = 10_000;
const START_MS = 5_000;

/** Each with the connections that put on the load: one instance with a single caller, and more instances with more callers. */
export const SETUPS = [
  { instances: 1, connections: 1 },
  { instances: 1, connections: 32 },
  { instances: 2, connections: 64 },
  { instances: 4, connections: 128 },
];

/**
 * What was measured of one kind of call.
 *
 * @typedef {object} Cost CPU in microseconds a call
 * @property {number} rate calls per second
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number} instances
 * @property {number} postgres
 * @property {number} nginx
 * @property {number} callsPerCommit
 * @property {number} walBytes a call
 */

/**
 * Starts nginx in front of instances, which `startOne` starts with the address that browsers see. On a machine with
 * several cores the instances run on the upper half of them, and everything else on the lower half.
 */
export async function startBehindNginx(count, startOne) {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const instances = [];
  for (let number = 0; number < count; number++) instances.push(await startOne(url));
  await pin(upperHalf(), ...instances.map(({ pid }) => pid));
  writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port, instances));
  const nginx = spawn(NGINX, ['-c', join(directory, 'nginx.conf'), '-p', directory], { stdio: 'ignore' });
  const stop = async () => {
    if (nginx.exitCode === null && nginx.kill('SIGKILL')) await once(nginx, 'exit');
    rmSync(directory, { recursive: true, force: true });
    for (const instance of instances) await instance.stop();
  };
  await untilAnswers(url);
  return { url, nginx: nginx.pid, instances: instances.map(({ pid }) => pid), stop };
}

function configuration(directory, port, instances) {
  return `daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000;
  upstream latchkey {
    ${instances.map(({ url }) => `server ${new URL(url).host};`).join(' ')}
    keepalive 256;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://latchkey;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`;
}

async function untilAnswers(url) {
  for (const giveUpAt = Date.now() + START_MS; Date.now() < giveUpAt; await setTimeout(20)) {
    const answered = await fetch(`${url}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return;
  }
  throw new Error(`${NGINX} did not start. NGINX names another one.`);
}

/** Watches a PostgreSQL and processes while `load` puts load on them. */
export class Watch {
  #client;
  #postmaster;

  constructor(databaseUrl) {
    this.#client = new Client({ connectionString: databaseUrl });
  }

  async start() {
    await this.#client.connect();
    const { rows } = await this.#client.query('SELECT pg_backend_pid() AS "pid"');
    this.#postmaster = statOf(rows[0].pid).parent;
    await pin(lowerHalf(), process.pid, this.#postmaster, ...childrenOf(this.#postmaster).map(({ pid }) => pid));
  }

  /** @returns {Promise<Cost>} */
  async during({ instances, nginx }, load) {
    const before = await this.#read(instances, nginx);
    const startedAt = performance.now();
    const { rate, p50, p99 } = await load();
    const calls = (rate * (performance.now() - startedAt)) / 1000;
    const after = await this.#read(instances, nginx);
    const aCall = (name) => (after[name] - before[name]) / calls;
    return {
      rate,
      p50,
      p99,
      instances: aCall('instances'),
      postgres: aCall('postgres'),
      nginx: aCall('nginx'),
      callsPerCommit: calls / (after.commits - before.commits),
      walBytes: aCall('wal'),
    };
  }

  stop() {
    return this.#client.end();
  }

  async #read(instances, nginx) {
    // What other connections did reaches the counters within a second.
    await setTimeout(1_100);
    const { rows } = await this.#client.query(
      `SELECT d."xact_commit" AS "commits", (SELECT w."wal_bytes" FROM pg_stat_wal w) AS "wal"
       FROM pg_stat_database d WHERE d."datname" = current_database()`,
    );
    const children = childrenOf(this.#postmaster).map(({ own }) => own);
    return {
      commits: Number(rows[0].commits),
      wal: Number(rows[0].wal),
      instances: sum(instances.map((pid) => statOf(pid).own)),
      nginx: statOf(nginx).own,
      postgres: sum(children) + statOf(this.#postmaster).own + statOf(this.#postmaster).ended,
    };
  }
}

/** CPU time of a process, and of its children that have ended, in microseconds (proc(5)). */
function statOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const [, parent] = fields;
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15);
  return {
    parent,
    own: (user + system) * TICK_MICROSECONDS,
    ended: (endedUser + endedSystem) * TICK_MICROSECONDS,
  };
}

function childrenOf(parent) {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.flatMap((pid) => {
    try {
      const stat = statOf(pid);
      return stat.parent === parent ? [{ pid, ...stat }] : [];
    } catch {
      // It has ended since the list was read.
      return [];
    }
  });
}

async function pin(cpus, ...pids) {
  for (const pid of pids) await promisify(execFile)('taskset', ['-apc', cpus, String(pid)]);
}

function lowerHalf() {
  return `0-${Math.max(Math.floor(availableParallelism() / 2) - 1, 0)}`;
}

function upperHalf() {
  const cores = availableParallelism();
  return `${Math.floor(cores / 2)}-${cores - 1}`;
}

function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}
