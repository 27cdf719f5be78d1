import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth from 'openid-client';
import { TestApp } from './support/app.js';
import { Browser, newClient, newPerson, PASSWORD } from './support/oauth.js';
import { freePort } from './support/free-port.js';

const CALLBACK = 'https://portal.example/callback';

let t: TestApp;
let organizationId: string;
let person: { id: string; emailAddress: string };

/** The public URL has to be the one that the library calls, as it compares the issuer with it. */
beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}` }, port);
  organizationId = await t.world.organization();
  person = await newPerson(t, organizationId);
});
afterAll(() => t.stop());

async function configuration(isPublic: boolean): Promise<oauth.Configuration> {
  const client = await newClient(t, organizationId, { isPublic, redirectUris: [CALLBACK] });
  return oauth.discovery(
    new URL(t.url),
    client.id,
    {},
    isPublic ? oauth.None() : oauth.ClientSecretBasic(client.secret),
    { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] },
  );
}

describe.each([
  { kind: 'public', isPublic: true },
  { kind: 'confidential', isPublic: false },
])('openid-client as a $kind client', ({ isPublic }) => {
  it('walks the code flow with PKCE, refreshes, and revokes', async () => {
    const config = await configuration(isPublic);
    const verifier = oauth.randomPKCECodeVerifier();
    const state = oauth.randomState();
    const authorize = oauth.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'ROLE_USER',
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const landed = await new Browser(t, t.url).authorize(authorize.search.slice(1), person.emailAddress, PASSWORD);

    const tokens = await oauth.authorizationCodeGrant(config, landed, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'ROLE_USER' });
    const mine = await oauth.fetchProtectedResource(
      config,
      tokens.access_token,
      new URL(`${t.url}/api/2.1.1/user`),
      'GET',
    );
    expect(await mine.json()).toMatchObject({ id: person.id });

    const renewed = await oauth.refreshTokenGrant(config, tokens.refresh_token!);
    expect(renewed.refresh_token !== tokens.refresh_token).toBe(isPublic);
    await oauth.tokenRevocation(config, renewed.refresh_token!, { token_type_hint: 'refresh_token' });
    await expect(oauth.refreshTokenGrant(config, renewed.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});
