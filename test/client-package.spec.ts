import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLatchkey } from '../clients/typescript/src/index.js';
import { newId } from '../src/common/id.js';
import { TestApp } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import { freePort } from './support/free-port.js';
import { newServiceAccount, requestToken } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';

const run = promisify(execFile);
const PACKAGE = 'clients/typescript';
const EXAMPLES = [...readFileSync(`${PACKAGE}/README.md`, 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(
  ([, code]) => code!,
);
const PATIENCE_MS = 180_000;

let t: TestApp;
let account: TestServiceAccount;
let privateKey: string;

/** An assertion names the token endpoint by the public URL, which has to be the one that is called. */
beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}`, TRUSTED_PROXIES: '127.0.0.1' }, port);
  const organizationId = await t.world.organization();
  account = await newServiceAccount(t, organizationId);
  privateKey = account.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const user = await t.world.user({ organizationId, emailAddress: 'anna@demo.example' });
  const group = await t.world.group(organizationId);
  await t.world.join(user, group);
  await t.world.allow(account.id, group, 'MANAGE');
});
afterAll(() => t.stop());

interface Sent {
  path: string;
  authorization: string | null;
}

/** A client of the service account, and what it sent; `answer` may answer in place of the service. */
function listened(answer: (sent: Sent[]) => Response | undefined = () => undefined) {
  const sent: Sent[] = [];
  const latchkey = createLatchkey({
    url: `${t.url}/`,
    serviceAccount: { id: account.id, keyId: account.keyId, privateKey },
    fetch: async (request) => {
      sent.push({ path: new URL(request.url).pathname, authorization: request.headers.get('authorization') });
      return answer(sent) ?? fetch(request);
    },
  });
  const tokenRequests = () => sent.filter(({ path }) => path === '/oauth/token').length;
  return { latchkey, sent, tokenRequests };
}

describe('the TypeScript client of a service account', () => {
  it('asks once for a token that calls at one time and later ones share', async () => {
    const { latchkey, sent, tokenRequests } = listened();
    const answers = await Promise.all(Array.from({ length: 5 }, () => latchkey.GET('/api/2.1.1/user')));
    expect(answers.map(({ data }) => data!.id)).toEqual(answers.map(() => account.id));
    await latchkey.GET('/api/2.1.1/user');
    expect([tokenRequests(), sent.length]).toEqual([1, 7]);
  });

  it('asks again a minute before the token ends', async () => {
    let seconds = 61;
    const { latchkey, tokenRequests } = listened((sent) =>
      sent.at(-1)!.path === '/oauth/token'
        ? Response.json({ access_token: 'x', expires_in: seconds })
        : Response.json({ id: account.id }),
    );
    await latchkey.GET('/api/2.1.1/user');
    await latchkey.GET('/api/2.1.1/user');
    expect(tokenRequests()).toBe(1);
    await new Promise((done) => setTimeout(done, 1100));
    seconds = 3600;
    await latchkey.GET('/api/2.1.1/user');
    await latchkey.GET('/api/2.1.1/user');
    expect(tokenRequests()).toBe(2);
  });

  it('gets one new token for calls that are refused with 401, and repeats them', async () => {
    const { latchkey, sent, tokenRequests } = listened();
    await latchkey.GET('/api/2.1.1/user');
    const token = sent.at(-1)!.authorization!.replace('Bearer ', '');
    const revoked = await requestToken(t.url, { token, client_id: account.clientId }, undefined, '/oauth/revoke');
    expect(revoked.status).toBe(200);
    await new Promise((done) => setTimeout(done, 2100));
    const calls = Array.from({ length: 4 }, () => latchkey.GET('/api/2.1.1/user'));
    expect((await Promise.all(calls)).map(({ data }) => data!.id)).toEqual(calls.map(() => account.id));
    expect(tokenRequests()).toBe(2);
  });

  it('stops after a second 401, and says so', async () => {
    const { latchkey, tokenRequests } = listened((sent) =>
      sent.at(-1)!.path === '/oauth/token' ? undefined : Response.json({ id: 'not_authenticated' }, { status: 401 }),
    );
    await expect(latchkey.GET('/api/2.1.1/user')).rejects.toMatchObject({ id: 'not_authenticated', status: 401 });
    expect(tokenRequests()).toBe(2);
  });

  it('signs a new assertion for each attempt, and tries again after one that failed', async () => {
    const { latchkey, tokenRequests } = listened((sent) =>
      sent.length === 1 ? new Response('{}', { status: 503, headers: { 'Retry-After': '0' } }) : undefined,
    );
    expect((await latchkey.GET('/api/2.1.1/user')).data!.id).toBe(account.id);
    expect(tokenRequests()).toBe(2);
  });

  it('has the error of the token endpoint, and one for a key that can not be read', async () => {
    const serviceAccount = { id: newId(), privateKey: privateKey.replaceAll('\n', String.raw`\n`) };
    const stranger = createLatchkey({ url: t.url, serviceAccount });
    await expect(stranger.GET('/api/2.1.1/user')).rejects.toMatchObject({
      name: 'LatchkeyError',
      id: 'invalid_request',
      status: 400,
    });
    const create = () => createLatchkey({ url: t.url, serviceAccount: { ...serviceAccount, privateKey: 'no key' } });
    expect(create).toThrow(expect.objectContaining({ name: 'LatchkeyError', id: 'key_invalid' }));
  });
});

describe('the package @latchkey/client', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Packs a folder as a registry has it, without one. */
  async function pack(folder: string, ...more: string[]): Promise<string> {
    const args = ['pack', resolve(folder), '--json', '--pack-destination', directory, ...more];
    const { stdout } = await run('npm', args, { cwd: folder });
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    return join(directory, filename);
  }

  it(
    'is installed without a network, and compiles and runs the examples of its README under strict',
    async () => {
      const stranger = await installElsewhere();
      try {
        const { url } = t;
        await compileExamples(stranger, { 'https://login.example.com': url, 'https://learn.example.com': url });
        const { stdout } = await run(process.execPath, ['out/example-0.js'], { cwd: stranger, env: environment() });
        expect(stdout).toMatch(/^Anna is Noor de Vries$/m);
        const login = await t.call(/^Forward the browser to (\S+)$/m.exec(stdout)![1]!.slice(url.length));
        expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1']);
        const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
        const { headers } = await PROXIES.traefik(url, { site: url, headers: { cookie } });
        expect(await greetingOf(stranger, headers.get('x-latchkey-assertion')!)).toBe('Hello Noor de Vries');
        // Node says whom it runs tests for, and would not run them for a test of another runner.
        const tests = await run(process.execPath, ['--test', '--test-reporter=tap', 'out/example-2.js'], {
          cwd: stranger,
          env: environment(),
        });
        expect(tests.stdout).toMatch(/^# pass 4$/m);
      } finally {
        rmSync(stranger, { recursive: true });
      }
    },
    PATIENCE_MS,
  );

  it('contains what is built, with types and nothing of the sources', async () => {
    const copy = copyOfPackage('contents');
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: copy });
    const [{ files }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    const sources = readdirSync(join(PACKAGE, 'src'), { recursive: true, encoding: 'utf8' });
    const built = sources
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => ['.d.ts', '.js'].map((ending) => `dist/${file.replace(/\.ts$/, ending)}`));
    expect(paths.toSorted()).toEqual([...built, 'LICENSE', 'README.md', 'package.json'].toSorted());
    const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
    };
    const named = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? target : Object.values(target),
    );
    expect(named.filter((target) => !paths.includes(target.replace('./', '')))).toEqual([]);
  });

  /** A copy, as the other engine's run of this test builds at the same time. */
  function copyOfPackage(name: string): string {
    if (!existsSync(join(directory, 'node_modules')))
      symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
    const copy = join(directory, name);
    cpSync(PACKAGE, copy, { recursive: true, filter: (path) => !/[\\/](dist|node_modules)$/.test(path) });
    return copy;
  }

  /** Installs the package in a folder that knows nothing of this one. */
  async function installElsewhere(): Promise<string> {
    const tarballs = [await pack(copyOfPackage('client'))];
    for (const name of ['jose', 'openapi-fetch', 'openapi-typescript-helpers', '@types/node', 'undici-types'])
      tarballs.push(await pack(`node_modules/${name}`, '--ignore-scripts'));
    const stranger = mkdtempSync(join(tmpdir(), 'latchkey-stranger-'));
    const cache = join(directory, 'cache');
    const install = ['install', '--offline', '--no-audit', '--no-fund', '--cache', cache, ...tarballs];
    writeFileSync(join(stranger, 'package.json'), '{ "type": "module" }');
    await run('npm', install, { cwd: stranger });
    return stranger;
  }
});

/** Compiles the README's examples, with the given texts in place of others, into `out/example-0.js` and so on. */
async function compileExamples(stranger: string, replaced: Record<string, string>): Promise<void> {
  mkdirSync(join(stranger, 'src'));
  const files = EXAMPLES.map((code, index) => {
    const text = Object.entries(replaced).reduce((text, [from, to]) => text.replaceAll(from, to), code);
    writeFileSync(join(stranger, `src/example-${index}.ts`), text);
    return `src/example-${index}.ts`;
  });
  const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const tsc = [resolve('node_modules/typescript/bin/tsc'), ...strict, '--outDir', 'out', ...files];
  const compiled = await run(process.execPath, tsc, { cwd: stranger }).catch((error) => error);
  expect(compiled.stdout).toBe('');
}

function environment(): Record<string, string> {
  return {
    PATH: process.env.PATH!,
    LATCHKEY_SERVICE_ACCOUNT: account.id,
    LATCHKEY_KEY_ID: account.keyId,
    LATCHKEY_PRIVATE_KEY: privateKey,
  };
}

/** What the example of an application behind a proxy says to a visitor. */
async function greetingOf(stranger: string, assertion: string): Promise<string> {
  const port = await freePort();
  const file = join(stranger, 'out/example-1.js');
  writeFileSync(file, readFileSync(file, 'utf8').replace('8080', String(port)));
  const application = spawn(process.execPath, [file], { cwd: stranger, stdio: 'inherit' });
  try {
    const url = `http://127.0.0.1:${port}`;
    await waitForPort(port);
    expect((await fetch(url)).status).toBe(401);
    return await (await fetch(url, { headers: { 'X-Latchkey-Assertion': assertion } })).text();
  } finally {
    application.kill();
  }
}

async function waitForPort(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}
