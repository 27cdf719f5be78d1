import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey } from 'jose';
import { hashSecret, newClientId, newId, newSecret } from '../../src/common/id.js';
import { ClientRedirectUri } from '../../src/schema/entities/client-redirect-uri.entity.js';
import { ClientSecret } from '../../src/schema/entities/client-secret.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import type { Compatibility } from '../../src/schema/entities/client.entity.js';
import { ServiceAccountKey } from '../../src/schema/entities/service-account-key.entity.js';
import { ServiceAccount } from '../../src/schema/entities/service-account.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { PasswordsService } from '../../src/users/passwords.service.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { call, PUBLIC_URL } from './app.js';
import { rememberSecret } from './canary.js';
import type { Answer, TestApp } from './app.js';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const REDIRECT_URI = 'https://host.example/callback';
export const PASSWORD = 'a long enough password';

export interface TestClient {
  id: string;
  secret: string;
}

export interface TestServiceAccount {
  id: string;
  clientId: string;
  organizationId: string;
  keyId: string;
  privateKey: KeyObject;
}

/** A client with a redirect URI. A public client's `secret` is empty. */
export async function newClient(
  t: TestApp,
  organizationId: string,
  {
    isPublic = false,
    redirectUris = [REDIRECT_URI],
    compatibility = null,
    application = {},
  }: {
    isPublic?: boolean;
    redirectUris?: string[];
    compatibility?: Compatibility | null;
    application?: Partial<Client>;
  } = {},
): Promise<TestClient> {
  const id = newClientId();
  const secret = isPublic ? '' : newSecret();
  rememberSecret(secret);
  const createdAt = new Date();
  await t.world.write(async (db) => {
    await db.insert(Client, {
      id,
      name: 'Host <system>',
      organizationId,
      isPublic,
      compatibility,
      createdAt,
      ...application,
    });
    for (const uri of redirectUris) await db.insert(ClientRedirectUri, { clientId: id, uri });
    if (secret) await db.insert(ClientSecret, { id: newId(), clientId: id, secretHash: hashSecret(secret), createdAt });
  });
  return { id, secret };
}

/** A service account that may obtain login tokens, with an ES256 key. */
export async function newServiceAccount(t: TestApp, organizationId: string): Promise<TestServiceAccount> {
  const [id, keyId, clientId] = [newId(), newId(), newClientId()];
  const createdAt = new Date();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await t.world.write(async (db) => {
    await db.insert(User, {
      id,
      type: 'SERVICE_ACCOUNT',
      name: 'Portal',
      status: 'ACTIVE',
      organizationId,
      staffOrganizationId: organizationId,
      createdAt,
    });
    await db.insert(Client, { id: clientId, name: 'Portal', organizationId, isPublic: true, createdAt });
    await db.insert(ServiceAccount, { userId: id, clientId, createdAt });
    const jwk = JSON.stringify(publicKey.export({ format: 'jwk' }));
    await db.insert(ServiceAccountKey, { id: keyId, userId: id, algorithm: 'ES256', jwk, createdAt, revokedAt: null });
    await db.insert(AccountPermission, { userId: id, permission: 'OBTAIN_ACCESS_TOKENS' });
  });
  return { id, clientId, organizationId, keyId, privateKey };
}

/** A service account's assertion (RFC 7523, section 3). `claims` and `header` override the defaults. */
export function assertionOf(
  t: TestApp,
  account: TestServiceAccount,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const now = Math.floor(t.clock.now().getTime() / 1000);
  const payload = {
    iss: account.id,
    sub: account.id,
    aud: `${PUBLIC_URL}/oauth/token`,
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    ...claims,
  };
  const given = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
  return new SignJWT(given)
    .setProtectedHeader({ alg: 'ES256', kid: account.keyId, ...header })
    .sign(account.privateKey);
}

