import { afterAll, beforeAll } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { newSecret, hashSecret } from '../../src/common/id.js';
import { call, PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { authorizeQuery, Browser, newClient, newPerson, REDIRECT_URI, requestToken } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

export const SCOPE = 'openid profile email third_party_ids';

/** What the tests of the OpenID provider share: a host that lets a user in, and an application of the same organization. */
export interface OpenIdScene {
  t: TestApp;
  organizationId: string;
  caller: TestCaller;
  user: string;
  application: TestClient;
  /** Somebody with a password. */
  person: { id: string; emailAddress: string };
}

export const scene = {} as OpenIdScene;

export function setUp(overrides: Record<string, string> = {}): void {
  beforeAll(async () => {
    const t = await TestApp.start(overrides);
    const caller = await t.world.caller();
    const { id: user } = await t.world.userOf(caller, { emailAddress: 'ada@academy.example' });
    const organizationId = caller.organizationId;
    Object.assign(scene, {
      t,
      caller,
      user,
      organizationId,
      application: await newClient(t, organizationId),
      person: await newPerson(t, organizationId),
    });
  });
  afterAll(() => scene.t.stop());
}

/** A browser in which a host has let a user in. */
export async function letIn(user = scene.user): Promise<Browser> {
  const browser = new Browser(scene.t);
  const cookie = await scene.t.signIn(scene.caller, user);
  const [name, value] = cookie.split('=', 2);
  browser.cookies.set(name!, value!);
  return browser;
}

export interface Tokens {
  access_token: string;
  id_token: string;
  refresh_token: string;
  scope: string;
}

/** The answer of the authorization endpoint: a page, or a redirect to the application. */
export function ask(
  browser: Browser,
  more: Record<string, string> = {},
  application = scene.application,
): Promise<Answer> {
  return browser.open(`/oauth/authorize?${authorizeQuery(application, { scope: SCOPE, state: 'xyz', ...more })}`);
}

/** The parameters with which the browser returns to the application. */
export function returned(answer: Answer): Record<string, string> {
  const location = answer.headers.get('location');
  if (!location?.startsWith(REDIRECT_URI)) throw new Error(`${answer.status}: ${answer.text.slice(0, 2000)}`);
  return Object.fromEntries(new URL(location).searchParams);
}

export function exchange(
  code: string,
  application = scene.application,
  more: Record<string, string> = {},
): Promise<Answer> {
  const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...more };
  return requestToken(scene.t.url, fields, application);
}

/** Signs the browser's user in at the application, by a code. */
export async function signInAt(
  browser: Browser,
  more: Record<string, string> = {},
  application = scene.application,
): Promise<Tokens> {
  const verifier = newSecret();
  const pkce = { code_challenge: hashSecret(verifier), code_challenge_method: 'S256' };
  const { code } = returned(await ask(browser, { ...pkce, ...more }, application));
  const { status, body } = await exchange(code!, application, { code_verifier: verifier });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body as Tokens;
}

/** The claims of an ID token, verified with the published keys as an application does it. */
export async function claimsOf(
  idToken: string,
  application = scene.application,
): Promise<JWTPayload & Record<string, unknown>> {
  const keys = createLocalJWKSet((await scene.t.call('/oauth/keys')).body);
  const { payload } = await jwtVerify(idToken, keys, {
    issuer: PUBLIC_URL,
    audience: application.id,
    currentDate: scene.t.clock.now(),
  });
  return payload;
}

export function userinfo(token: string, options: object = {}): Promise<Answer> {
  return call(scene.t.url, '/oauth/userinfo', { headers: { authorization: `Bearer ${token}` }, ...options });
}
