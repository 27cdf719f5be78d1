import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import { JWT_BEARER } from '../support/oauth.js';

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

describe('RFC 8414: authorization server metadata', () => {
  it('2: state what there is, and nothing of OpenID Connect', async () => {
    const { status, body, headers } = await t.call('/.well-known/oauth-authorization-server');
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        issuer: PUBLIC_URL,
        authorization_endpoint: `${PUBLIC_URL}/oauth/authorize`,
        token_endpoint: `${PUBLIC_URL}/oauth/token`,
        revocation_endpoint: `${PUBLIC_URL}/oauth/revoke`,
        jwks_uri: `${PUBLIC_URL}/oauth/keys`,
        scopes_supported: ['ROLE_USER'],
        response_types_supported: ['code'],
        response_modes_supported: ['form_post', 'fragment', 'query'],
        grant_types_supported: ['authorization_code', 'refresh_token', JWT_BEARER],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
        token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
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

  it('2: every endpoint that they name is there', async () => {
    const { body } = await t.call('/.well-known/oauth-authorization-server');
    const endpoints = Object.entries(body as Record<string, unknown>).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(endpoints).toHaveLength(4);
    for (const [name, url] of endpoints) {
      const method = ['token_endpoint', 'revocation_endpoint'].includes(name) ? 'POST' : 'GET';
      const { status } = await t.call(String(url).replace(PUBLIC_URL, ''), { method });
      expect([200, 400]).toContain(status);
    }
  });

  it('RFC 7517: the key set has public keys only', async () => {
    const { body } = await t.call('/oauth/keys');
    expect(body.keys.length).toBeGreaterThan(0);
    for (const key of body.keys)
      expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
});