/** Sends a request to the token endpoint, with HTTP Basic if the client has a secret. */
export function requestToken(
  base: string,
  fields: Record<string, string>,
  client?: TestClient,
  path = '/oauth/token',
): Promise<Answer> {
  const basic = client?.secret && `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
  return call(base, path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...(basic ? { authorization: basic } : {}) },
    body: new URLSearchParams(client && !basic ? { client_id: client.id, ...fields } : fields).toString(),
  });
}

/** A browser that keeps cookies and follows redirects within the service. */
export class Browser {
  readonly cookies = new Map<string, string>();

  constructor(
    private readonly t: Pick<TestApp, 'call'>,
    private readonly publicUrl = PUBLIC_URL,
  ) {}

  async open(path: string, form?: Record<string, string>): Promise<Answer> {
    const answer = await this.t.call(path, {
      method: form ? 'POST' : 'GET',
      headers: {
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (value) this.cookies.set(name!, value);
      else this.cookies.delete(name!);
    }
    const location = answer.headers.get('location');
    if (!location || (!location.startsWith('/') && !location.startsWith(this.publicUrl))) return answer;
    return this.open(location.replace(this.publicUrl, ''));
  }

  /** Signs in and agrees, and returns where the browser is sent then. */
  async authorize(query: string, emailAddress: string, password = PASSWORD): Promise<URL> {
    const signIn = await this.open(`/oauth/authorize?${query}`);
    const consent = await this.open(actionOf(signIn), { email: emailAddress, password });
    const answer = await this.open(actionOf(consent), { answer: 'allow' });
    return new URL(answer.headers.get('location')!);
  }
}

/** The address that a page's form is sent to. */
export function actionOf({ text, status }: Answer): string {
  const action = /action="([^"]+)"/.exec(text)?.[1];
  if (!action) throw new Error(`${status}: no form in ${text}`);
  return action;
}

/** A staff user with a password. */
export async function newPerson(t: TestApp, organizationId: string): Promise<{ id: string; emailAddress: string }> {
  const emailAddress = `${newClientId()}@person.example`;
  const id = await t.world.user({ organizationId, emailAddress });
  await t.world.write((db) => db.update(User, { id }, { staffOrganizationId: organizationId }));
  await t.nest.get(PasswordsService, { strict: false }).set(id, PASSWORD);
  return { id, emailAddress };
}

/** What every test of the authorization server starts with. */
export interface Scene {
  t: TestApp;
  organizationId: string;
  client: TestClient;
  publicClient: TestClient;
  person: { id: string; emailAddress: string };
  account: TestServiceAccount;
}

export async function newScene(t: TestApp): Promise<Scene> {
  const organizationId = await t.world.organization();
  return {
    t,
    organizationId,
    client: await newClient(t, organizationId),
    publicClient: await newClient(t, organizationId, { isPublic: true }),
    person: await newPerson(t, organizationId),
    account: await newServiceAccount(t, organizationId),
  };
}

/** The parameters of an authorization request. */
export function authorizeQuery(client: TestClient, more: Record<string, string> = {}): string {
  return new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: REDIRECT_URI,
    ...more,
  }).toString();
}

/** A new code for the client of the scene, or another one. */
export async function newCode(
  { t, client, person }: Scene,
  more: Record<string, string> = {},
  of: TestClient = client,
): Promise<string> {
  const target = await new Browser(t).authorize(authorizeQuery(of, more), person.emailAddress);
  const code = target.searchParams.get('code');
  if (!code) throw new Error(target.href);
  return code;
}

/** The tokens for a new code. */
export async function newTokens(
  scene: Scene,
  of: TestClient = scene.client,
): Promise<{ access_token: string; refresh_token: string; jti: string }> {
  const verifier = newSecret();
  const challenge = { code_challenge: hashSecret(verifier), code_challenge_method: 'S256' };
  const code = await newCode(scene, challenge, of);
  const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
  return (await requestToken(scene.t.url, fields, of)).body;
}

/** A client that authenticates with its own key (`private_key_jwt`), with any algorithm. */
export interface KeyClient {
  id: string;
  algorithm: string;
  privateKey: CryptoKey | KeyObject;
}

export async function newKeyClient(t: TestApp, organizationId: string, algorithm = 'ES256'): Promise<KeyClient> {
  const id = newClientId();
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg: algorithm, use: 'sig' };
  await t.world.write(async (db) => {
    const jwks = JSON.stringify({ keys: [jwk] });
    await db.insert(Client, { id, name: 'Key', organizationId, jwks, createdAt: new Date() });
    await db.insert(ClientRedirectUri, { clientId: id, uri: REDIRECT_URI });
  });
  return { id, algorithm, privateKey };
}

/**
 * The parameters with which such a client authenticates (RFC 7523, section 2.2). `claims` and `header` override the
 * defaults.
 */
export async function authenticationOf(
  { id, algorithm, privateKey }: KeyClient,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: id, sub: id, aud: `${PUBLIC_URL}/oauth/token`, jti: randomUUID(), iat: now, exp: now + 300 };
  const given = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined);
  return {
    client_id: id,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await new SignJWT(Object.fromEntries(given))
      .setProtectedHeader({ alg: algorithm, ...header })
      .sign(privateKey),
  };
}
