import { beforeAll, describe, expect, it } from '@jest/globals';
import { PUBLIC_URL } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { actionOf, newClient, PASSWORD } from '../support/oauth.js';
import type { Browser, TestClient } from '../support/oauth.js';
import { ask, letIn, scene, setUp, signInAt, userinfo } from './setup.js';

/*
 * The modules of the plan `oidcc-rp-initiated-logout-certification-test-plan` of the OpenID Foundation's conformance suite,
 * under their names, for a user whom a host has let in.
 */

setUp();

const AFTERWARDS = 'https://host.example/goodbye';

let application: TestClient;

beforeAll(async () => {
  const { t, organizationId } = scene;
  application = await newClient(t, organizationId, { application: { postLogoutRedirectUris: [AFTERWARDS] } });
});

async function signedIn(): Promise<{ browser: Browser; id_token: string; access_token: string }> {
  const browser = await letIn();
  return { browser, ...(await signInAt(browser, {}, application)) };
}

function logOut(browser: Browser, query: Record<string, string>): Promise<Answer> {
  return browser.open(`/oauth/logout?${new URLSearchParams(query)}`);
}

/** Sends the form of the page. A script does it where the application has proven where it comes from. */
function confirm(browser: Browser, page: Answer, more: Record<string, string> = { logout: 'yes' }): Promise<Answer> {
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)![1]!;
  return browser.open(actionOf(page), { xsrf, ...more });
}

/** The fields of the form that a script of the page sends. */
function fieldsOf({ text }: Answer): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
  );
}

function locationOf({ headers }: Answer): string | null {
  return headers.get('location');
}

async function isSignedOut(browser: Browser, access_token: string): Promise<boolean> {
  const isGone = !browser.cookies.has('latchkey') && (await userinfo(access_token)).status === 401;
  return (
    isGone && (await ask(browser, { prompt: 'none' }, application)).headers.get('location')!.includes('login_required')
  );
}

it('oidcc-rp-initiated-logout', async () => {
  const { browser, id_token, access_token } = await signedIn();
  const page = await logOut(browser, { id_token_hint: id_token, post_logout_redirect_uri: AFTERWARDS, state: 'a b' });
  expect([page.status, page.text.includes('/oauth/continue.js')]).toEqual([200, true]);
  expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://host.example");
  expect(locationOf(await confirm(browser, page))).toBe(`${AFTERWARDS}?state=a+b`);
  expect(await isSignedOut(browser, access_token)).toBe(true);
});

it.each([
  ['oidcc-rp-initiated-logout-bad-id-token-hint', (token: string) => `${token.slice(0, -4)}AAAA`],
  ['oidcc-rp-initiated-logout-modified-id-token-hint', (token: string) => `${token.slice(0, 40)}A${token.slice(41)}`],
])('%s', async (_name, modified) => {
  const { browser, id_token, access_token } = await signedIn();
  const page = await logOut(browser, { id_token_hint: modified(id_token), post_logout_redirect_uri: AFTERWARDS });
  expect([page.status, locationOf(page)]).toEqual([400, null]);
  expect((await userinfo(access_token)).status).toBe(200);
});

it.each([
  ['oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', 'https://evil.example/'],
  ['oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', `${AFTERWARDS}?foo=bar`],
])('%s', async (_name, uri) => {
  const { browser, id_token, access_token } = await signedIn();
  const page = await logOut(browser, { id_token_hint: id_token, post_logout_redirect_uri: uri });
  expect([page.status, locationOf(page)]).toEqual([400, null]);
  expect((await userinfo(access_token)).status).toBe(200);
});

it('oidcc-rp-initiated-logout-no-id-token-hint', async () => {
  const { browser, access_token } = await signedIn();
  const page = await logOut(browser, { post_logout_redirect_uri: AFTERWARDS, client_id: application.id });
  expect(page.text).toContain('Log out?');
  expect(page.text).not.toContain('/oauth/continue.js');
  expect(locationOf(await confirm(browser, page))).toBe(AFTERWARDS);
  expect(await isSignedOut(browser, access_token)).toBe(true);
});

it.each([
  ['oidcc-rp-initiated-logout-no-params', {}],
  ['oidcc-rp-initiated-logout-only-state', { state: 'abc' }],
])('%s', async (_name, query) => {
  const { browser, access_token } = await signedIn();
  const page = await confirm(browser, await logOut(browser, query));
  expect([page.status, page.text.includes('You are logged out')]).toEqual([200, true]);
  expect(await isSignedOut(browser, access_token)).toBe(true);
});

