import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import axios from 'axios';
import { gaxios, JWT } from 'google-auth-library';
import { importPKCS8, SignJWT } from 'jose';
import { Browser, Latchkey } from './latchkey.js';
import { LIBRARIES } from './libraries.js';

const REDIRECT_URI = 'https://host.example/callback';
/** That of the demo organization's site. */
const FRAME_ORIGIN = 'http://localhost:4000';
const AT_ONCE = 10;
/** What a client is registered with, and at which addresses it was told to ask. */
const KINDS = {
  strict: { fields: {}, paths: '/oauth', version: '2.1.1' },
  'strict and public': { fields: { isPublic: true }, paths: '/oauth', version: '2.1.1' },
  drillster: { fields: { compatibility: 'drillster' }, paths: '/daas/oauth', version: '2' },
};
/** simple-oauth2 has no PKCE, which public clients need; the old ways need the switch. */
const KINDS_OF = {
  'simple-oauth2': ['strict', 'drillster'],
  'axios, as Drillster’s hosts use it': ['drillster'],
};
const ENGINES = process.env.TEST_DATABASE_URL ? ['SQLite', 'PostgreSQL'] : ['SQLite'];

/** With `sub` for whom it asks: itself, or a user. */
const SIGNERS = {
  'google-auth-library': async (url, { id, pem }, sub = id) => {
    const token = `${url}/oauth/token`;
    // The address of Google's token endpoint is written into the library: what is configured is where it leads, and the audience.
    const transporter = new gaxios.Gaxios();
    transporter.interceptors.request.add({
      resolved: async (request) => Object.assign(request, { url: new URL(token) }),
    });
    const options = { email: id, key: pem, subject: sub, scopes: ['ROLE_USER'], additionalClaims: { aud: token } };
    return new JWT({ ...options, transporter }).authorize();
  },
  'axios and jose': signedWithJose,
};

for (const engine of ENGINES) {
  describe(`Latchkey on ${engine}`, () => {
    let latchkey;
    before(async () => {
      latchkey = await Latchkey.start(engine);
    });
    after(() => latchkey.stop());

    for (const [library, useLibrary] of Object.entries(LIBRARIES)) {
      for (const kind of KINDS_OF[library] ?? Object.keys(KINDS)) {
        it(`connects, refreshes, lets in and embeds with ${library} as a ${kind} client`, async () => {
          const { fields, paths, version } = KINDS[kind];
          const client = await newClient(latchkey, fields);
          const host = await useLibrary({
            issuer: latchkey.url,
            addresses: addressesOf(latchkey.url, paths),
            client,
            redirectUri: REDIRECT_URI,
          });
          const landed = await new Browser(latchkey.url).authorize(await host.begin(), latchkey.credentials);
          const tokens = await host.exchange(landed);
          const renewed = await refreshAtOnce(host, tokens, `${latchkey.url}/api/${version}/user`);
          // The newest one refreshes on, whichever of the ten answers a host has kept.
          const { access_token: accessToken, refresh_token: refreshToken } = await host.refresh(
            renewed[0].refresh_token,
          );

          const access = `${latchkey.url}/api/${version}/access/LMS/4711`;
          const { token } = await host.get(accessToken, `${access}?returnTo=/course/1`);
          await letIn(latchkey, `${latchkey.url}/login?oauth_token=${token}`);
          const framed = await host.get(accessToken, `${access}?returnTo=/course/1&embed=${FRAME_ORIGIN}`);
          await embed(latchkey, `${latchkey.url}/login?token=${framed.token}`);

          await host.revoke(refreshToken);
          await assert.rejects(host.refresh(refreshToken), (error) =>
            inspect(error, { depth: 9 }).includes('invalid_grant'),
          );
        });
      }
    }

    for (const [library, askFor] of Object.entries(SIGNERS)) {
      for (const compatibility of [undefined, 'drillster']) {
        it(`lets in by an assertion of ${library}, as a service account with ${compatibility ?? 'no'} compatibility`, async () => {
          const account = await newServiceAccount(latchkey, compatibility);
          const itself = await askFor(latchkey.url, account);
          assert.equal((await getAs(itself.access_token, `${latchkey.url}/api/2.1.1/user`)).id, account.id);
          const { url } = await getAs(
            itself.access_token,
            `${latchkey.url}/api/2.1.1/access/LMS/4711?returnTo=/course/1`,
          );
          await letIn(latchkey, url);

          const forUser = await askFor(latchkey.url, account, 'anna@demo.example');
          const login = await new Browser(latchkey.url).open(`/login?oauth_token=${forUser.access_token}`);
          assert.equal(login.status, compatibility ? 200 : 401);
        });
      }
    }

    it('lets in and embeds by login tokens that axios and jose ask for in one step', async () => {
      const account = await newServiceAccount(latchkey);
      const ask = (fields) =>
        signedWithJose(latchkey.url, account, 'LMS$4711', {
          resource: `${latchkey.url}/login`,
          returnTo: '/course/1',
          ...fields,
        });
      await letIn(latchkey, (await ask()).url);
      await embed(latchkey, (await ask({ embed: FRAME_ORIGIN })).url);
    });
  });
}

