import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, UnsecuredJWT } from 'jose';
import * as oauth from 'openid-client';
import { call, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { freePort } from '../support/free-port.js';
import { actionOf, Browser, newClient, newPerson, PASSWORD } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';

/*
 * The modules of the plan `oidcc-basic-certification-test-plan` of the OpenID Foundation's conformance suite, one for one
 * and under their names, with openid-client as the relying party. deploy/conformance runs the suite itself.
 */

const CALLBACK = 'https://rp.example/callback';
const ALL = 'openid profile email address phone';

let t: TestApp;
let person: { id: string; emailAddress: string };
let client: TestClient;
let config: oauth.Configuration;

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}` }, port);
  const organizationId = await t.world.organization();
  person = await newPerson(t, organizationId);
  client = await newClient(t, organizationId, { redirectUris: [CALLBACK, `${CALLBACK}2`] });
  config = await discover(oauth.ClientSecretBasic(client.secret));
});
afterAll(() => t.stop());

function discover(authentication: oauth.ClientAuth): Promise<oauth.Configuration> {
  const metadata = { client_id: client.id, redirect_uris: [CALLBACK] };
  const options = { execute: [oauth.allowInsecureRequests] };
  return oauth.discovery(new URL(t.url), client.id, metadata, authentication, options);
}

/** What a person does in the browser: they sign in, agree, and continue, until the browser is sent to the relying party. */
async function walk(browser: Browser, first: Answer): Promise<{ url: URL; pages: string[] }> {
  const pages: string[] = [];
  let answer = first;
  while (!answer.headers.get('location')) {
    const title = /<title>([^<]*)</.exec(answer.text)?.[1] ?? answer.text;
    pages.push(title);
    const asksFor = (field: string): boolean => answer.text.includes(` name="${field}"`);
    if (asksFor('password'))
      answer = await browser.open(actionOf(answer), { email: person.emailAddress, password: PASSWORD });
    else if (asksFor('answer')) answer = await browser.open(actionOf(answer), { answer: 'allow' });
    else if (actionOf(answer).endsWith('/continue')) answer = await browser.open(actionOf(answer), {});
    else throw new Error(`${answer.status} ${title}: ${answer.text.slice(-1500)}`);
  }
  return { url: new URL(answer.headers.get('location')!), pages };
}

interface Login {
  url: URL;
  pages: string[];
  browser: Browser;
}

/** Sends a browser with the parameters, and comes back with where it lands. */
async function authorize(more: Record<string, string> = {}, browser = new Browser(t, t.url)): Promise<Login> {
  const asked = { redirect_uri: CALLBACK, scope: 'openid', state: 'a state', nonce: 'a nonce', ...more };
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ''));
  const { search } = oauth.buildAuthorizationUrl(config, given);
  return { ...(await walk(browser, await browser.open(`/oauth/authorize${search}`))), browser };
}

/** Exchanges the code. openid-client checks state, nonce, issuer, audience, signature and times. */
function exchange(
  { url }: Login,
  more: oauth.AuthorizationCodeGrantChecks = {},
  by = config,
): ReturnType<typeof oauth.authorizationCodeGrant> {
  const checks = { expectedState: 'a state', expectedNonce: 'a nonce', idTokenExpected: true, ...more };
  return oauth.authorizationCodeGrant(by, url, checks);
}

async function login(
  more: Record<string, string> = {},
  browser?: Browser,
): Promise<Login & { tokens: Awaited<ReturnType<typeof exchange>> }> {
  const done = await authorize(more, browser);
  return { ...done, tokens: await exchange(done) };
}

async function userinfo(scope: string): Promise<Record<string, unknown>> {
  const { tokens } = await login({ scope });
  return oauth.fetchUserInfo(config, tokens.access_token, person.id);
}

function errorOf({ url }: Login): string | null {
  return url.searchParams.get('error');
}

/** A page of our own that says what is wrong, because the browser can't be sent back. */
async function refused(query: Record<string, string>): Promise<Answer> {
  const { search } = oauth.buildAuthorizationUrl(config, query);
  return t.call(`/oauth/authorize${search}`);
}

it('oidcc-server', async () => {
  const { tokens } = await login();
  expect(tokens.token_type).toBe('bearer');
  expect(tokens.claims()).toMatchObject({ sub: person.id, iss: t.url, aud: client.id });
  expect(await oauth.fetchUserInfo(config, tokens.access_token, person.id)).toMatchObject({ sub: person.id });
});

it('oidcc-response-type-missing', async () => {
  const query = new URLSearchParams({
    client_id: client.id,
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'a state',
  });
  const { headers } = await t.call(`/oauth/authorize?${query}`);
  const target = new URL(headers.get('location')!);
  expect([target.searchParams.get('error'), target.searchParams.get('state')]).toEqual(['invalid_request', 'a state']);
});

it('oidcc-idtoken-signature', async () => {
  const { tokens } = await login();
  const keys = createLocalJWKSet((await t.call('/oauth/keys')).body);
  const { protectedHeader } = await jwtVerify(tokens.id_token!, keys, { issuer: t.url, audience: client.id });
  expect(protectedHeader).toEqual({ alg: 'RS256', kid: expect.any(String) });
});

it('oidcc-idtoken-unsigned: is not offered', async () => {
  expect(config.serverMetadata().id_token_signing_alg_values_supported).not.toContain('none');
});

it('oidcc-userinfo-get', async () => {
  const { tokens } = await login();
  const { status, body } = await call(t.url, '/oauth/userinfo', {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect([status, body.sub]).toEqual([200, person.id]);
});

it('oidcc-userinfo-post-header', async () => {
  const { tokens } = await login();
  const { status, body } = await call(t.url, '/oauth/userinfo', {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect([status, body.sub]).toEqual([200, person.id]);
});

it('oidcc-userinfo-post-body', async () => {
  const { tokens } = await login();
  const { status, body } = await call(t.url, '/oauth/userinfo', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ access_token: tokens.access_token }).toString(),
  });
  expect([status, body.sub]).toEqual([200, person.id]);
});

it('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
  const tokens = await exchange(await authorize({ nonce: '' }), { expectedNonce: undefined });
  expect(tokens.claims()).not.toHaveProperty('nonce');
});

it('oidcc-scope-profile', async () => {
  expect(await userinfo('openid profile')).toMatchObject({ sub: person.id, name: expect.any(String) });
});

it('oidcc-scope-email', async () => {
  const { emailAddress } = person;
  expect(await userinfo('openid email')).toEqual({
    sub: person.id,
    email: emailAddress,
    email_verified: true,
  });
});

it.each(['address', 'phone'])('oidcc-scope-%s: is ignored, because there are no such claims', async (scope) => {
  expect(config.serverMetadata().scopes_supported).not.toContain(scope);
  expect(await userinfo(`openid ${scope}`)).toEqual({ sub: person.id });
});

it('oidcc-scope-all', async () => {
  const claims = await userinfo(ALL);
  expect(claims).toMatchObject({ name: expect.any(String), email: person.emailAddress });
});

it('oidcc-ensure-other-scope-order-succeeds', async () => {
  expect(await userinfo('email profile openid')).toMatchObject({
    name: expect.any(String),
    email: person.emailAddress,
  });
});

it.each(['page', 'popup'])('oidcc-display-%s', async (display) => {
  expect((await login({ display })).tokens.claims()!.sub).toBe(person.id);
});

it('oidcc-prompt-login', async () => {
  const { browser, tokens: first } = await login();
  t.clock.advance(2);
  const { pages, tokens: second } = await login({ prompt: 'login' }, browser);
  expect(pages[0]).toBe('Sign in');
  expect(second.claims()!.sub).toBe(first.claims()!.sub);
  expect(second.claims()!.auth_time).toBeGreaterThan(first.claims()!.auth_time as number);
});

it('oidcc-prompt-none-not-logged-in', async () => {
  const done = await authorize({ prompt: 'none' });
  expect([errorOf(done), done.pages]).toEqual(['login_required', []]);
});

it('oidcc-prompt-none-logged-in', async () => {
  const { browser, tokens: first } = await login();
  const { pages, tokens: second } = await login({ prompt: 'none' }, browser);
  expect(pages).toEqual([]);
  const { sub, auth_time } = first.claims()!;
  expect(second.claims()).toMatchObject({ sub, auth_time });
});

it('oidcc-max-age-1', async () => {
  const { browser, tokens: first } = await login();
  t.clock.advance(2);
  const { pages, tokens: second } = await login({ max_age: '1' }, browser);
  expect(pages[0]).toBe('Sign in');
  expect(second.claims()!.auth_time).toBeGreaterThan(first.claims()!.auth_time as number);
});

it('oidcc-max-age-10000', async () => {
  const { browser, tokens: first } = await login();
  t.clock.advance(2);
  const { pages, tokens: second } = await login({ max_age: '10000' }, browser);
  expect(pages).toEqual([]);
  expect(second.claims()!.auth_time).toBe(first.claims()!.auth_time);
});

it('oidcc-ensure-request-with-unknown-parameter-succeeds', async () => {
  expect((await login({ extra: 'foobar' })).tokens.claims()!.sub).toBe(person.id);
});

it('oidcc-id-token-hint', async () => {
  const { browser, tokens } = await login();
  const hinted = await login({ prompt: 'none', id_token_hint: tokens.id_token! }, browser);
  expect(hinted.tokens.claims()!.sub).toBe(person.id);
});

it('oidcc-login-hint', async () => {
  const browser = new Browser(t, t.url);
  const { search } = oauth.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid',
    login_hint: 'bob@example.com',
  });
  const page = await browser.open(`/oauth/authorize${search}`);
  expect(page.text).toContain('value="bob@example.com"');
  expect((await walk(browser, page)).url.searchParams.get('code')).toEqual(expect.any(String));
});

it.each([
  ['oidcc-ui-locales', { ui_locales: 'se nl' }],
  ['oidcc-claims-locales', { claims_locales: 'se nl' }],
  ['oidcc-ensure-request-with-acr-values-succeeds', { acr_values: '1 2' }],
])('%s', async (_name, more) => {
  const claims = (await login(more)).tokens.claims()!;
  expect(claims).toMatchObject({ sub: person.id, acr: 'urn:latchkey:acr:password' });
});

it('oidcc-codereuse', async () => {
  const done = await authorize();
  await exchange(done);
  await expect(exchange(done)).rejects.toMatchObject({ error: 'invalid_grant' });
});

it('oidcc-codereuse-30seconds', async () => {
  const done = await authorize();
  const tokens = await exchange(done);
  t.clock.advance(30);
  await expect(exchange(done)).rejects.toMatchObject({ error: 'invalid_grant' });
  // RFC 6749, section 4.1.2: tokens that came from the code are revoked.
  await expect(oauth.fetchUserInfo(config, tokens.access_token, person.id)).rejects.toMatchObject({ status: 401 });
});

it('oidcc-ensure-registered-redirect-uri', async () => {
  const { status, text, headers } = await refused({ redirect_uri: `${CALLBACK}/other`, scope: 'openid', state: 's' });
  expect([status, headers.get('location')]).toEqual([400, null]);
  expect(text).toContain('redirect_uri');
});

it('oidcc-ensure-post-request-succeeds', async () => {
  const { searchParams } = oauth.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'a state',
    nonce: 'a nonce',
  });
  const browser = new Browser(t, t.url);
  const page = await browser.open('/oauth/authorize', Object.fromEntries(searchParams));
  const tokens = await exchange({ ...(await walk(browser, page)), browser });
  expect(tokens.claims()!.sub).toBe(person.id);
});

it('oidcc-server-client-secret-post', async () => {
  const byPost = await discover(oauth.ClientSecretPost(client.secret));
  expect((await exchange(await authorize(), {}, byPost)).claims()!.sub).toBe(person.id);
});

it('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
  const done = await authorize({ request_uri: 'https://rp.example/request.jwt' });
  expect(errorOf(done)).toBe('request_uri_not_supported');
});

it.each([
  ['oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', {}],
  ['oidcc-ensure-request-object-with-redirect-uri', { redirect_uri: CALLBACK }],
])('%s', async (_name, claims) => {
  const request = new UnsecuredJWT({
    client_id: client.id,
    response_type: 'code',
    scope: 'openid',
    ...claims,
  }).encode();
  expect(errorOf(await authorize({ request }))).toBe('request_not_supported');
});

it('oidcc-claims-essential', async () => {
  const claims = { userinfo: { name: { essential: true } }, id_token: { email: { essential: true } } };
  const { tokens } = await login({ claims: JSON.stringify(claims) });
  expect(tokens.claims()!.email).toBe(person.emailAddress);
  expect(await oauth.fetchUserInfo(config, tokens.access_token, person.id)).toEqual({
    sub: person.id,
    name: expect.any(String),
  });
});

it('oidcc-refresh-token', async () => {
  const { tokens } = await login();
  const renewed = await oauth.refreshTokenGrant(config, tokens.refresh_token!);
  const [before, after] = [tokens.claims()!, renewed.claims()!];
  const { iss, sub, aud, auth_time, sid } = before;
  expect(after).toMatchObject({ iss, sub, aud, auth_time, sid });
  expect(await oauth.fetchUserInfo(config, renewed.access_token, person.id)).toEqual({ sub: person.id });
  const other = await newClient(t, await t.world.organization());
  const { status, body } = await call(t.url, '/oauth/token', {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${other.id}:${other.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token! }).toString(),
  });
  expect([status, body.error]).toEqual([400, 'invalid_grant']);
});

it('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
  const verifier = oauth.randomPKCECodeVerifier();
  const pkce = {
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  const tokens = await exchange(await authorize(pkce), { pkceCodeVerifier: verifier });
  expect(decodeJwt(tokens.id_token!).sub).toBe(person.id);
  expect(decodeProtectedHeader(tokens.id_token!).alg).toBe('RS256');
});
