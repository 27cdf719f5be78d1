import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createDatabase, dropDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { GuideDirectory } from '../support/guide.js';
import { Proxy } from '../support/proxy.js';

const RUNBOOK = readFileSync('docs/operations.md', 'utf8');
const GUIDE = readFileSync('docs/service-accounts.md', 'utf8');
const PASSWORD = 'a lighthouse above four harbours';
/** A machine that is busy with other things takes its time for a command. */
const PATIENCE_MS = 240_000;

let ports: Record<'site' | 'service' | 'metrics', number>;
let directory: GuideDirectory;
let proxy: Proxy;
let service: ChildProcess | undefined;

beforeAll(async () => {
  await createDatabase();
  ports = { site: await freePort(), service: await freePort(), metrics: await freePort() };
  directory = new GuideDirectory(`https://localhost:${ports.site}`);
  await paste([block('settings')]);
  await start();
  proxy = await Proxy.caddy(
    `{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n${adapted(caddyfile())}`,
    `https://localhost:${ports.site}/`,
  );
}, PATIENCE_MS);
afterAll(async () => {
  await stop();
  await proxy?.stop();
  directory?.remove();
  await dropDatabase();
});

describe('docs/operations.md', () => {
  it(
    'leads from an empty database to the first login, in the first hour',
    async () => {
      const printed = await paste([
        block('ready'),
        block('reachable'),
        block('organization'),
        block('login'),
        block('doctor'),
      ]);
      const [ready, reachable, , login, doctor] = printed as [string, string, string, string, string];
      expect([JSON.parse(ready), JSON.parse(reachable)]).toEqual([{ status: 'ok' }, { status: 'ok' }]);
      const { url } = JSON.parse(/\{.*\}/.exec(login)![0]) as { url: string };
      expect(await redeem(url, 'finn')).toMatchObject({ user: { name: 'Finn Gerber' } });
      expect((await paste([block('metrics')]))[0]).toBe('latchkey_sessions_started_total 1');
      expect(doctor.split('\n').filter((line) => !line.startsWith('ok '))).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'ends the tokens of a signing key that has leaked, and no session',
    async () => {
      const { token, url } = await letIn();
      await redeem((await letIn()).url, 'stays');
      expect(await statusOf('/api/2.1.1/user', token)).toBe(200);
      await latchkey([block('leak: signing key')]);
      await until(async () => (await statusOf('/api/2.1.1/user', token)) === 401);
      expect(await curl(`--output /dev/null --write-out '%{http_code}' '${url}'`)).toBe('401');
      expect(JSON.parse(await curl(`--cookie stays '${directory.publicUrl}/session'`))).toHaveProperty('user');
    },
    PATIENCE_MS,
  );

  it(
    'replaces the secret of a client that has leaked, and deletes the client',
    async () => {
      const [made] = await latchkey([
        'latchkey clients create --organization "Harbour School" --name Shop --redirect-uri https://shop.example/back',
      ]);
      const [, client, old] = /client_id=(\w+)\nclient_secret=(\S+)/.exec(made!)!;
      const [shown] = await latchkey([`latchkey clients show ${client}`]);
      const [{ id }] = JSON.parse(shown!).secrets;
      const [replaced] = await latchkey([block('leak: client secret')], { CLIENT: client!, SECRET_ID: id });
      const fresh = replaced!.split('\n')[0]!.replace('client_secret=', '');
      await until(async () => (await grantError(client!, old!)) === 'invalid_client');
      expect(await grantError(client!, fresh)).toBe('invalid_grant');
      await latchkey([block('leak: client')], { CLIENT: client! });
      await until(async () => (await grantError(client!, fresh)) === 'invalid_client');
    },
    PATIENCE_MS,
  );

  it(
    'ends the key of a service account that has leaked',
    async () => {
      const [make, , withCurl] = [...GUIDE.matchAll(/```sh\n([^]*?)\n```/g)].map(([, code]) =>
        code!
          .replaceAll('http://localhost:3000', directory.publicUrl)
          .replaceAll('npm run --silent latchkey --', 'latchkey')
          .replace('Demo Academy', 'Harbour School')
          .replace(/^curl[^]*/m, ''),
      );
      const ask = `${withCurl}\ncurl --silent "$LATCHKEY_URL/oauth/token" \
        -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer -d assertion="$(assertion "$LATCHKEY_ACCOUNT")"`;
      const leak = `ACCOUNT=$LATCHKEY_ACCOUNT KEY=$LATCHKEY_KEY_ID\n${block('leak: service account key')}`;
      const printed = await latchkey([make!, ask, leak, 'sleep 3', ask]);
      expect(JSON.parse(printed[1]!)).toHaveProperty('access_token');
      expect(JSON.parse(printed[4]!)).toMatchObject({ error: 'invalid_grant' });
    },
    PATIENCE_MS,
  );

  it(
    'replaces a password that has leaked',
    async () => {
      const passwords = 'latchkey audit --organization "Harbour School" --event PASSWORD_SET';
      const [before, , after] = await latchkey([passwords, block('leak: password'), passwords]);
      expect([before, after].map((lines) => lines!.split('\n').length)).toEqual([1, 2]);
    },
    PATIENCE_MS,
  );

  it(
    'voids everything when a database has leaked',
    async () => {
      const { token, url } = await letIn();
      await redeem((await letIn()).url, 'ends');
      const [printed] = await latchkey([block('leak: database')]);
      expect(printed).toContain(`${directory.publicUrl}/`);
      await until(async () => (await statusOf('/api/2.1.1/user', token)) === 401);
      expect(await curl(`--output /dev/null --write-out '%{http_code}' '${url}'`)).toBe('401');
      const session = await curl(
        `--output /dev/null --write-out '%{http_code}' --cookie ends '${directory.publicUrl}/session'`,
      );
      expect(session).toBe('401');
    },
    PATIENCE_MS,
  );

  it(
    'replaces SECRET_KEY',
    async () => {
      const { token } = await letIn();
      const before = readFileSync(`${directory.path}/latchkey.env`, 'utf8');
      await stop();
      const [revoke, remove, replace] = block('leak: SECRET_KEY').split('\n');
      await latchkey([revoke!]);
      const client = new Client({ connectionString: process.env.DATABASE_URL });
      await client.connect();
      await client.query(/--command "(.+)"$/.exec(remove!)![1]!);
      await client.end();
      await latchkey([replace!]);
      const lines = readFileSync(`${directory.path}/latchkey.env`, 'utf8').split('\n');
      expect(lines.filter((line) => !before.includes(line))).toEqual([expect.stringMatching(/^SECRET_KEY=\S{64}$/)]);
      await start();
      expect(await statusOf('/api/2.1.1/user', token)).toBe(401);
      expect(await statusOf('/api/2.1.1/user', (await letIn()).token)).toBe(200);
    },
    PATIENCE_MS,
  );
});

function block(mark: string): string {
  const found = RUNBOOK.split(`<!-- ${mark} -->\n\`\`\`sh\n`)[1];
  if (found === undefined) throw new Error(`docs/operations.md has no block that is marked ${mark}.`);
  return found.slice(0, found.indexOf('\n```'));
}

function caddyfile(): string {
  return /```caddyfile\n([^]*?)```/.exec(RUNBOOK)![1]!;
}

/** Puts in the addresses of this test, and a password where the command would ask. */
function adapted(code: string): string {
  return code
    .replaceAll('postgres://latchkey:password@127.0.0.1:5432/latchkey', process.env.DATABASE_URL!)
    .replaceAll('login.example.com', `localhost:${ports.site}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${ports.service}`)
    .replaceAll('PORT=3000', `PORT=${ports.service}`)
    .replaceAll('127.0.0.1:9464', `127.0.0.1:${ports.metrics}`)
    .replaceAll(/^latchkey password --/gm, `printf '%s\\n' '${PASSWORD}' | $&`);
}

/** What an operator's shell has, and the authority of Caddy's certificate. */
function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const trust = proxy ? { CURL_CA_BUNDLE: proxy.authority, NODE_EXTRA_CA_CERTS: proxy.authority } : {};
  return { PATH: process.env.PATH, HOME: directory.path, ...trust, ...more };
}

