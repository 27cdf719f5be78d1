import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../src/app/setup.js';
import { hashSecret, newSecret } from '../src/common/id.js';
import { loadSettings } from '../src/config/settings.js';
import { GeneralRevocationService } from '../src/general-revocation/general-revocation.service.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { GeneralRevocation } from '../src/schema/entities/general-revocation.entity.js';
import { OAuthRecord } from '../src/schema/entities/oauth-record.entity.js';
import { RecoveryCode } from '../src/schema/entities/recovery-code.entity.js';
import { SigningKey } from '../src/schema/entities/signing-key.entity.js';
import { UnverifiedEmailAddress } from '../src/schema/entities/unverified-email-address.entity.js';
import { UsedAssertion } from '../src/schema/entities/used-assertion.entity.js';
import { KeyRing } from '../src/tokens/key-ring.js';
import { SigningKeysService } from '../src/tokens/signing-keys.service.js';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { call, outcome, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import { runCli } from './support/built-cli.js';
import { rememberSecret } from './support/canary.js';
import { decode } from './support/forge.js';
import {
  actionOf,
  assertionOf,
  authenticationOf,
  Browser,
  JWT_BEARER,
  newCode,
  newKeyClient,
  newScene,
  newTokens,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { Scene } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

const HOUR = 3600;
/** Seconds by which clocks may differ. */
const SKEW = 60;

let t: TestApp;
let other: NestFastifyApplication;
let urls: string[];
let scene: Scene;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
  other = await createApp(loadSettings(testEnvironment()), t.clock);
  await other.listen(0, '127.0.0.1');
  urls = [t.url, await other.getUrl()];
});
afterAll(async () => {
  await other.close();
  await t.stop();
});
beforeEach(async () => {
  t.clock.reset();
  // What the test before has left may be of the future.
  await t.world.write((db) => db.clear(GeneralRevocation));
  await t.world.write((db) => db.clear(SigningKey));
  await t.nest.get(SigningKeysService, { strict: false }).makeMissing();
  // A name that nobody has makes an instance look what keys there are.
  for (const app of [t.nest, other]) await app.get(KeyRing, { strict: false }).find('ACCESS', 'none');
  scene = await newScene(t);
  caller = await t.world.caller({ organizationId: scene.organizationId });
  user = (await t.world.userOf(caller)).id;
});

/** Revokes everything, as a restore does, and waits until every instance knows of it. */
async function revokeAll(): Promise<{ sessions: number; tokens: number }> {
  const effects = await t.nest.get(GeneralRevocationService, { strict: false }).revoke('RESTORE');
  t.clock.advance(2);
  return effects;
}

/** What each instance answers. */
function everywhere(path: string, headers: Record<string, string>): Promise<unknown[][]> {
  return Promise.all(urls.map(async (url) => outcome(await call(url, path, { headers }))));
}

function grant(assertion: string): Promise<Answer> {
  return requestToken(urls[1]!, { grant_type: JWT_BEARER, assertion });
}

async function eventsOf(organizationId: string): Promise<unknown[]> {
  const rows = await t.world.write((db) => db.find(AuditEvent, { where: { organizationId }, order: { id: 'ASC' } }));
  return rows
    .filter(({ event }) => ['ACCESS_REVOKED', 'SESSION_ENDED', 'ALL_REVOKED'].includes(event))
    .map(({ event, userId, actorId, details }) => ({ event, userId, actorId, details }));
}

