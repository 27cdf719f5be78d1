import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { Front } from '../support/front.js';
import { GuideDirectory, visit } from '../support/guide.js';
import { Instance } from '../support/instance.js';

/** A machine that is busy with other things takes its time to compile. */
const PATIENCE_MS = 180_000;
const LANGUAGES = {
  PHP: { folder: 'php', command: ['php', '--ri', 'curl'], packages: 'php-cli php-curl' },
  Python: {
    folder: 'python',
    command: ['python3', '-c', 'import jwt, cryptography'],
    packages: 'python3-jwt python3-cryptography',
  },
  Java: { folder: 'java', command: ['javac', '--version'], packages: 'default-jdk-headless' },
  Go: { folder: 'go', command: ['go', 'version'], packages: 'golang-go' },
};
type Language = keyof typeof LANGUAGES;
const NAMES = Object.keys(LANGUAGES) as Language[];
const README = readFileSync('examples/hosts/README.md', 'utf8');
/** Debian's Python has Debian's packages, whichever other Python there is. */
const PATH = `/usr/bin:${process.env.PATH}`;

let instance: Instance;
let front: Front;
let directory: GuideDirectory;
let account: Record<string, string>;
let hosts: Record<Language, Host>;

beforeAll(async () => {
  for (const { command, packages } of Object.values(LANGUAGES)) requireLanguage(command, packages);
  await createDatabase();
  const port = await freePort();
  front = await Front.start(port);
  const [HOST, PORT] = ['localhost', String(port)];
  instance = await Instance.start({ NODE_ENV: 'development', PUBLIC_URL: front.url, HOST, PORT });
  directory = new GuideDirectory(front.url);
  const guide = readFileSync('docs/service-accounts.md', 'utf8');
  const steps = [...guide.matchAll(/```sh\n([^]*?)\n```/g)].slice(0, 2).map(([, code]) => code!);
  account = await directory.exported(steps);
  const started = await Promise.all(NAMES.map(async (name) => [name, await Host.start(name)]));
  hosts = Object.fromEntries(started);
}, PATIENCE_MS);
afterAll(async () => {
  await Host.stopAll();
  await instance?.stop();
  await front?.stop();
  directory?.remove();
  await dropDatabase();
});
beforeEach(() => front.recover());

describe.each(NAMES)('the host in %s', (name) => {
  const get = (path: string): Promise<Answer> => hosts[name].get(path);

  it('has a link that lets its user in', async () => {
    const home = await get('/');
    expect(home.text).toContain('Signed in as anna@demo.example');
    const [, link] = /<a href="([^"]+)">Open the learning site<\/a>/.exec(home.text)!;
    const { status, headers } = await get(link!);
    expect([status, headers.get('cache-control'), headers.get('referrer-policy')]).toEqual([
      303,
      'no-store',
      'no-referrer',
    ]);
    expect(await visit(headers.get('location')!)).toEqual({
      user: 'Anna Jansen',
      actor: 'Host portal',
      isServiceAccount: true,
      endsAt: '/',
    });
  });

  it('leads to the page that was asked for', async () => {
    const { headers } = await get(`/open?return_to=${encodeURIComponent('/course/1?lesson=2&part=3')}`);
    expect(await visit(headers.get('location')!)).toMatchObject({ endsAt: '/course/1?lesson=2&part=3' });
  });

  it(
    'tells a user whom Latchkey refuses, with what the help desk asks for, and does not ask again',
    async () => {
      const host = await Host.start(name, { HOST_USER: 'eva@demo.example' });
      front.recover();
      const { status, headers, text: page } = await host.get('/open');
      expect([status, headers.get('location'), front.count('/oauth/token')]).toEqual([403, null, 1]);
      expect(page).toContain('The learning site does not let you in.');
      expect(page).toContain(`invalid_grant, request ${front.lastRequestId}<`);
    },
    PATIENCE_MS,
  );

  it('tells when the page that was asked for is not allowed', async () => {
    const { status, text: page } = await get(`/open?return_to=${encodeURIComponent('https://elsewhere.example/')}`);
    expect(status).toBe(403);
    expect(page).toContain(`invalid_request, request ${front.lastRequestId}<`);
  });

  it.each([429, 503])('waits as long as Retry-After says after %i, and asks once more', async (status) => {
    front.isBusy(1, '1', status);
    const started = performance.now();
    const { headers } = await get('/open');
    expect(performance.now() - started).toBeGreaterThan(990);
    expect(await visit(headers.get('location')!)).toMatchObject({ user: 'Anna Jansen' });
    expect(front.count('/oauth/token')).toBe(2);
  });

  it.each([
    { of: 'short but not enough', seconds: '1', attempts: 2 },
    { of: 'long', seconds: '30', attempts: 1 },
  ])('hands Retry-After on when the wait is $of', async ({ seconds, attempts }) => {
    front.isBusy(9, seconds);
    const { status, headers, text: page } = await get('/open');
    expect([status, headers.get('retry-after'), front.count('/oauth/token')]).toEqual([503, seconds, attempts]);
    expect(page).toContain('The learning site is busy.');
    expect(page).toContain('http_503');
  });

  it('has no other page', async () => {
    for (const path of ['/nothing', '/latchkey.php', '/host.py', '/host.go'])
      expect((await get(path)).status).toBe(404);
  });
});

