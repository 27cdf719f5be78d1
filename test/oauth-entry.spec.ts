import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth4webapi from 'oauth4webapi';
import * as openid from 'openid-client';
import { createApp } from '../src/app/setup.js';
import { loadSettings } from '../src/config/settings.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { Client } from '../src/schema/entities/client.entity.js';
import { ServiceAccountKey } from '../src/schema/entities/service-account-key.entity.js';
import { call, cookieOf, PUBLIC_URL, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import { decode } from './support/forge.js';
import { PROXIES } from './support/asking-proxies.js';
import { assertionOf, JWT_BEARER, newServiceAccount, requestToken } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';

let t: TestApp;
let organizationId: string;
/** Its client has `compatibility: drillster`. */
let old: TestServiceAccount;
let strict: TestServiceAccount;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  organizationId = await t.world.organization();
  [old, strict] = [await newServiceAccount(t, organizationId), await newServiceAccount(t, organizationId)];
  await t.world.write((db) => db.update(Client, { id: old.clientId }, { compatibility: 'drillster' }));
});
afterAll(() => t.stop());

/** The access token of a service account for a new user of its own. */
async function newAccessToken(account: TestServiceAccount, more: Record<string, string> = {}): Promise<string> {
  const { id } = await t.world.userOf({ ...account, token: '' });
  const assertion = await assertionOf(t, account, { sub: id });
  const { status, body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion, ...more });
  expect([status, body.token_type]).toEqual([200, 'Bearer']);
  return body.access_token;
}

function enter(token: string, base = t.url): Promise<Answer> {
  return call(base, `/login?oauth_token=${token}`, { headers: { accept: 'application/json' } });
}

function outcomeOf({ status, body, headers }: Answer): unknown[] {
  return [status, body?.id, headers.getSetCookie().length];
}

const USED = [410, 'token_used', 0];
const INVALID = [401, 'invalid_token', 0];

describe('the access token of a service account for a user, with compatibility: drillster', () => {
  it('starts a session of the user at /login, and still calls the API', async () => {
    const token = await newAccessToken(old);
    const login = await enter(token);
    expect(login.status).toBe(303);
    const { body } = await t.call('/session', { headers: { cookie: cookieOf(login) } });
    expect([body.user.id, body.actor.id]).toEqual([decode(token).payload.sub, old.id]);
    expect(outcomeOf(await enter(token))).toEqual(USED);
    expect((await t.as({ token })('/user')).status).toBe(200);
  });

  it('S1: of 100 redemptions at once over two instances, one starts a session', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const token = await newAccessToken(old);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => enter(token, urls[i % 2])));
    await other.close();
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.filter(({ status }) => status !== 303).map(outcomeOf)).toEqual(
      Array.from({ length: 99 }, () => USED),
    );
    const loginTokenId = decode(token).payload.jti as string;
    expect(await t.world.sessionsOfToken(loginTokenId)).toHaveLength(1);
  });

  it('starts a session on a protected site of the client, and nowhere else', async () => {
    const headers = { accept: 'text/html' };
    const foreign = await PROXIES.traefik(t.url, {
      uri: `/course?oauth_token=${await newAccessToken(old)}`,
      site: 'https://elsewhere.example',
      headers,
    });
    expect([foreign.status, foreign.headers.getSetCookie()]).toEqual([403, []]);
    const own = await PROXIES.traefik(t.url, { uri: `/course?a=1&oauth_token=${await newAccessToken(old)}`, headers });
    expect([own.status, own.headers.get('location')]).toEqual([303, `${PUBLIC_URL}/course?a=1`]);
    expect(own.headers.getSetCookie()).toHaveLength(1);
  });

  it('starts no session once the time of a login token is over', async () => {
    const token = await newAccessToken(old);
    t.clock.advance(121);
    expect(outcomeOf(await enter(token))).toEqual([410, 'token_expired', 0]);
    t.clock.reset();
  });

  it.each([
    { of: 'a live session', isIdle: false, reasons: ['{"reason":"RIGHT_REVOKED"}'] },
    { of: 'a session that was over', isIdle: true, reasons: [] },
  ])('records when it is revoked, of $of, $reasons.length ends', async ({ isIdle, reasons }) => {
    const token = await newAccessToken(old);
    expect((await enter(token)).status).toBe(303);
    if (isIdle) t.passIdleTime();
    const { clientId: client_id } = old;
    expect((await requestToken(t.url, { token, client_id }, undefined, '/oauth/revoke')).status).toBe(200);
    const loginTokenId = decode(token).payload.jti as string;
    const ends = await t.world.write((db) => db.findBy(AuditEvent, { event: 'SESSION_ENDED', tokenId: loginTokenId }));
    expect(ends.map(({ details }) => details)).toEqual(reasons);
    const [ended] = await t.world.sessionsOfToken(loginTokenId);
    expect(Number(ended!.endsAt)).toBeLessThanOrEqual(t.clock.now().getTime());
  });

  it('starts no session once it, or the key of its assertion, is revoked; a session that it started ends', async () => {
    const [token, started] = [await newAccessToken(old), await newAccessToken(old)];
    const cookie = cookieOf(await enter(started));
    const client = { id: old.clientId, secret: '' };
    for (const one of [token, started])
      expect((await requestToken(t.url, { token: one }, client, '/oauth/revoke')).status).toBe(200);
    expect(outcomeOf(await enter(token))).toEqual(INVALID);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    const account = await newServiceAccount(t, organizationId);
    await t.world.write((db) => db.update(Client, { id: account.clientId }, { compatibility: 'drillster' }));
    const ofKey = await newAccessToken(account);
    await t.world.write((db) => db.update(ServiceAccountKey, { id: account.keyId }, { revokedAt: new Date() }));
    expect(outcomeOf(await enter(ofKey))).toEqual(INVALID);
  });

  it('is not recorded as one that lets in when openid is in its scope', async () => {
    expect(outcomeOf(await enter(await newAccessToken(old, { scope: 'openid ROLE_USER' })))).toEqual(INVALID);
  });
});

