import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLatchkey } from '../clients/typescript/src/index.js';
import { newId } from '../src/common/id.js';
import { TestApp } from './support/app.js';
import { freePort } from './support/free-port.js';
import { newServiceAccount, requestToken } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';

const run = promisify(execFile);
const PACKAGE = 'clients/typescript';
const EXAMPLE = /```ts\n([^]*?)```/.exec(readFileSync(`${PACKAGE}/README.md`, 'utf8'))![1]!;
const PATIENCE_MS = 180_000;

let t: TestApp;
let account: TestServiceAccount;
let privateKey: string;

/** An assertion names the token endpoint by the public URL, which has to be the one that is called. */
beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}` }, port);
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
    'is installed without a network, and compiles and runs the example of its README under strict',
    async () => {
      // A copy, as the other engine's run of this test builds at the same time.
      symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
      const copy = join(directory, 'client');
      cpSync(PACKAGE, copy, { recursive: true, filter: (path) => !/[\\/](dist|node_modules)$/.test(path) });
      const tarballs = [await pack(copy)];
      for (const name of ['jose', 'openapi-fetch', 'openapi-typescript-helpers', '@types/node', 'undici-types'])
        tarballs.push(await pack(`node_modules/${name}`, '--ignore-scripts'));

      const stranger = mkdtempSync(join(tmpdir(), 'latchkey-stranger-'));
      try {
        const cache = join(directory, 'cache');
        const install = ['install', '--offline', '--no-audit', '--no-fund', '--cache', cache, ...tarballs];
        writeFileSync(join(stranger, 'package.json'), '{ "type": "module" }');
        await run('npm', install, { cwd: stranger });
        expect(existsSync(join(stranger, 'node_modules/@latchkey/client/LICENSE'))).toBe(true);
        mkdirSync(join(stranger, 'src'));
        writeFileSync(join(stranger, 'src/main.ts'), EXAMPLE.replace('https://login.example.com', t.url));
        const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
        const tsc = [resolve('node_modules/typescript/bin/tsc'), ...strict, '--outDir', 'out', 'src/main.ts'];
        const compiled = await run(process.execPath, tsc, { cwd: stranger }).catch((error) => error);
        expect(compiled.stdout).toBe('');
        const env = {
          PATH: process.env.PATH,
          LATCHKEY_SERVICE_ACCOUNT: account.id,
          LATCHKEY_KEY_ID: account.keyId,
          LATCHKEY_PRIVATE_KEY: privateKey,
        };
        const { stdout } = await run(process.execPath, ['out/main.js'], { cwd: stranger, env });
        const url = /^Forward the browser to (\S+)$/m.exec(stdout)![1]!;
        const login = await t.call(url.slice(t.url.length));
        expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1']);
      } finally {
        rmSync(stranger, { recursive: true });
      }
    },
    PATIENCE_MS,
  );
});
