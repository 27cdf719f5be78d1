import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import {
  assertionOf,
  authenticationOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newCode,
  newKeyClient,
  newScene,
  newTokens,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
import { raw } from '../support/raw.js';
import type { KeyClient, Scene } from '../support/oauth.js';

const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'];
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function metadata(): Promise<Record<string, string[]>> {
  return t.call('/.well-known/oauth-authorization-server').then(({ body }) => body);
}

/** A client that authenticates by one of the methods, and what it sends. */
async function authenticated(
  method: string,
  algorithm?: string,
): Promise<[id: string, fields: object, basic?: string]> {
  const { id, secret } = scene.client;
  switch (method) {
    case 'client_secret_basic':
      return [id, {}, `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`];
    case 'client_secret_post':
      return [id, { client_id: id, client_secret: secret }];
    case 'none':
      return [scene.publicClient.id, { client_id: scene.publicClient.id }];
    default: {
      const client: KeyClient = await newKeyClient(t, scene.organizationId, algorithm);
      return [client.id, await authenticationOf(client)];
    }
  }
}

/** What the token or the revocation endpoint says to somebody who authenticates, and asks for what there is not. */
async function statusWith(path: string, method: string, algorithm?: string): Promise<number> {
  const [, fields, authorization] = await authenticated(method, algorithm);
  const { status, body } = await t.call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...(authorization ? { authorization } : {}) },
    body: new URLSearchParams({ token: 'x', grant_type: 'refresh_token', refresh_token: 'x', ...fields }).toString(),
  });
  // Whoever is not known gets 401 invalid_client.
  return status === 400 && body.error === 'invalid_grant' ? 200 : status;
}

/** Asks for a token by each grant. */
const GRANTS: Record<string, () => Promise<number>> = {
  authorization_code: async () => {
    const fields = { grant_type: 'authorization_code', code: await newCode(scene), redirect_uri: REDIRECT_URI };
    return (await requestToken(t.url, fields, scene.client)).status;
  },
  refresh_token: async () => {
    const { refresh_token } = await newTokens(scene);
    return (await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, scene.client)).status;
  },
  [JWT_BEARER]: async () => {
    const fields = { grant_type: JWT_BEARER, assertion: await assertionOf(t, scene.account) };
    return (await requestToken(t.url, fields)).status;
  },
};

/** What an address answers, written exactly so. */
async function faceOf(written: string): Promise<unknown> {
  const { status, body, headers } = await raw(t.url, written);
  return { status, body, type: headers.get('content-type'), caching: headers.get('cache-control') };
}