it('oidcc-rp-initiated-logout-no-post-logout-redirect-uri', async () => {
  const { browser, id_token, access_token } = await signedIn();
  const page = await confirm(browser, await logOut(browser, { id_token_hint: id_token, state: 'abc' }));
  expect([page.status, page.text.includes('You are logged out')]).toEqual([200, true]);
  expect(await isSignedOut(browser, access_token)).toBe(true);
});

it('oidcc-rp-initiated-logout-no-state', async () => {
  const { browser, id_token } = await signedIn();
  const page = await logOut(browser, { id_token_hint: id_token, post_logout_redirect_uri: AFTERWARDS });
  expect(locationOf(await confirm(browser, page))).toBe(AFTERWARDS);
});

describe('a logout', () => {
  it('that the user declines leaves the session, and ends what the application itself was granted', async () => {
    const { browser, access_token } = await signedIn();
    const other = await signInAt(browser);
    const page = await logOut(browser, { client_id: application.id, post_logout_redirect_uri: AFTERWARDS });
    expect(locationOf(await confirm(browser, page, {}))).toBe(AFTERWARDS);
    expect((await userinfo(access_token)).status).toBe(401);
    expect((await userinfo(other.access_token)).status).toBe(200);
    expect(browser.cookies.has('latchkey')).toBe(true);
  });

  it('that the user declines is not taken for one, if there is no page to go on to', async () => {
    const { browser, access_token } = await signedIn();
    const page = await confirm(browser, await logOut(browser, {}), {});
    expect([page.status, page.text.includes('You are still logged in')]).toEqual([200, true]);
    expect((await userinfo(access_token)).status).toBe(200);
  });

  it('that is confirmed twice has a page with which the user sees that they are logged out', async () => {
    const { browser } = await signedIn();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const page = await logOut(browser, {});
    expect(page.text).toContain('/login/once.js');
    await confirm(browser, page);
    const again = await scene.t.call('/oauth/logout/confirm', {
      method: 'POST',
      headers: {
        cookie,
        accept: 'text/html',
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'xsrf=x&logout=yes',
    });
    expect([again.status, again.text.includes('This logout does not work')]).toEqual([400, true]);
    const [link] = /\/oauth\/logout(?=">Log out<)/.exec(again.text)!;
    const sent = await browser.open(link);
    expect((await browser.open(new URL(actionOf(sent), PUBLIC_URL).pathname, fieldsOf(sent))).text).toContain(
      'You are logged out',
    );
  });

  it('asks if the browser would also lose the sign-in of somebody else', async () => {
    const { browser, id_token } = await signedIn();
    const form = await ask(browser, { prompt: 'login' });
    await browser.open(actionOf(form), { email: scene.person.emailAddress, password: PASSWORD });
    const page = await logOut(browser, { id_token_hint: id_token });
    expect(page.text).toContain('Stay logged in');
    await confirm(browser, page);
    expect([...browser.cookies.keys()]).toEqual([]);
    expect((await browser.open('/oauth/account')).text).toContain('type="password"');
  });

  it('needs the form of this site and its secret', async () => {
    const { browser, id_token, access_token } = await signedIn();
    const page = await logOut(browser, { id_token_hint: id_token });
    for (const more of [{}, { logout: 'yes' }] as Record<string, string>[]) {
      const forged = await browser.open(actionOf(page), { xsrf: 'a'.repeat(48), ...more });
      expect([forged.status, forged.headers.getSetCookie(), (await userinfo(access_token)).status]).toEqual([
        400,
        [],
        200,
      ]);
    }
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const elsewhere = await scene.t.call('/oauth/logout/confirm', {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'logout=yes',
    });
    expect([elsewhere.status, (await userinfo(access_token)).status]).toEqual([403, 200]);
  });

  it('by the token of somebody else’s session asks first', async () => {
    const { id_token } = await signedIn();
    const other = await signedIn();
    const page = await logOut(other.browser, { id_token_hint: id_token, post_logout_redirect_uri: AFTERWARDS });
    expect(page.text).toContain('Stay logged in');
  });

  it('posted by another site leads to the ordinary page', async () => {
    const { headers, status } = await scene.t.call('/oauth/logout', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `client_id=${application.id}&state=x`,
    });
    expect([status, headers.get('location')]).toEqual([303, `/oauth/logout?client_id=${application.id}&state=x`]);
  });
});
