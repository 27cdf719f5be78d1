import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type * as Package from '../clients/typescript/src/index.js';
import { createLatchkey } from '../clients/typescript/src/index.js';
import { TestApp } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import { freePort } from './support/free-port.js';
import { newServiceAccount } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';

const run = promisify(execFile);

let t: TestApp;
let account: TestServiceAccount;
let user: string;
let bundle: { code: string; imports: string[]; modules: string[] };

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}`, TRUSTED_PROXIES: '127.0.0.1' }, port);
  const organizationId = await t.world.organization();
  account = await newServiceAccount(t, organizationId);
  user = await t.world.user({ organizationId, name: 'Anna Jansen' });
  const group = await t.world.group(organizationId);
  await t.world.join(user, group);
  await t.world.allow(account.id, group, 'MANAGE');
  bundle = await bundleForWorker();
});
afterAll(() => t.stop());

/** In a process of its own, because Jest's realm has another `RegExp` than the bundler's binary expects. */
const BUNDLE = `
  import { isBuiltin } from 'node:module';
  import { rolldown } from 'rolldown';
  const build = await rolldown({
    input: 'clients/typescript/src/index.ts',
    platform: 'browser',
    resolve: { conditionNames: ['workerd', 'worker', 'browser', 'import'] },
    external: (id) => isBuiltin(id),
  });
  const { output } = await build.generate({ format: 'iife', name: 'latchkey' });
  const [{ code, imports, moduleIds }] = output;
  console.log(JSON.stringify({ code, imports, modules: moduleIds }));`;

/** What a bundler for workers makes of the main entry. */
async function bundleForWorker(): Promise<typeof bundle> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', BUNDLE], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout);
}

/** The package in a realm that has the Web's own APIs, and nothing of Node.js. */
function inWorker(): typeof Package {
  const streams = ['CryptoKey', 'DOMException', 'FormData', 'ReadableStream', 'TextDecoder', 'TextEncoder', 'crypto'];
  const calls = ['AbortController', 'AbortSignal', 'Headers', 'Request', 'Response', 'URL', 'URLSearchParams', 'fetch'];
  const names = [...streams, ...calls, 'atob', 'btoa', 'clearTimeout', 'setTimeout', 'structuredClone'];
  const realm = createContext(Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)])));
  return runInContext(`${bundle.code}; latchkey`, realm) as typeof Package;
}

describe('the TypeScript client on an edge runtime', () => {
  it('is bundled without any module of Node.js', () => {
    expect(bundle.imports).toEqual([]);
    expect(bundle.code.match(/\brequire\(|['"]node:/g)).toBeNull();
    expect(bundle.modules.some((id) => id.includes('jose'))).toBe(true);
  });

  it.each(['PEM', 'JWK'])('lets a user in with a key as %s', async (form) => {
    const exported =
      form === 'PEM'
        ? account.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
        : JSON.stringify(account.privateKey.export({ format: 'jwk' }));
    const latchkey = inWorker().createLatchkey({
      url: t.url,
      serviceAccount: { id: account.id, keyId: account.keyId, privateKey: exported },
    });
    const url = await latchkey.accessUrl(user, { returnTo: '/course/1' });
    const login = await t.call(url.slice(t.url.length));
    expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1']);
    const { data } = await latchkey.GET('/api/2.1.1/user');
    expect(data!.id).toBe(account.id);
    await expect(latchkey.accessUrl('nobody@x.example')).rejects.toMatchObject({
      name: 'LatchkeyError',
      id: 'invalid_grant',
      status: 400,
    });
  });

  it.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['EdDSA', generateKeyPairSync('ed25519').privateKey],
  ])('signs with %s, and names the key of a JWK', async (alg, key) => {
    for (const privateKey of [
      key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      { ...key.export({ format: 'jwk' }), kid: 'k1' },
    ]) {
      const assertions: string[] = [];
      const latchkey = inWorker().createLatchkey({
        url: t.url,
        serviceAccount: { id: account.id, privateKey: privateKey as string },
        fetch: async (request) => {
          assertions.push(String((await request.formData()).get('assertion')));
          return Response.json({ error: 'invalid_grant' }, { status: 400 });
        },
      });
      await expect(latchkey.accessUrl(user)).rejects.toMatchObject({ id: 'invalid_grant' });
      const header = JSON.parse(Buffer.from(assertions[0]!.split('.')[0]!, 'base64url').toString());
      expect(header).toEqual({ alg, ...(typeof privateKey === 'string' ? {} : { kid: 'k1' }) });
    }
  });

  it('names a key that can not sign', async () => {
    const secp = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    for (const privateKey of [
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
      secp.export({ type: 'pkcs8', format: 'pem' }).toString(),
      JSON.stringify(secp.export({ format: 'jwk' })),
    ]) {
      const latchkey = createLatchkey({ url: t.url, serviceAccount: { id: account.id, privateKey } });
      await expect(latchkey.accessUrl(user)).rejects.toMatchObject({ name: 'LatchkeyError', id: 'key_invalid' });
    }
  });
});

async function assertion(): Promise<string> {
  const privateKey = account.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const latchkey = createLatchkey({
    url: t.url,
    serviceAccount: { id: account.id, keyId: account.keyId, privateKey },
  });
  const login = await t.call((await latchkey.accessUrl(user)).slice(t.url.length));
  const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
  const answer = await PROXIES.traefik(t.url, { site: t.url, headers: { cookie } });
  return answer.headers.get('x-latchkey-assertion')!;
}

describe('the identity that a proxy passes on', () => {
  it('is read from the signed header', async () => {
    const identify = inWorker().identityVerifier({ url: `${t.url}/`, site: t.url });
    expect(await identify(await assertion())).toMatchObject({
      sub: user,
      name: 'Anna Jansen',
      act: { sub: account.id },
    });
  });

  it('is refused if it is missing, changed, or for another site', async () => {
    const signed = await assertion();
    const identify = inWorker().identityVerifier({ url: t.url, site: t.url });
    const elsewhere = inWorker().identityVerifier({ url: t.url, site: 'https://other.example' });
    const [header, , signature] = signed.split('.') as [string, string, string];
    const changed = [header, Buffer.from('{"sub":"root"}').toString('base64url'), signature].join('.');
    for (const call of [identify(undefined), identify('x'), identify(changed), elsewhere(signed)])
      await expect(call).rejects.toMatchObject({ name: 'LatchkeyError', id: 'assertion_invalid' });
    const offline = inWorker().identityVerifier({ url: 'http://127.0.0.1:1', site: t.url });
    await expect(offline(signed)).rejects.toMatchObject({ name: 'LatchkeyError', id: 'no_connection' });
  });
});