describe('after everything was revoked', () => {
  it('no session goes on and no login token starts one, on any instance, and the record has the reason of each', async () => {
    const cookie = await t.signIn(caller, user);
    const unused = await t.loginToken(caller, user);
    const used = await t.loginToken(caller, user);
    expect((await t.login(used)).status).toBe(303);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);

    expect(await revokeAll()).toEqual({ sessions: 2, tokens: 1 });
    expect(await everywhere('/session', { cookie })).toEqual([
      [401, 'not_authenticated'],
      [401, 'not_authenticated'],
    ]);
    for (const token of [unused, used])
      expect(
        (await everywhere(`/login?token=${token}`, { accept: 'application/json' })).map(([status]) => status),
      ).toEqual([401, 401]);
    const ended = { event: 'SESSION_ENDED', userId: user, actorId: null, details: '{"reason":"ALL_REVOKED"}' };
    expect(await eventsOf(scene.organizationId)).toEqual([
      { event: 'ACCESS_REVOKED', userId: user, actorId: null, details: '{"reason":"ALL_REVOKED"}' },
      ended,
      ended,
      { event: 'ALL_REVOKED', userId: null, actorId: null, details: '{"reason":"RESTORE"}' },
    ]);
  });

  it('hosts go on with a new access token: what is issued then starts sessions', async () => {
    await revokeAll();
    const token = await t.nest
      .get(CallerTokensService, { strict: false })
      .mint({ by: 'id', id: caller.id }, HOUR, caller.clientId);
    const cookie = await t.signIn({ ...caller, token }, user);
    expect((await everywhere('/session', { cookie })).map(([status]) => status)).toEqual([200, 200]);
  });

  it('no access token is accepted, of the command line, of a person or of a service account', async () => {
    const assertion = await assertionOf(t, scene.account);
    const { body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion });
    const tokens = [caller.token, (await newTokens(scene)).access_token, body.access_token as string];
    for (const token of tokens)
      expect((await everywhere('/api/2.1.1/user', { authorization: `Bearer ${token}` }))[0]![0]).toBe(200);
    await revokeAll();
    for (const token of tokens)
      expect(await everywhere('/api/2.1.1/user', { authorization: `Bearer ${token}` })).toEqual([
        [401, 'not_authenticated'],
        [401, 'not_authenticated'],
      ]);
  });

  it('codes and refresh tokens are refused, and browsers have to sign in again', async () => {
    const code = await newCode(scene);
    const { refresh_token } = await newTokens(scene);
    const browser = new Browser(t);
    const page = await browser.open('/console/sign-in?to=/console');
    await browser.open(actionOf(page), { email: scene.person.emailAddress, password: PASSWORD });
    const api = { cookie: `latchkey_console=${browser.cookies.get('latchkey_console')}`, 'x-console': '1' };
    const begun = new Browser(t);
    const form = actionOf(await begun.open('/console/sign-in?to=/console'));
    expect((await everywhere('/api/2.1.1/user', { ...api, 'sec-fetch-site': 'same-origin' }))[0]![0]).toBe(200);
    expect((await browser.open('/oauth/account')).text).toContain('Your account');

    await revokeAll();
    for (const url of urls) {
      const exchange = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI };
      expect((await requestToken(url, exchange, scene.client)).body.error).toBe('invalid_grant');
      const refresh = { grant_type: 'refresh_token', refresh_token };
      expect((await requestToken(url, refresh, scene.client)).body.error).toBe('invalid_grant');
    }
    expect(
      (await everywhere('/api/2.1.1/user', { ...api, 'sec-fetch-site': 'same-origin' })).map(([status]) => status),
    ).toEqual([401, 401]);
    expect((await browser.open('/oauth/account')).text).not.toContain('Your account');
    const late = await begun.open(form, { email: scene.person.emailAddress, password: PASSWORD });
    expect(late.text).toContain('start again');
  });

  it('an assertion that was used before is refused, also if the database has forgotten that', async () => {
    const used = await assertionOf(t, scene.account);
    expect((await grant(used)).status).toBe(200);
    await t.world.write((db) => db.clear(UsedAssertion));
    await revokeAll();
    const detail = 'the assertion is from before all tokens were revoked: sign a new one';
    const { status, body } = await grant(used);
    expect([status, body]).toEqual([
      400,
      { id: 'invalid_grant', error: 'invalid_grant', description: detail, error_description: detail },
    ]);
    // A clock may be a minute ahead, so one that says that it is from after the instant can have been used before.
    const ahead = await assertionOf(t, scene.account, { iat: Math.floor(t.clock.now().getTime() / 1000) + SKEW - 3 });
    expect((await grant(ahead)).body.error).toBe('invalid_grant');
    t.clock.advance(SKEW);
    expect((await grant(await assertionOf(t, scene.account))).status).toBe(200);
  });

  it('an assertion that does not say when it was made is refused for as long as one of before is valid', async () => {
    await revokeAll();
    t.clock.advance(2 * SKEW);
    const exp = Math.floor(t.clock.now().getTime() / 1000) + 300;
    expect((await grant(await assertionOf(t, scene.account, { iat: undefined, exp }))).body.error).toBe(
      'invalid_grant',
    );
    expect((await grant(await assertionOf(t, scene.account, { iat: undefined, exp, nbf: exp - 300 }))).status).toBe(
      200,
    );
    t.clock.advance(HOUR);
    expect((await grant(await assertionOf(t, scene.account, { iat: undefined }))).status).toBe(200);
  });

  it('a client can authenticate again only with an assertion of after', async () => {
    const client = await newKeyClient(t, scene.organizationId);
    const begin = async (claims: Record<string, unknown> = {}) => {
      const now = Math.floor(t.clock.now().getTime() / 1000);
      const parameters = await authenticationOf(client, { iat: now, exp: now + 300, ...claims });
      return { ...parameters, grant_type: 'authorization_code', code: 'none', redirect_uri: REDIRECT_URI };
    };
    const used = await begin();
    // A client that has authenticated gets to the next question, that of the code.
    expect((await requestToken(t.url, used)).body.error).toBe('invalid_grant');
    await t.world.write((db) => db.delete(OAuthRecord, { kind: 'ReplayDetection' }));
    await revokeAll();
    expect((await requestToken(t.url, used)).body.error).toBe('invalid_client');
    const now = Math.floor(t.clock.now().getTime() / 1000);
    expect((await requestToken(t.url, await begin({ iat: now + 2 * SKEW }))).body.error).toBe('invalid_client');
    t.clock.advance(SKEW);
    expect((await requestToken(t.url, await begin())).body.error).toBe('invalid_grant');
  });

  it('links for passwords and addresses are refused, and recovery codes are gone', async () => {
    const { stdout } = await runCli('password-link', '--user', scene.person.id);
    const path = stdout.trim().slice('http://latchkey.test'.length);
    expect((await t.call(path)).status).toBe(200);
    const secret = newSecret();
    rememberSecret(secret);
    await t.world.write(async (db) => {
      await db.insert(RecoveryCode, { userId: scene.person.id, codeHash: hashSecret('code') });
      await db.insert(UnverifiedEmailAddress, {
        userId: user,
        address: 'new@person.example',
        isPrimary: false,
        linkHash: hashSecret(secret),
        linkExpiresAt: new Date(t.clock.now().getTime() + HOUR * 1000),
        linkMadeBy: user,
      });
    });
    await revokeAll();
    expect((await t.call(path)).status).toBe(401);
    expect((await t.call(`/login/email-address?token=${secret}`)).status).toBe(401);
    await t.world.write(async (db) => {
      expect(await db.countBy(RecoveryCode, { userId: scene.person.id })).toBe(0);
      expect(await db.findOneByOrFail(UnverifiedEmailAddress, { userId: user })).toMatchObject({
        address: 'new@person.example',
        linkHash: null,
      });
    });
  });

  it('a signing key that was revoked and has come back signs and verifies nothing', async () => {
    const { kid } = decode(caller.token).header;
    await revokeAll();
    await t.world.write(async (db) => {
      const key = await db.findOneByOrFail(SigningKey, { kid: kid as string });
      expect(key.retiredAt!.getTime()).toBeLessThanOrEqual(t.clock.now().getTime());
    });
    for (const url of urls) {
      const { body } = await call(url, '/oauth/keys');
      expect(body.keys.map((key: { kid: string }) => key.kid)).not.toContain(kid);
    }
  });

  it('passwords and rights are as before', async () => {
    await revokeAll();
    expect((await newTokens(scene)).access_token).toEqual(expect.any(String));
    expect(await t.world.write((db) => db.countBy(AccountPermission, { userId: caller.id }))).toBeGreaterThan(0);
  });
});

it('several instances that revoke everything at once each do so, and one key of each purpose is left', async () => {
  const services = [t.nest, other].map((app) => app.get(GeneralRevocationService, { strict: false }));
  await Promise.all([...services, ...services].map((service) => service.revoke('FAILOVER')));
  const now = t.clock.now();
  const live = await t.world.write((db) => db.find(SigningKey));
  const purposes = live.filter(({ retiredAt }) => !retiredAt || retiredAt > now).map(({ purpose }) => purpose);
  expect(purposes.toSorted()).toEqual(['ACCESS', 'ID_EDDSA', 'ID_ES256', 'ID_RS256', 'LOGIN']);
});

it('the command revokes everything once the operator confirms what it costs', async () => {
  const cookie = await t.signIn(caller, user);
  const asked = await runCli('revoke-all');
  expect(asked).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--yes') });
  expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
  const { code, stderr } = await runCli('revoke-all', '--yes');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/Everything is revoked\. Ended: \d+ open session/)]);
  t.clock.advance(2);
  expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  expect(await eventsOf(scene.organizationId)).toContainEqual({
    event: 'ALL_REVOKED',
    userId: null,
    actorId: null,
    details: '{"reason":"OPERATOR"}',
  });
});