it('every host gives up when there is no answer', async () => {
  front.isSilent();
  const answers = await Promise.all(NAMES.map((name) => hosts[name].get('/open')));
  for (const [index, { status, headers, text: page }] of answers.entries()) {
    expect([NAMES[index], status, headers.get('retry-after')]).toEqual([NAMES[index], 503, '5']);
    expect(page).toContain('no_answer');
  }
}, 60_000);

it.each(NAMES)(
  'the host in %s names a setting that is missing',
  async (name) => {
    const { LATCHKEY_KEY_ID: _, ...incomplete } = account;
    const child = Host.spawn(name, { ...incomplete, PORT: String(await freePort()) });
    const messages = text(child.stderr!);
    if (name === 'PHP') {
      // Its server starts, and runs the page for each request.
      const port = /localhost:(\d+)/.exec(child.spawnargs.at(-1)!)![1];
      while (!(await fetch(`http://localhost:${port}/open`).catch(() => null))) await sleep(100);
      Host.end(child);
    }
    expect(await messages).toContain('Set LATCHKEY_KEY_ID.');
  },
  PATIENCE_MS,
);

function requireLanguage([command, ...args]: string[], packages: string): void {
  if (spawnSync(command!, args, { env: { ...process.env, PATH } }).status !== 0)
    throw new Error(`These tests run hosts in several languages: apt-get install ${packages}`);
}

/** A copy of a folder of examples/hosts, which runs by the commands of its README. */
class Host {
  private static readonly processes: ChildProcess[] = [];
  private static readonly folders: string[] = [];

  private constructor(readonly url: string) {}

  static async start(name: Language, more: Record<string, string> = {}): Promise<Host> {
    const port = await freePort();
    const child = Host.spawn(name, { ...account, ...more, PORT: String(port) });
    child.stderr!.resume();
    const url = `http://localhost:${port}`;
    while (child.exitCode === null) {
      if (await fetch(url).catch(() => null)) return new Host(url);
      await sleep(100);
    }
    throw new Error(`The host in ${name} did not start.`);
  }

  static spawn(name: Language, variables: Record<string, string>): ChildProcess {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-host-'));
    cpSync(`examples/hosts/${LANGUAGES[name].folder}`, folder, { recursive: true });
    const [, commands] = new RegExp(`^### ${name}\\n\\n\`\`\`sh\\n([^]*?)\\n\`\`\``, 'm').exec(README)!;
    const child = spawn('bash', ['--norc', '-euc', commands!.replace('4001', variables.PORT!)], {
      cwd: folder,
      env: {
        PATH,
        HOME: folder,
        ...variables,
        // Whatever the machine is set to, Go uses what is there and downloads nothing.
        GOCACHE: join(directory.path, 'go-cache'),
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
        GOTOOLCHAIN: 'local',
      },
      // `go run` starts the server as a process of its own. The group has both.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    Host.processes.push(child);
    Host.folders.push(folder);
    return child;
  }

  static end(child: ChildProcess): void {
    if (Host.isRunning(child)) process.kill(-child.pid!);
  }

  static async stopAll(): Promise<void> {
    for (const child of Host.processes) {
      if (!Host.isRunning(child)) continue;
      const ended = new Promise((done) => child.once('exit', done));
      Host.end(child);
      await ended;
    }
    for (const folder of Host.folders) rmSync(folder, { recursive: true, force: true });
  }

  private static isRunning({ exitCode, signalCode }: ChildProcess): boolean {
    return exitCode === null && signalCode === null;
  }

  get(path: string): Promise<Answer> {
    return call(this.url, path);
  }
}
