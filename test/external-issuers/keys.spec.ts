import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import type { JWK } from 'jose';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { newClientId } from '../../src/common/id.js';
import { call, outcome, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { freePort } from '../support/free-port.js';
import { newIssuerKey } from '../support/issuer.js';
import { AUDIENCE, REFUSED, ask, caller, encode, issuer, key, setUp, signed, t } from './setup.js';

/** Seconds for which an issuer's keys are believed, and the longest pause between two attempts to get them. */
const KEYS_FRESH = 600;

const PAUSE = 300;

setUp();

describe('the keys of another issuer', () => {
  const second = newIssuerKey('second');

  it('are fetched once for many tokens', async () => {
    t.clock.advance(KEYS_FRESH + 1);
    issuer.requests = [];
    const tokens = await Promise.all(Array.from({ length: 20 }, () => signed()));
    const answers = await Promise.all(tokens.map((token) => ask(token)));
    expect(answers.map(({ status }) => status)).toEqual(tokens.map(() => 200));
    expect(issuer.requests).toEqual(['/.well-known/oauth-authorization-server', '/jwks']);
  });

  it('are fetched again for one that is not known, after a pause, and one that is gone is refused in the end', async () => {
    const old = await signed();
    expect((await ask(old)).status).toBe(200);
    await issuer.up([second]);
    t.clock.advance(31);
    const young = await signed({}, { kid: 'second' }, second as JWK);
    expect((await ask(young)).status).toBe(200);
    expect(outcome(await ask(await signed()))).toEqual(REFUSED);
    t.clock.advance(KEYS_FRESH + 1);
    expect(outcome(await ask(await signed()))).toEqual(REFUSED);
    // Accepted before, it is checked anew.
    expect(outcome(await ask(old))).toEqual(REFUSED);
    await issuer.up([key]);
    t.clock.advance(PAUSE);
  });

  it.each(['EdDSA', 'Ed25519'])('verify what says %s with a key on Ed25519 that has no alg', async (alg) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const kid = `of ${alg}`;
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid }];
    await issuer.up([key], (path) => (path === '/jwks' ? { keys } : undefined));
    t.clock.advance(PAUSE);
    const token = await signed({}, { alg, kid }, privateKey.export({ format: 'jwk' }) as JWK);
    expect((await ask(token)).body.id).toBe(caller.id);
    await issuer.up([key]);
    t.clock.advance(PAUSE);
  });

  it('verify nothing with a key on Ed25519 for which one signature fits everything', async () => {
    const point = Buffer.from([1, ...Array<number>(31).fill(0)]);
    const keys = [{ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url'), kid: 'small' }];
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    await issuer.up([key], (path) => (path === '/jwks' ? { keys } : undefined));
    t.clock.advance(PAUSE);
    const header = encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'small' });
    const signature = Buffer.concat([point, Buffer.alloc(32)]).toString('base64url');
    const [, payload] = (await signed()).split('.');
    expect(outcome(await ask(`${header}.${payload}.${signature}`))).toEqual(REFUSED);
    await issuer.up([key]);
    t.clock.advance(PAUSE);
    expect((await ask(await signed())).status).toBe(200);
  });

  it('are found by the metadata of OpenID Connect where there are no others', async () => {
    await issuer.up([second], (path) => (path.includes('oauth-authorization-server') ? null : undefined));
    t.clock.advance(PAUSE);
    expect((await ask(await signed({}, { kid: 'second' }, second as JWK))).status).toBe(200);
    await issuer.up([key]);
    t.clock.advance(PAUSE);
    expect((await ask(await signed())).status).toBe(200);
  });

  it('that are made up make no storm of requests', async () => {
    expect((await ask(await signed())).status).toBe(200);
    issuer.requests = [];
    const forged = await Promise.all(Array.from({ length: 60 }, (_, i) => signed({}, { kid: `made-up-${i}` })));
    for (const token of forged) expect(outcome(await ask(token))).toEqual(REFUSED);
    expect(issuer.requests.length).toBeLessThanOrEqual(3);
  });

  it('still work while the issuer is down, for a day; what is unknown is refused, and nothing is asked again and again', async () => {
    t.clock.advance(PAUSE);
    expect((await ask(await signed())).status).toBe(200);
    await issuer.down();
    const attempts = jest.spyOn(globalThis, 'fetch');
    const fetched = (): number => attempts.mock.calls.filter(([url]) => String(url).startsWith(issuer.url)).length;
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    t.clock.advance(KEYS_FRESH + 1);
    for (let i = 0; i < 20; i++) {
      expect((await ask(await signed())).status).toBe(200);
      expect(outcome(await ask(await signed({}, { kid: `unknown-${i}` })))).toEqual(REFUSED);
    }
    expect(fetched()).toBe(1);
    // The pause doubles: after two hours there have been few more.
    for (let i = 0; i < 120; i++) {
      t.clock.advance(60);
      await ask(await signed());
    }
    expect(fetched()).toBeLessThan(30);
    t.clock.advance(24 * 3600);
    expect(outcome(await ask(await signed()))).toEqual([503, 'unavailable']);
    jest.restoreAllMocks();
    await issuer.up([key]);
    t.clock.advance(PAUSE);
    expect((await ask(await signed())).status).toBe(200);
  });

  it.each([
    [
      'metadata of another issuer',
      (path: string) =>
        path.includes('well-known') ? { issuer: 'https://else.example', jwks_uri: `${issuer.url}/jwks` } : undefined,
    ],
    [
      'a key set over http somewhere else',
      (path: string) =>
        path.includes('well-known') ? { issuer: issuer.url, jwks_uri: 'http://keys.example/jwks' } : undefined,
    ],
    ['a key set that is none', (path: string) => (path === '/jwks' ? { keys: 'x' } : undefined)],
    [
      'a key set without end',
      (path: string) => (path === '/jwks' ? { keys: [], more: 'x'.repeat(300_000) } : undefined),
    ],
  ])('are not taken from %s', async (_what, answer) => {
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    await issuer.up([key, second], answer);
    t.clock.advance(PAUSE);
    expect(outcome(await ask(await signed({}, { kid: 'second' }, second as JWK)))).toEqual(REFUSED);
    await issuer.up([key]);
    t.clock.advance(PAUSE);
    expect((await ask(await signed())).status).toBe(200);
  });
});

describe('an issuer that is down from the start', () => {
  it('is no reason not to start; its tokens are answered with 503, all others as ever', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const trusted = { issuer: url, audience: AUDIENCE, clientId: newClientId(), account: 'id' };
    const output = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const app = await createApp(
      loadSettings(testEnvironment({ OAUTH_ISSUERS: JSON.stringify([trusted]), LOG_LEVEL: 'warn' })),
      t.clock,
    );
    await app.listen(0, '127.0.0.1');
    const at = async (token: string): Promise<Answer> =>
      call(await app.getUrl(), '/api/2.1.1/user', { headers: { authorization: `Bearer ${token}` } });
    for (let i = 0; i < 3; i++) {
      const answer = await at(await signed({ iss: url }));
      expect(outcome(answer)).toEqual([503, 'unavailable']);
    }
    const own = await t.world.caller();
    expect((await at(own.token)).status).toBe(200);
    await app.close();
    const printed = output.mock.calls.map(([text]) => String(text)).join('');
    expect(printed).toContain(`There is no client ${trusted.clientId}`);
    expect(printed.match(/could not be fetched/g)).toHaveLength(1);
  });
});