function addressesOf(url, paths) {
  return Object.fromEntries(['authorize', 'token', 'revoke'].map((name) => [name, `${url}${paths}/${name}`]));
}

async function newClient(latchkey, fields) {
  const registered = { name: 'Host', redirectUris: [REDIRECT_URI], origins: [FRAME_ORIGIN], ...fields };
  const { id, secret } = await latchkey.call('POST', 'clients', registered);
  return { id, secret };
}

/** Ten page views with one refresh token; every answer is good. */
async function refreshAtOnce(host, tokens, url) {
  const renewed = await Promise.all(Array.from({ length: AT_ONCE }, () => host.refresh(tokens.refresh_token)));
  for (const { access_token: accessToken } of renewed)
    assert.equal((await host.get(accessToken, url)).emailAddress, 'admin@demo.example');
  return renewed;
}

/** The browser lands on the page, signed in as Anna; another one with the same address does not. */
async function letIn(latchkey, url) {
  const browser = new Browser(latchkey.url);
  const login = await browser.open(url);
  assert.deepEqual([login.status, login.headers.get('location')], [303, '/course/1']);
  const session = await browser.open('/session', { headers: { accept: 'application/json' } });
  assert.equal((await session.json()).user.emailAddress, 'anna@demo.example');
  assert.equal((await new Browser(latchkey.url).open(url)).status, 410);
}

/** A window is refused; a frame gets a session of its own. */
async function embed(latchkey, url) {
  const [inWindow, inFrame] = ['document', 'iframe'].map((destination) => ({
    headers: { 'sec-fetch-dest': destination, 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' },
  }));
  const refused = await new Browser(latchkey.url).open(url, inWindow);
  assert.ok(refused.status >= 400, `${refused.status} in a window`);
  const login = await new Browser(latchkey.url).open(url, inFrame);
  assert.deepEqual([login.status, login.headers.get('location')], [303, '/course/1']);
  const [cookie] = login.headers.getSetCookie();
  assert.match(cookie, /^__Host-latchkey-embed=.*Partitioned/);
}

/** A service account that may let the members of the demo's group in, with an RSA key. */
async function newServiceAccount(latchkey, compatibility = '') {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { id, clientId } = await latchkey.call('POST', 'service-accounts', { name: 'Portal' });
  const { kid } = await latchkey.call('POST', `service-account/${id}/keys`, {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
  });
  await latchkey.call('PUT', `user/${id}/permissions/OBTAIN_ACCESS_TOKENS`);
  const { groups } = await latchkey.call('GET', 'groups?query=First');
  await latchkey.call('PUT', `group/${groups[0].id}/staff/${id}/MANAGE`);
  await latchkey.call('PUT', `client/${clientId}`, { origins: [FRAME_ORIGIN], compatibility });
  return { id, kid, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

async function getAs(accessToken, url) {
  return (await axios.get(url, { headers: { Authorization: `Bearer ${accessToken}` } })).data;
}

async function signedWithJose(url, { id, kid, pem }, sub = id, fields = {}) {
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'RS256', kid })
    .setIssuer(id)
    .setSubject(sub)
    .setAudience(`${url}/oauth/token`)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(await importPKCS8(pem, 'RS256'));
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion, ...fields };
  return (await axios.post(`${url}/oauth/token`, new URLSearchParams(grant))).data;
}
