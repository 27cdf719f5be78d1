import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONSOLE_CLIENT, consoleClientOf } from '../../src/clients/console-client.js';
import { hashSecret, newSecret } from '../../src/common/id.js';
import { MaintenanceService } from '../../src/maintenance/maintenance.service.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { ConsoleSession } from '../../src/schema/entities/console-session.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { PasswordsService } from '../../src/users/passwords.service.js';
import { outcome, PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { actionOf, Browser, newPerson, PASSWORD, requestToken } from '../support/oauth.js';

const API = '/api/2.1.1';
const SESSION = 'latchkey_console';
/** What the console's scripts send, and the browser says of them. */
const FROM_CONSOLE = { 'x-console': '1', 'sec-fetch-site': 'same-origin' };

let t: TestApp;
let organizationId: string;

beforeAll(async () => {
  t = await TestApp.start();
  organizationId = await t.world.organization();
});
afterAll(() => t.stop());

interface SignedIn {
  id: string;
  emailAddress: string;
  browser: Browser;
  secret: string;
}

async function person(...permissions: Permission[]): Promise<{ id: string; emailAddress: string }> {
  const account = await newPerson(t, organizationId);
  await t.world.write(async (db) => {
    for (const permission of permissions) await db.insert(AccountPermission, { userId: account.id, permission });
  });
  return account;
}

async function signedIn(...permissions: Permission[]): Promise<SignedIn> {
  const account = await person(...permissions);
  const browser = new Browser(t);
  await signIn(browser, account.emailAddress);
  return { ...account, browser, secret: secretOf(browser)! };
}

async function signIn(browser: Browser, email: string, to = '/console'): Promise<Answer> {
  const page = await browser.open(`/console/sign-in?to=${encodeURIComponent(to)}`);
  const answer = await browser.open(actionOf(page), { email, password: PASSWORD });
  return answer;
}

function secretOf({ cookies }: Browser): string | undefined {
  return cookies.get(SESSION);
}

/** Calls the API as the console does. */
function api(secret: string, path = '/user', options: { method?: string; headers?: Record<string, string> } = {}) {
  const { method, headers = FROM_CONSOLE } = options;
  return t.call(API + path, { method, headers: { cookie: `${SESSION}=${secret}`, ...headers } });
}

describe('signing in to the console', () => {
  it('leads by the authorization server to the page that was wanted, and asks for no consent', async () => {
    const { emailAddress } = await person();
    const browser = new Browser(t);
    const first = await t.call('/console/sign-in?to=/console/groups');
    const asked = new URL(first.headers.get('location')!, PUBLIC_URL);
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      response_type: 'code',
      client_id: CONSOLE_CLIENT,
      redirect_uri: `${PUBLIC_URL}/console/signed-in`,
      scope: 'ROLE_USER',
      state: expect.stringMatching(/^[\w-]{22}\.[\w-]+$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    const page = await browser.open('/console/sign-in?to=/console/groups?query=x');
    expect(page.text).toContain('<strong>Latchkey console</strong>.');
    const answers = [await browser.open(actionOf(page), { email: emailAddress, password: PASSWORD })];
    expect(answers[0]!.text).toContain('<div id="root">');
    const { status, body } = await api(secretOf(browser)!);
    expect([status, body.emailAddress]).toEqual([200, emailAddress]);
  });

  it('sets a cookie that no script can read, and stores its hash', async () => {
    const { emailAddress, id } = await person();
    const browser = new Browser(t);
    await signIn(browser, emailAddress);
    const again = await t.call(`/console/sign-in`, { headers: cookiesOf(browser) });
    const code = await t.call(again.headers.get('location')!, { headers: cookiesOf(browser) });
    const target = code.headers.get('location')!.replace(PUBLIC_URL, '');
    const { headers } = await t.call(target, { headers: cookiesOf(browser) });
    const [cookie] = headers.getSetCookie();
    expect(cookie).toMatch(/^latchkey_console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    // The new session has taken the place of the one before.
    const rows = await t.world.write((db) => db.findBy(ConsoleSession, { userId: id }));
    const hash = hashSecret(cookie!.slice(cookie!.indexOf('=') + 1, cookie!.indexOf(';')));
    expect(rows.map(({ secretHash, clientId }) => ({ secretHash, clientId }))).toEqual([
      { secretHash: hash, clientId: consoleClientOf(organizationId) },
    ]);
  });

  it.each([
    'https://evil.example/console',
    '//evil.example/console',
    '/oauth/account',
    '/consoles',
    'javascript:1',
    '\\\\evil.example',
  ])('never leads to %s', async (to) => {
    const { emailAddress } = await person();
    const browser = new Browser(t);
    const page = await browser.open(`/console/sign-in?to=${encodeURIComponent(to)}`);
    const state = new URLSearchParams(
      (await t.call(`/console/sign-in?to=${encodeURIComponent(to)}`)).headers.get('location')!.split('?')[1],
    ).get('state')!;
    expect(Buffer.from(state.split('.')[1]!, 'base64url').toString()).toBe('/console');
    await browser.open(actionOf(page), { email: emailAddress, password: PASSWORD });
  });

  it('works in two tabs at once, and a reload of the last address leads on', async () => {
    const { emailAddress } = await person();
    const browser = new Browser(t);
    const [one, two] = [await browser.open('/console/sign-in'), await browser.open('/console/sign-in')];
    for (const page of [one, two]) {
      const { status, text } = await browser.open(actionOf(page), { email: emailAddress, password: PASSWORD });
      expect([status, text.includes('<div id="root">')]).toEqual([200, true]);
    }
    const target = await codeFor(browser);
    for (const attempt of [1, 2]) {
      const { status, headers } = await t.call(target, { headers: cookiesOf(browser) });
      for (const cookie of headers.getSetCookie()) {
        const value = /^latchkey_console=([^;]+)/.exec(cookie)![1]!;
        browser.cookies.set(SESSION, value);
      }
      expect([attempt, status, headers.get('location')]).toEqual([attempt, 303, '/console']);
    }
  });

  it('continues only in the browser that began it, for the target that was asked for, with this issuer', async () => {
    const { browser } = await signedIn();
    const stranger = new Browser(t);
    await stranger.open('/console/sign-in');
    const target = await codeFor(browser);
    const [, state] = /state=([^&]+)/.exec(target)!;
    const other = state!.split('.')[0] + '.' + Buffer.from('/console/else').toString('base64url');
    const none = {
      cookie: [...browser.cookies]
        .filter(([name]) => name !== SESSION)
        .map((pair) => pair.join('='))
        .join('; '),
    };
    for (const [path, headers] of [
      [target, cookiesOf(stranger)],
      [target, {}],
      [target.replace(state!, other), none],
      [target.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example'), none],
      [target.replace(/&iss=[^&]+/, ''), none],
      ['/console/signed-in?error=access_denied', none],
    ] as const) {
      const { status, headers: answered, text } = await t.call(path, { headers });
      expect({ path, status, cookies: answered.getSetCookie() }).toEqual({ path, status: 400, cookies: [] });
      expect(text).toContain('/console/sign-in');
    }
  });

  it('gives tokens that call nothing', async () => {
    const { browser } = await signedIn();
    const [verifier, state] = [newSecret(), 'x.x'];
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: CONSOLE_CLIENT,
      redirect_uri: `${PUBLIC_URL}/console/signed-in`,
      state,
      code_challenge: hashSecret(verifier),
      code_challenge_method: 'S256',
    });
    const { headers } = await t.call(`/oauth/authorize?${query}`, { headers: cookiesOf(browser) });
    const code = new URL(headers.get('location')!).searchParams.get('code')!;
    const answer = await requestToken(t.url, {
      grant_type: 'authorization_code',
      client_id: CONSOLE_CLIENT,
      redirect_uri: `${PUBLIC_URL}/console/signed-in`,
      code,
      code_verifier: verifier,
    });
    expect(Object.keys(answer.body)).not.toContain('refresh_token');
    expect(outcome(await t.as({ token: answer.body.access_token })('/user'))).toEqual([401, 'not_authenticated']);
  });

  it('is refused to an account of no organization', async () => {
    const emailAddress = `${newSecret().toLowerCase()}@nobody.example`;
    const id = await t.world.user({ emailAddress });
    await t.nest.get(PasswordsService, { strict: false }).set(id, PASSWORD);
    const browser = new Browser(t);
    const page = await browser.open('/console/sign-in');
    const answer = await browser.open(actionOf(page), { email: emailAddress, password: PASSWORD });
    expect([answer.status, secretOf(browser)]).toEqual([403, undefined]);
    expect(answer.text).toContain('belongs to no organization');
  });
});

describe('a session of the console', () => {
  it('is answered as a token of the same account is', async () => {
    const { secret, id } = await signedIn('MANAGE_STAFF', 'MANAGE_USERS', 'CREATE_GROUPS');
    const caller = await t.world.caller({
      organizationId,
      permissions: ['MANAGE_STAFF', 'MANAGE_USERS', 'CREATE_GROUPS'],
    });
    for (const path of [
      `/user/${id}`,
      `/user/${id}/permissions`,
      '/organization',
      '/organizations/self/accounts?query=zzz',
      '/groups',
      '/clients',
      '/audit',
      '/user/nobody@demo.example',
      '/access/nobody@demo.example',
    ]) {
      const [by, like] = [await api(secret, path), await t.as(caller)(path)];
      expect({ path, status: by.status, body: by.body }).toEqual({ path, status: like.status, body: like.body });
    }
  });

  it('S24: counts for requests of the console only, from pages of the same origin only', async () => {
    const { secret } = await signedIn('CREATE_GROUPS');
    const header = { 'x-console': '1' };
    const attempts: [Record<string, string>, [number, string]][] = [
      [{}, [401, 'not_authenticated']],
      [{ 'sec-fetch-site': 'same-origin' }, [401, 'not_authenticated']],
      [{ origin: PUBLIC_URL }, [401, 'not_authenticated']],
      [header, [403, 'not_authorized']],
      [{ ...header, 'sec-fetch-site': 'none' }, [403, 'not_authorized']],
      [{ ...header, 'sec-fetch-site': 'same-site', origin: PUBLIC_URL }, [403, 'not_authorized']],
      [{ ...header, 'sec-fetch-site': 'cross-site' }, [403, 'not_authorized']],
      [{ ...header, origin: 'https://evil.example' }, [403, 'not_authorized']],
      [{ ...header, origin: 'null' }, [403, 'not_authorized']],
    ];
    for (const [headers, expected] of attempts)
      for (const [method, path] of [
        ['GET', '/user'],
        ['GET', '/access/self'],
        ['POST', '/groups'],
        ['DELETE', '/user/self'],
      ] as const)
        expect({ headers, path, is: outcome(await api(secret, path, { method, headers })) }).toEqual({
          headers,
          path,
          is: expected,
        });
    expect((await api(secret, '/user', { headers: { ...header, origin: PUBLIC_URL } })).status).toBe(200);
  });

  it('is over within two seconds when the account is blocked, and stays so', async () => {
    const { secret, id } = await signedIn();
    const caller = await t.world.caller({ organizationId, permissions: ['MANAGE_USERS'] });
    expect((await api(secret)).status).toBe(200);
    expect((await t.send(caller, 'PUT', `/user/${id}`, { status: 'BLOCKED' })).status).toBe(200);
    t.clock.advance(2);
    expect(outcome(await api(secret))).toEqual([401, 'not_authenticated']);
    await t.send(caller, 'PUT', `/user/${id}`, { status: 'ACTIVE' });
    t.clock.advance(2);
    expect(outcome(await api(secret))).toEqual([401, 'not_authenticated']);
  });

  it('is not started by the answer to a sign-in that has ended since', async () => {
    const { browser, id } = await signedIn();
    const asked = await t.call('/console/sign-in', { headers: cookiesOf(browser) });
    const code = await t.call(asked.headers.get('location')!, { headers: cookiesOf(browser) });
    const before = cookiesOf(browser);
    await browser.open('/oauth/account/logout', {});
    const answer = await t.call(code.headers.get('location')!.replace(PUBLIC_URL, ''), { headers: before });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    expect(await t.world.write((db) => db.countBy(ConsoleSession, { userId: id }))).toBe(0);
  });

  it('loses a permission as soon as it is taken away', async () => {
    const { secret, id } = await signedIn('MANAGE_SERVICE_ACCOUNTS');
    expect((await api(secret, '/clients')).status).toBe(200);
    await t.world.write((db) => db.delete(AccountPermission, { userId: id }));
    expect(outcome(await api(secret, '/clients'))).toEqual([403, 'not_permitted']);
    await t.world.write((db) => db.update(User, { id }, { staffOrganizationId: null }));
    expect(outcome(await api(secret, '/organizations/self/accounts'))).toEqual([403, 'not_permitted']);
  });

  it('S27: is none of a user who was let in, whatever the cookie is called', async () => {
    const caller = await t.world.caller();
    const { id } = await t.world.userOf(caller);
    const cookie = await t.signIn(caller, id);
    const value = cookie.split('=')[1]!;
    for (const names of [cookie, `${SESSION}=${value}`, `${cookie}; ${SESSION}=${value}`, `__Host-${SESSION}=${value}`])
      expect(outcome(await t.call(`${API}/user`, { headers: { ...FROM_CONSOLE, cookie: names } }))).toEqual([
        401,
        'not_authenticated',
      ]);
    // And it signs nobody in at the authorization server.
    const browser = new Browser(t);
    browser.cookies.set(...(cookie.split('=') as [string, string]));
    expect((await browser.open('/console/sign-in')).text).toContain('<h1>Sign in</h1>');
  });

  it('opens no protected page and no session of a user', async () => {
    const { secret } = await signedIn();
    const cookie = `latchkey=${secret}; ${SESSION}=${secret}`;
    expect(outcome(await t.call('/session', { headers: { cookie } }))).toEqual([401, 'not_authenticated']);
  });

  it.each([
    { how: 'POST /console/sign-out', end: (browser: Browser) => browser.open('/console/sign-out', {}) },
    { how: 'POST /oauth/account/logout', end: (browser: Browser) => browser.open('/oauth/account/logout', {}) },
    { how: 'POST /logout', end: (browser: Browser) => browser.open('/logout', {}) },
  ])('ends with $how, together with the sign-in', async ({ end }) => {
    const { browser, secret } = await signedIn();
    expect((await api(secret)).status).toBe(200);
    await end(browser);
    t.clock.advance(2);
    expect(outcome(await api(secret))).toEqual([401, 'not_authenticated']);
    expect((await browser.open('/console/sign-in')).text).toContain('<h1>Sign in</h1>');
  });

  it('ends at once where somebody signs out, from pages of the same origin only', async () => {
    const { secret } = await signedIn();
    const cookie = `${SESSION}=${secret}`;
    const foreign = await t.call('/console/sign-out', {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-site' },
    });
    expect(outcome(foreign)[0]).toBe(403);
    expect((await api(secret)).status).toBe(200);
    const own = await t.call('/console/sign-out', {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
    });
    expect([own.status, own.headers.getSetCookie().filter((one) => one.startsWith(`${SESSION}=;`)).length]).toEqual([
      204, 1,
    ]);
    expect(outcome(await api(secret))).toEqual([401, 'not_authenticated']);
  });

  it('ends when its sign-in is ended from another browser, and when the password is set', async () => {
    const { emailAddress, id, secret } = await signedIn();
    const other = new Browser(t);
    await signIn(other, emailAddress);
    const page = await other.open('/oauth/account');
    const action = /action="(\/oauth\/account\/sign-ins\/[^"]+)"/.exec(page.text)![1]!;
    await other.open(action, {});
    t.clock.advance(2);
    expect([outcome(await api(secret)), (await api(secretOf(other)!)).status]).toEqual([
      [401, 'not_authenticated'],
      200,
    ]);
    await t.nest.get(PasswordsService, { strict: false }).set(id, `${PASSWORD} and more`);
    t.clock.advance(2);
    expect(outcome(await api(secretOf(other)!))).toEqual([401, 'not_authenticated']);
  });

  it('ends with the client of the console in its organization, which the next sign-in makes again', async () => {
    const { browser, secret, emailAddress } = await signedIn();
    const caller = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const id = consoleClientOf(organizationId);
    const { body } = await t.as(caller)(`/client/${id}`);
    expect(body).toMatchObject({
      name: 'Latchkey console',
      isPublic: true,
      redirectUris: [],
      origins: [],
      secrets: [],
    });
    expect((await t.send(caller, 'DELETE', `/client/${id}`)).status).toBe(200);
    t.clock.advance(2);
    expect(outcome(await api(secret))).toEqual([401, 'not_authenticated']);
    await browser.open('/console/sign-in');
    expect((await api(secretOf(browser)!)).body.emailAddress).toBe(emailAddress);
    expect(await t.world.write((db) => db.countBy(Client, { id }))).toBe(1);
  });

  it('ends 30 minutes after its last use, and 12 hours after its beginning', async () => {
    const [idle, used] = [await signedIn(), await signedIn()];
    for (let minutes = 0; minutes < 31; minutes += 5) {
      expect((await api(used.secret)).status).toBe(200);
      t.clock.advance(5 * 60);
    }
    expect([outcome(await api(idle.secret)), (await api(used.secret)).status]).toEqual([
      [401, 'not_authenticated'],
      200,
    ]);
    for (let hours = 0; hours < 12; hours += 0.4) {
      await api(used.secret);
      t.clock.advance(0.4 * 3600);
    }
    expect(outcome(await api(used.secret))).toEqual([401, 'not_authenticated']);
    await t.nest.get(MaintenanceService, { strict: false }).prune();
    expect(await t.world.write((db) => db.countBy(ConsoleSession, { userId: used.id }))).toBe(0);
  });
});

function cookiesOf({ cookies }: Browser): { cookie: string } {
  return { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
}

/** The redirect URI with a new code for a browser that is signed in. */
async function codeFor(browser: Browser): Promise<string> {
  const begun = await t.call('/console/sign-in', { headers: cookiesOf(browser) });
  const { headers } = await t.call(begun.headers.get('location')!, { headers: cookiesOf(browser) });
  return headers.get('location')!.replace(PUBLIC_URL, '');
}
