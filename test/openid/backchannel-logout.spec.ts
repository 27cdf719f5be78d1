import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { PUBLIC_URL } from '../support/app.js';
import { LogoutReceiver } from '../support/logout-receiver.js';
import { actionOf, newClient } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';
import { claimsOf, letIn, scene, setUp, signInAt } from './setup.js';

/*
 * The module of the plan `oidcc-backchannel-rp-initiated-logout-certification-test-plan` of the OpenID Foundation's
 * conformance suite, under its name. What else ends a session is in test/applications.
 */

setUp();

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let receiver: LogoutReceiver;
let application: TestClient;

beforeAll(async () => {
  receiver = await LogoutReceiver.start();
  application = await newClient(scene.t, scene.organizationId, {
    application: { backchannelLogoutUri: receiver.url, postLogoutRedirectUris: ['https://host.example/goodbye'] },
  });
});
afterAll(() => receiver.stop());

it('oidcc-backchannel-rp-initiated-logout', async () => {
  const { body: metadata } = await scene.t.call('/.well-known/openid-configuration');
  expect([metadata.backchannel_logout_supported, metadata.backchannel_logout_session_supported]).toEqual([true, true]);

  const browser = await letIn();
  const { id_token } = await signInAt(browser, {}, application);
  const query = { id_token_hint: id_token, post_logout_redirect_uri: 'https://host.example/goodbye', state: 'abc' };
  const page = await browser.open(`/oauth/logout?${new URLSearchParams(query)}`);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)![1]!;
  const { headers } = await browser.open(actionOf(page), { xsrf, logout: 'yes' });
  expect(headers.get('location')).toBe('https://host.example/goodbye?state=abc');

  const [received] = await receiver.first(1, 5_000);
  expect([received!.method, received!.contentType]).toEqual(['POST', 'application/x-www-form-urlencoded']);
  const keys = createLocalJWKSet((await scene.t.call('/oauth/keys')).body);
  const { payload, protectedHeader } = await jwtVerify(received!.token, keys, {
    issuer: PUBLIC_URL,
    audience: application.id,
    typ: 'logout+jwt',
    requiredClaims: ['iat', 'exp', 'jti'],
    currentDate: scene.t.clock.now(),
  });
  const { sub, sid } = await claimsOf(id_token, application);
  expect(protectedHeader.alg).toBe('RS256');
  expect(payload).toMatchObject({ sub, sid, events: { [EVENT]: {} } });
  expect(payload).not.toHaveProperty('nonce');
});
