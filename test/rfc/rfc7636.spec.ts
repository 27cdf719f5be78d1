import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import { authorizeQuery, newCode, newScene, REDIRECT_URI, requestToken } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function newVerifier(): { verifier: string; challenge: Record<string, string> } {
  const verifier = randomBytes(32).toString('base64url');
  const code_challenge = createHash('sha256').update(verifier).digest('base64url');
  return { verifier, challenge: { code_challenge, code_challenge_method: 'S256' } };
}

function exchange(code: string, fields: Record<string, string>, client = scene.publicClient) {
  return requestToken(t.url, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...fields }, client);
}

async function refusalOf(more: Record<string, string>): Promise<string | null> {
  const answer = await t.call(`/oauth/authorize?${authorizeQuery(scene.publicClient, more)}`);
  return new URL(answer.headers.get('location')!, REDIRECT_URI).searchParams.get('error');
}

describe('RFC 7636: proof key for code exchange', () => {
  it('4.6: exchanges a code for its verifier only', async () => {
    const { verifier, challenge } = newVerifier();
    const code = await newCode(scene, challenge, scene.publicClient);
    for (const fields of [{}, { code_verifier: newVerifier().verifier }, { code_verifier: challenge.code_challenge! }])
      expect((await exchange(code, fields as Record<string, string>)).body.error).toBe('invalid_grant');
    expect((await exchange(code, { code_verifier: verifier })).status).toBe(200);
  });

  it('appendix B: S256 is the SHA-256 of the verifier', async () => {
    const challenge = {
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    };
    const code = await newCode(scene, challenge, scene.publicClient);
    const code_verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    expect((await exchange(code, { code_verifier })).status).toBe(200);
  });

  it.each(['x'.repeat(42), 'x'.repeat(129), `${'x'.repeat(42)}ü`, `${'x'.repeat(42)}/`])(
    '4.2: takes no challenge that can be none: %.50j',
    async (code_challenge) => {
      expect(await refusalOf({ code_challenge, code_challenge_method: 'S256' })).toBe('invalid_request');
    },
  );

  it.each(['x'.repeat(42), 'x'.repeat(129), `${'x'.repeat(42)}/`])(
    '4.1: takes no verifier that can be none, though its hash is right: %.50j',
    async (code_verifier) => {
      const code_challenge = createHash('sha256').update(code_verifier).digest('base64url');
      const code = await newCode(scene, { code_challenge, code_challenge_method: 'S256' }, scene.publicClient);
      expect((await exchange(code, { code_verifier })).body.error).toMatch(/^invalid_(request|grant)$/);
    },
  );

  it('4.3: without its method, a challenge would be plain, and is refused', async () => {
    expect(await refusalOf({ code_challenge: newVerifier().challenge.code_challenge! })).toBe('invalid_request');
  });

  it('4.4.1: is required of public clients', async () => {
    expect(await refusalOf({})).toBe('invalid_request');
  });

  it('4.2, RFC 9700, 2.1.1: takes no plain challenge, and no other method', async () => {
    const { verifier } = newVerifier();
    for (const method of ['plain', 'S512', ''])
      expect(await refusalOf({ code_challenge: verifier, code_challenge_method: method })).toBe('invalid_request');
  });

  it('RFC 9700, 2.1.1: a verifier without a challenge is no downgrade', async () => {
    const code = await newCode(scene);
    const answer = await exchange(code, { code_verifier: newVerifier().verifier }, scene.client);
    expect(answer.body.error).toBe('invalid_grant');
  });

  it('holds for confidential clients that use it', async () => {
    const { challenge } = newVerifier();
    const code = await newCode(scene, challenge);
    expect((await exchange(code, {}, scene.client)).body.error).toBe('invalid_grant');
  });
});