describe('an access token lets nobody in', () => {
  it('without the switch', async () => {
    const token = await newAccessToken(strict);
    expect(outcomeOf(await enter(token))).toEqual(INVALID);
    const id = decode(token).payload.jti as string;
    expect(await t.world.loginToken(id)).toBeNull();
    const uri = `/course?oauth_token=${token}`;
    expect((await PROXIES.traefik(t.url, { uri, headers: { accept: 'text/html' } })).headers.getSetCookie()).toEqual(
      [],
    );
  });

  it('of the service account itself', async () => {
    const { body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion: await assertionOf(t, old) });
    expect(outcomeOf(await enter(body.access_token))).toEqual(INVALID);
  });

  it('of a person', async () => {
    const caller = await t.world.caller();
    expect(outcomeOf(await enter(caller.token))).toEqual(INVALID);
  });
});

async function assertionForUser(): Promise<string> {
  const { id } = await t.world.userOf({ ...strict, token: '' });
  return assertionOf(t, strict, { sub: id });
}

describe('the login token by resource is taken as it is', () => {
  const resource = `${PUBLIC_URL}/login`;
  const metadata = { issuer: PUBLIC_URL, token_endpoint: '' };

  it('by oauth4webapi', async () => {
    const server = { ...metadata, token_endpoint: `${t.url}/oauth/token` };
    const client = { client_id: strict.clientId };
    const parameters = new URLSearchParams({ assertion: await assertionForUser(), resource });
    const response = await oauth4webapi.genericTokenEndpointRequest(
      server,
      client,
      oauth4webapi.None(),
      JWT_BEARER,
      parameters,
      { [oauth4webapi.allowInsecureRequests]: true },
    );
    const tokens = await oauth4webapi.processGenericTokenEndpointResponse(server, client, response);
    expect(tokens.token_type).toBe('bearer');
    expect((await t.login(tokens.access_token)).status).toBe(303);
  });

  it('by openid-client', async () => {
    const server = { ...metadata, token_endpoint: `${t.url}/oauth/token` };
    const configuration = new openid.Configuration(server, strict.clientId, {}, openid.None());
    openid.allowInsecureRequests(configuration);
    const parameters = { assertion: await assertionForUser(), resource };
    const tokens = await openid.genericGrantRequest(configuration, JWT_BEARER, parameters);
    expect(tokens.token_type).toBe('bearer');
    expect((await t.login(tokens.access_token)).status).toBe(303);
  });
});