describe('RFC 8414: authorization server metadata', () => {
  it.each(['oauth-authorization-server', 'openid-configuration'])('2: state what there is, at %s', async (name) => {
    const { status, body, headers } = await t.call(`/.well-known/${name}`);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        issuer: PUBLIC_URL,
        authorization_endpoint: `${PUBLIC_URL}/oauth/authorize`,
        token_endpoint: `${PUBLIC_URL}/oauth/token`,
        revocation_endpoint: `${PUBLIC_URL}/oauth/revoke`,
        introspection_endpoint: `${PUBLIC_URL}/oauth/introspect`,
        userinfo_endpoint: `${PUBLIC_URL}/oauth/userinfo`,
        end_session_endpoint: `${PUBLIC_URL}/oauth/logout`,
        jwks_uri: `${PUBLIC_URL}/oauth/keys`,
        scopes_supported: ['ROLE_USER', 'openid', 'profile', 'email', 'third_party_ids'],
        claims_supported:
          'sub act acr amr auth_time name locale zoneinfo email email_verified third_party_ids sid iss'.split(' '),
        claims_parameter_supported: true,
        claim_types_supported: ['normal'],
        acr_values_supported: ['delegated', 'password', 'passkey'].map((name) => `urn:latchkey:acr:${name}`),
        subject_types_supported: ['public'],
        ui_locales_supported: ['en', 'nl', 'de', 'fr', 'es'],
        id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
        request_uri_parameter_supported: false,
        response_types_supported: ['code'],
        response_modes_supported: ['form_post', 'fragment', 'query'],
        grant_types_supported: ['authorization_code', 'refresh_token', JWT_BEARER],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: METHODS,
        token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        revocation_endpoint_auth_methods_supported: METHODS,
        revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        introspection_endpoint_auth_methods_supported: METHODS,
        introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
      },
    });
  });

  it('3.3: name the configured issuer, whatever the request says about its host', async () => {
    const { body } = await t.call('/.well-known/oauth-authorization-server', {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' },
    });
    expect(JSON.stringify(body)).not.toContain('evil');
    expect(body.issuer).toBe(PUBLIC_URL);
  });

  it.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/oauth/keys'])(
    'are the same, with the same headers, however the address %s is written',
    async (path) => {
      const face = await faceOf(path);
      expect(face).toMatchObject({ status: 200 });
      for (const written of [`${path}/`, `${path}?x`, path.replace('th', '%74h'), `${path.replace('e', '%65')}/?x=/`])
        expect(await faceOf(written)).toEqual(face);
    },
  );

  it('2: every endpoint that they name is there', async () => {
    const { body } = await t.call('/.well-known/oauth-authorization-server');
    const endpoints = Object.entries(body as Record<string, unknown>).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(endpoints).toHaveLength(7);
    for (const [name, url] of endpoints) {
      const method = /^(token|revocation|introspection)_/.test(name) ? 'POST' : 'GET';
      const { status } = await t.call(String(url).replace(PUBLIC_URL, ''), { method });
      expect([200, 400, 401]).toContain(status);
    }
  });

  it('2: every grant that they name gives a token', async () => {
    for (const grant of (await metadata()).grant_types_supported!)
      expect([grant, await GRANTS[grant]?.()]).toEqual([grant, 200]);
  });

  it.each([
    ['token', '/oauth/token'],
    ['revocation', '/oauth/revoke'],
    ['introspection', '/oauth/introspect'],
  ])('2: every authentication that they name is taken at the %s endpoint', async (name, path) => {
    const stated = await metadata();
    for (const method of stated[`${name}_endpoint_auth_methods_supported`]!)
      expect([method, await statusWith(path, method)]).toEqual([method, 200]);
    for (const algorithm of stated[`${name}_endpoint_auth_signing_alg_values_supported`]!)
      expect([algorithm, await statusWith(path, 'private_key_jwt', algorithm)]).toEqual([algorithm, 200]);
    expect(await statusWith(path, 'private_key_jwt', 'ES384')).toBe(401);
  });

  it('2: every response mode that they name is used', async () => {
    const seen = await Promise.all(
      (await metadata()).response_modes_supported!.map(async (response_mode) => {
        const query = authorizeQuery(scene.client, { response_mode, prompt: 'none' });
        const { headers, text } = await t.call(`/oauth/authorize?${query}`);
        const [before, after] = (headers.get('location') ?? '').split(/[?#]/);
        if (text.includes(`action="${REDIRECT_URI}"`)) return 'form_post';
        const isError = before === REDIRECT_URI && after!.includes('error=login_required');
        return isError && (headers.get('location')!.includes('#') ? 'fragment' : 'query');
      }),
    );
    expect(seen).toEqual((await metadata()).response_modes_supported);
  });

  it('2: the response type, the scope and the challenge method that they name lead to a code, with the issuer', async () => {
    const { response_types_supported, scopes_supported, code_challenge_methods_supported } = await metadata();
    const target = await new Browser(t).authorize(
      authorizeQuery(scene.publicClient, {
        response_type: response_types_supported![0]!,
        scope: scopes_supported![0]!,
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: code_challenge_methods_supported![0]!,
      }),
      scene.person.emailAddress,
    );
    expect(target.searchParams.get('code')).toEqual(expect.any(String));
    expect(target.searchParams.get('iss')).toBe(PUBLIC_URL);
  });

  it('RFC 7517: the key set has public keys only', async () => {
    const { body } = await t.call('/oauth/keys');
    expect(body.keys.length).toBeGreaterThan(0);
    const members: Record<string, string[]> = { EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'], RSA: ['e', 'n'] };
    for (const { alg, kid, kty, use, ...key } of body.keys) {
      expect([alg, kid, kty, use]).toEqual([expect.any(String), expect.any(String), expect.any(String), 'sig']);
      expect(Object.keys(key).toSorted()).toEqual(members[kty]);
    }
  });
});
