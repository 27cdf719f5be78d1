import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { hashSecret, newClientId, newId, newSecret } from '../../src/common/id.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { ClientRedirectUri } from '../../src/schema/entities/client-redirect-uri.entity.js';
import { ClientSecret } from '../../src/schema/entities/client-secret.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { TestApp } from '../support/app.js';
import { rememberSecret } from '../support/canary.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { Proxy } from '../support/proxy.js';
import type { TestCaller } from '../support/world.js';

/** A CGI program that says who has signed in, and who has let them in. */
const WHO_AM_I =
  '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n%s\\n%s\\n%s" "$REMOTE_USER" "$OIDC_CLAIM_name" "$OIDC_CLAIM_act"\n';
/** Milliseconds in which an application knows that a session has ended. */
const SOON_MS = 2_000;

let t: TestApp;
let apache: Proxy;
let browser: Browser;
let caller: TestCaller;
let user: string;
/** The origin of the application. */
let site: string;

beforeAll(async () => {
  const port = await freePort();
  // Cookies know no ports, so the service and the application need different names.
  t = await TestApp.start({ PUBLIC_URL: `http://localhost:${port}` }, port);
  browser = await launchChromium();
  site = `http://127.0.0.1:${await freePort()}`;
  caller = await t.world.caller({ permissions: [...PERMISSIONS], origins: [site] });
  apache = await startApache(await newApplication());
});
afterAll(async () => {
  await browser?.close();
  await apache?.stop();
  await t?.stop();
});
beforeEach(async () => {
  ({ id: user } = await t.world.userOf(caller, { name: 'Anna' }));
});

async function newApplication(): Promise<{ id: string; secret: string }> {
  const [id, secret, createdAt] = [newClientId(), newSecret(), new Date()];
  rememberSecret(secret);
  const { organizationId } = caller;
  await t.world.write(async (db) => {
    await db.insert(Client, {
      id,
      name: 'Apache',
      organizationId,
      createdAt,
      initiateLoginUri: `${site}/course/openid`,
      backchannelLogoutUri: `${site}/course/openid?logout=backchannel`,
    });
    await db.insert(ClientRedirectUri, { clientId: id, uri: `${site}/course/openid` });
    await db.insert(ClientOrigin, { clientId: id, origin: site, organizationId });
    await db.insert(ClientSecret, { id: newId(), clientId: id, secretHash: hashSecret(secret), createdAt });
  });
  return { id, secret };
}

/** Apache with Debian's module for OpenID Connect, as its documentation configures it. */
function startApache({ id, secret }: { id: string; secret: string }): Promise<Proxy> {
  const { host } = new URL(site);
  return Proxy.apache(
    ['authn_core', 'authz_user', 'alias', 'cgid', 'auth_openidc'],
    `Listen ${host}
ScriptSock cgi.sock
OIDCProviderMetadataURL ${t.url.replace('127.0.0.1', 'localhost')}/.well-known/openid-configuration
OIDCClientID ${id}
OIDCClientSecret ${secret}
OIDCRedirectURI ${site}/course/openid
OIDCCryptoPassphrase ${newSecret()}
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCSessionType server-cache
ScriptAlias /course/ whoami/
ScriptAlias /open open
<Location /course>
  AuthType openid-connect
  Require valid-user
</Location>
<Location /open>
  Require all granted
</Location>`,
    `${site}/open`,
    { whoami: WHO_AM_I, open: '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nopen"\n' },
  );
}

/** The link with which the host sends the user to a page of the application. */
async function link(): Promise<string> {
  const { body } = await t.as(caller)(`/access/${user}?returnTo=${encodeURIComponent(`${site}/course/1?part=2`)}`);
  return body.url;
}

/** The addresses of the documents that the browser has shown, without those that only led on. */
function documentsOf(page: Page): string[] {
  const shown: string[] = [];
  page.on('response', (response) => {
    const isDocument = response.request().resourceType() === 'document';
    if (isDocument && (response.status() < 300 || response.status() > 399)) shown.push(response.url());
  });
  return shown;
}

describe('Apache with libapache2-mod-auth-openidc', () => {
  it('has signed the user in after one link, at the page that the host named', async () => {
    const page = await (await browser.newContext()).newPage();
    const shown = documentsOf(page);
    await page.goto(await link());
    expect(shown).toEqual([`${site}/course/1?part=2`]);
    const [sub, name, act] = (await page.textContent('body'))!.split('\n');
    expect([sub, name]).toEqual([expect.stringContaining(user), 'Anna']);
    expect(JSON.parse(act!)).toEqual({ sub: caller.id, client_id: caller.clientId });
    await page.context().close();
  });

  it('takes no code that another browser has got', async () => {
    const [mine, other] = [await browser.newContext(), await browser.newContext()];
    let stolen = await link();
    while (!stolen.startsWith(`${site}/course/openid?`) || !stolen.includes('code=')) {
      const { location } = (await mine.request.get(stolen, { maxRedirects: 0 })).headers();
      stolen = new URL(location!, stolen).href;
    }
    const victim = await other.newPage();
    const answer = await victim.goto(stolen);
    expect(answer!.status()).toBeGreaterThanOrEqual(400);
    await victim.goto(`${site}/course/1`);
    expect(new URL(victim.url()).origin).not.toBe(site);
    await Promise.all([mine.close(), other.close()]);
  });

  it('has signed the user out within two seconds after an administrator has ended the session', async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(await link());
    const [session] = (await t.as(caller)(`/sessions?user=${user}`)).body.sessions;
    expect((await t.send(caller, 'DELETE', `/session/${session.id}`)).status).toBe(204);
    const endedAt = performance.now();
    do await page.goto(`${site}/course/1`);
    while (page.url().startsWith(site) && performance.now() - endedAt < SOON_MS);
    expect(new URL(page.url()).origin).toBe(new URL(t.url).origin.replace('127.0.0.1', 'localhost'));
    const { body } = await t.as(caller)(`/session/${session.id}/applications`);
    expect(body.applications).toEqual([expect.objectContaining({ status: 'NOTIFIED', attempts: 1 })]);
    await page.context().close();
  });
});