function paste(blocks: string[], more: Record<string, string> = {}): Promise<string[]> {
  return directory.paste(blocks.map(adapted), environment(more));
}

/** Pastes blocks after the function `latchkey`. */
async function latchkey(blocks: string[], more: Record<string, string> = {}): Promise<string[]> {
  const [definition] = block('organization').split('\n');
  return (await paste([definition!, ...blocks], more)).slice(1);
}

async function curl(options: string): Promise<string> {
  return (await paste([`curl --silent --show-error ${options}`]))[0]!;
}

/** Lets Finn in by a token of the administrator. */
async function letIn(): Promise<{ token: string; url: string }> {
  const lines = block('login').split('\n').slice(-2);
  const [printed] = await latchkey([`${lines.join('\n')}\necho\necho "$TOKEN"`]);
  const [answer, token] = printed!.split('\n');
  return { token: token!, url: JSON.parse(answer!).url };
}

/** Opens a link as a browser does, with a file for its cookies, and returns its session. */
async function redeem(url: string, cookies: string): Promise<unknown> {
  await curl(`--output /dev/null --cookie-jar ${cookies} '${url}'`);
  return JSON.parse(await curl(`--cookie ${cookies} '${directory.publicUrl}/session'`));
}

async function statusOf(path: string, token: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${ports.service}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return answer.status;
}

/** The error of a refresh with an unknown token: it shows whether the client has authenticated. */
async function grantError(client: string, secret: string): Promise<string> {
  const answer = await curl(
    `--user '${client}:${secret}' --data grant_type=refresh_token --data refresh_token=none '${directory.publicUrl}/oauth/token'`,
  );
  return JSON.parse(answer).error;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}

async function start(): Promise<void> {
  const child = spawn('bash', ['-euc', block('start')], {
    cwd: directory.path,
    env: environment(),
    // npm starts the service as a process of its own. The group has both.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  service = child;
  const ready = `http://127.0.0.1:${ports.service}/health/ready`;
  while (!(await fetch(ready).catch(() => null))?.ok) {
    if (child.exitCode !== null) throw new Error(`The service ended with ${child.exitCode}.`);
    await sleep(100);
  }
}

/** Stops the service, and waits until the last process of its group has ended. */
async function stop(): Promise<void> {
  if (service?.pid === undefined) return;
  for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; isSent(-service.pid, signal); signal = 0) await sleep(100);
  service = undefined;
}

function isSent(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
