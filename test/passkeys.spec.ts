import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FailedAttempt } from '../src/schema/entities/failed-attempt.entity.js';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { WRONG_TOKENS_PER_MINUTE } from '../src/limits/attempts.service.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { Authenticator, passkeyOptionsOf } from './support/authenticator.js';
import { actionOf, authorizeQuery, Browser, newPerson, newScene, PASSWORD, REDIRECT_URI } from './support/oauth.js';
import type { Scene } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

/** Passkeys need https and a host name. */
const SITE = 'https://latchkey.test';

let t: TestApp;
let scene: Scene;
let admin: TestCaller;
let person: { id: string; emailAddress: string };

beforeAll(async () => {
  t = await TestApp.start({ PUBLIC_URL: SITE, BRAND_NAME: 'Demo Learning' });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  await t.world.write((db) => db.clear(FailedAttempt));
  scene = await newScene(t);
  admin = await t.world.caller({
    organizationId: scene.organizationId,
    permissions: ['MANAGE_STAFF', 'MANAGE_USERS', 'OBTAIN_ACCESS_TOKENS'],
  });
  person = await newPerson(t, scene.organizationId);
});

const REMOVE = '/oauth/account/passkeys/remove';

function titleOf({ text }: Answer): string | undefined {
  return /<h1>([^<]*)/.exec(text)?.[1];
}

function alertsOf({ text }: Answer): string[] {
  return [...text.matchAll(/role="alert">([^<]*)/g)].map(([, one]) => one!);
}

function codesOf({ text }: Answer): string[] {
  return [...text.matchAll(/<li><code>([a-z0-9-]+)<\/code>/g)].map(([, code]) => code!);
}

async function signedIn(): Promise<Browser> {
  const browser = new Browser(t, SITE);
  await browser.open('/oauth/account/login', { email: person.emailAddress, password: PASSWORD });
  return browser;
}

async function addIn(browser: Browser, authenticator = new Authenticator(SITE)): Promise<Answer> {
  const page = await browser.open('/oauth/account');
  const response = authenticator.make(passkeyOptionsOf(page, 'make'));
  return browser.open('/oauth/account/passkeys', { response, name: 'My telephone' });
}

/** A passkey of the person, and the recovery codes that came with it. */
async function newPasskey(): Promise<{ authenticator: Authenticator; codes: string[] }> {
  const authenticator = new Authenticator(SITE);
  return { authenticator, codes: codesOf(await addIn(await signedIn(), authenticator)) };
}

function begin(browser: Browser): Promise<Answer> {
  return browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
}

/** Signs in for the client of the scene by a passkey. */
async function useIn(browser: Browser, authenticator: Authenticator): Promise<Answer> {
  const page = await begin(browser);
  const response = authenticator.use(passkeyOptionsOf(page, 'use'));
  return browser.open(actionOf(page).replace('/login', '/passkey'), { response });
}

async function requirePasskeys(isRequired = true): Promise<void> {
  const { status, text } = await t.send(admin, 'PUT', '/organization/self', { requiresPasskeys: String(isRequired) });
  if (status !== 200) throw new Error(text);
}

async function signInWith(browser: Browser, password = PASSWORD): Promise<Answer> {
  const page = await begin(browser);
  return browser.open(actionOf(page), { email: person.emailAddress, password });
}

/** Signs in for the client of the scene by a recovery code. */
async function recover(code: string, password = PASSWORD): Promise<Answer> {
  const browser = new Browser(t, SITE);
  const action = actionOf(await signInWith(browser)).replace('/passkey', '/recovery');
  return browser.open(action, { email: person.emailAddress, password, code });
}

it('asks the browser to name passkeys after BRAND_NAME', async () => {
  const options = passkeyOptionsOf(await (await signedIn()).open('/oauth/account'), 'make');
  expect(options.rp).toEqual({ name: 'Demo Learning', id: 'latchkey.test' });
});

describe('a passkey', () => {
  it('is added on the page of the account, with ten recovery codes at first, and then signs in without a password', async () => {
    const browser = await signedIn();
    const authenticator = new Authenticator(SITE);
    const added = await addIn(browser, authenticator);
    expect([titleOf(added), codesOf(added).length]).toEqual(['Your passkey has been added', 10]);
    expect(codesOf(await addIn(browser))).toEqual([]);
    const page = await browser.open('/oauth/account');
    expect(page.text.match(/My telephone/g)).toHaveLength(2);
    expect(page.text).toContain('Recovery codes that are left: 10.');
    const consent = await useIn(new Browser(t, SITE), authenticator);
    expect(titleOf(consent)).toBe('Allow access?');
    expect((await browser.open('/oauth/account')).text).toContain('last used');
  });

  it('leads to a code for the client, and to the page of the account', async () => {
    const { authenticator } = await newPasskey();
    const browser = new Browser(t, SITE);
    const answer = await browser.open(actionOf(await useIn(browser, authenticator)), { answer: 'allow' });
    expect(answer.headers.get('location')).toContain(`${REDIRECT_URI}?code=`);
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
  });

  it('signs for one sign-in in one browser only', async () => {
    const { authenticator } = await newPasskey();
    const [browser, other] = [new Browser(t, SITE), new Browser(t, SITE)];
    const response = authenticator.use(passkeyOptionsOf(await begin(browser), 'use'));
    for (const one of [browser, other]) {
      const page = await begin(one);
      const answer = await one.open(actionOf(page).replace('/login', '/passkey'), { response });
      expect([answer.status, alertsOf(answer)[0]]).toEqual([
        401,
        'This passkey is not known here. It may have been removed.',
      ]);
    }
  });

  it('is refused if the authenticator has not checked who uses it, when made and when used', async () => {
    const careless = new Authenticator(SITE);
    careless.verifiesUser = false;
    expect((await addIn(await signedIn(), careless)).status).toBe(400);
    const { authenticator } = await newPasskey();
    authenticator.verifiesUser = false;
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(401);
  });

  it('is refused if it was made for another site', async () => {
    const elsewhere = new Authenticator('https://latchkey.example.net');
    const answer = await addIn(await signedIn(), elsewhere);
    expect([answer.status, titleOf(answer)]).toEqual([400, 'This request does not work']);
  });

  it('is refused if a copy of its key has signed: its count must grow', async () => {
    const { authenticator } = await newPasskey();
    authenticator.signCount = 5;
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(200);
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(401);
    authenticator.signCount = 6;
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(200);
  });

  it('belongs to one account', async () => {
    const { authenticator } = await newPasskey();
    person = await newPerson(t, scene.organizationId);
    expect((await addIn(await signedIn(), authenticator)).status).toBe(400);
  });

  it.each(['', '{}', 'null', '[]', '{"id":"x"}', '{"id":"../x"}', 'x'.repeat(20_001), '{"id":"AA","response":{}}'])(
    'is refused if the browser answers %.20s',
    async (response) => {
      const browser = new Browser(t, SITE);
      const action = actionOf(await begin(browser)).replace('/login', '/passkey');
      expect([400, 401]).toContain((await browser.open(action, { response })).status);
      const account = await signedIn();
      expect((await account.open('/oauth/account/passkeys', { response, name: 'x' })).status).toBe(400);
    },
  );

  it('stops signing in when it is removed, which ends every other sign-in of the account', async () => {
    const { authenticator } = await newPasskey();
    const [browser, other] = [await signedIn(), await signedIn()];
    const id = authenticator.credentialId.toString('base64url');
    expect(titleOf(await browser.open(REMOVE, { id }))).toBe('Your account');
    expect(titleOf(await other.open('/oauth/account'))).toBe('Sign in');
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(401);
  });

  it('signs its own browser out as well when it is removed there', async () => {
    const { authenticator } = await newPasskey();
    const browser = new Browser(t, SITE);
    await useIn(browser, authenticator);
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
    const id = authenticator.credentialId.toString('base64url');
    expect(titleOf(await browser.open(REMOVE, { id }))).toBe('Sign in');
  });

  it('can be changed for a quarter of an hour after signing in', async () => {
    const browser = await signedIn();
    const { authenticator } = await newPasskey();
    const id = authenticator.credentialId.toString('base64url');
    t.clock.advance(16 * 60);
    expect((await browser.open('/oauth/account')).text).toContain('Sign out and in again to add or remove passkeys.');
    const forms: [string, Record<string, string>][] = [
      [REMOVE, { id }],
      ['/oauth/account/recovery-codes', {}],
      ['/oauth/account/passkeys', { name: 'x', response: '{}' }],
    ];
    for (const [path, form] of forms) expect((await browser.open(path, form)).status).toBe(403);
  });

  it('can’t be removed by somebody else', async () => {
    const { authenticator } = await newPasskey();
    person = await newPerson(t, scene.organizationId);
    const id = authenticator.credentialId.toString('base64url');
    await (await signedIn()).open(REMOVE, { id });
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(200);
  });

  it('does not sign in to a blocked account', async () => {
    const { authenticator } = await newPasskey();
    expect((await t.send(admin, 'PUT', `/user/${person.id}`, { status: 'BLOCKED' })).status).toBe(200);
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(401);
  });

  it('outlives a change of the password, also in the browser that changes it', async () => {
    const { authenticator } = await newPasskey();
    await requirePasskeys();
    const browser = new Browser(t, SITE);
    await useIn(browser, authenticator);
    const password = 'seventeen purple otters';
    const fields = { current: PASSWORD, password, again: password };
    expect(titleOf(await browser.open('/oauth/account/password', fields))).toBe('Your password has been changed');
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
  });

  it('S24: is added and removed by pages of the same origin only', async () => {
    for (const path of ['passkeys', 'passkeys/remove', 'recovery-codes']) {
      const headers = { 'sec-fetch-site': 'cross-site' };
      expect((await t.call(`/oauth/account/${path}`, { method: 'POST', headers })).status).toBe(403);
    }
  });
});

describe('an organization that requires passkeys', () => {
  it('says so, and changes it for staff with MANAGE_STAFF', async () => {
    const plain = await t.world.caller({ organizationId: scene.organizationId, permissions: ['MANAGE_USERS'] });
    const fields = { requiresPasskeys: 'true' };
    expect((await t.send(plain, 'PUT', '/organization/self', fields)).body.id).toBe('not_permitted');
    const { body } = await t.send(admin, 'PUT', '/organization/self', fields);
    expect(body.requiresPasskeys).toBe(true);
    expect((await t.as(plain)('/organization')).body.requiresPasskeys).toBe(true);
    expect((await t.send(admin, 'PUT', '/organization/self', { requiresPasskeys: 'x' })).status).toBe(400);
  });

  it('leads somebody without one to the page of the account, and from there back to the sign-in', async () => {
    await requirePasskeys();
    const browser = new Browser(t, SITE);
    const account = await signInWith(browser);
    expect([titleOf(account), alertsOf(account)[0]]).toEqual([
      'Your account',
      'Your organization asks its staff for a passkey. Add one below to sign in to applications.',
    ]);
    const authenticator = new Authenticator(SITE);
    const response = authenticator.make(passkeyOptionsOf(account, 'make'));
    const action = /action="(\/oauth\/account\/passkeys\?continue=[^"]*)"/.exec(account.text)![1]!;
    const added = await browser.open(action, { response, name: 'Key' });
    expect(codesOf(added)).toHaveLength(10);
    const signIn = await browser.open(/href="(\/oauth\/interaction\/[^"]*)"/.exec(added.text)![1]!);
    const used = authenticator.use(passkeyOptionsOf(signIn, 'use'));
    const consent = await browser.open(actionOf(signIn).replace('/login', '/passkey'), { response: used });
    expect(titleOf(consent)).toBe('Allow access?');
  });

  it('takes a password for nothing but that page', async () => {
    await requirePasskeys();
    const browser = await signedIn();
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
    expect(titleOf(await begin(browser))).toBe('Sign in');
    expect(titleOf(await browser.open('/console/sign-in'))).toBe('Sign in');
  });

  it('takes a password for nothing once the account has a passkey', async () => {
    const { authenticator } = await newPasskey();
    const before = await signedIn();
    await requirePasskeys();
    expect(titleOf(await before.open('/oauth/account'))).toBe('Sign in');
    const answer = await new Browser(t, SITE).open('/oauth/account/login', {
      email: person.emailAddress,
      password: PASSWORD,
    });
    expect([answer.status, titleOf(answer)]).toEqual([403, 'Use your passkey']);
    const browser = new Browser(t, SITE);
    const page = await signInWith(browser);
    expect(titleOf(page)).toBe('Use your passkey');
    const response = authenticator.use(passkeyOptionsOf(page, 'use'));
    expect(titleOf(await browser.open(actionOf(page), { response }))).toBe('Allow access?');
  });

  it('takes a recovery code with the password, once', async () => {
    const { codes } = await newPasskey();
    await requirePasskeys();
    expect((await recover(codes[0]!, 'a wrong password, long enough')).status).toBe(401);
    expect((await recover('abcd-efgh-jkmn-pqrs')).status).toBe(401);
    const typed = codes[0]!.toUpperCase().replaceAll('-', ' ');
    expect(titleOf(await recover(typed))).toBe('Allow access?');
    expect((await recover(codes[0]!)).status).toBe(401);
    const all = await Promise.all(Array.from({ length: 5 }, () => recover(codes[1]!)));
    expect(all.filter((answer) => titleOf(answer) === 'Allow access?')).toHaveLength(1);
  });

  it('takes new recovery codes in place of the earlier ones', async () => {
    const { codes } = await newPasskey();
    const browser = await signedIn();
    const page = await browser.open('/oauth/account/recovery-codes', {});
    await requirePasskeys();
    expect((await recover(codes[0]!)).status).toBe(401);
    expect(titleOf(await recover(codesOf(page)[0]!))).toBe('Allow access?');
  });

  it('lets its staff sign in with a password again when it no longer requires them', async () => {
    await newPasskey();
    await requirePasskeys();
    await requirePasskeys(false);
    expect(titleOf(await signInWith(new Browser(t, SITE)))).toBe('Allow access?');
  });

  it('does not require them of the users whom it manages', async () => {
    await requirePasskeys();
    await t.send(admin, 'DELETE', `/organization/self/staff/${person.id}`);
    expect(titleOf(await signInWith(new Browser(t, SITE)))).toBe('Allow access?');
  });
});

describe('somebody who has lost their passkeys', () => {
  it('adds a new one after an administrator has removed them', async () => {
    const { authenticator } = await newPasskey();
    await requirePasskeys();
    expect((await t.send(admin, 'DELETE', `/user/${person.id}/passkeys`)).status).toBe(204);
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(401);
    expect(alertsOf(await signInWith(new Browser(t, SITE)))[0]).toContain('Add one below');
  });

  it('is helped only by whoever may set a password for them', async () => {
    const { authenticator } = await newPasskey();
    const stranger = await t.world.caller({ permissions: ['MANAGE_USERS'] });
    const plain = await t.world.caller({ organizationId: scene.organizationId });
    expect((await t.send(stranger, 'DELETE', `/user/${person.id}/passkeys`)).body.id).toBe('nonexistent_user');
    expect((await t.send(plain, 'DELETE', `/user/${person.id}/passkeys`)).body.id).toBe('no_access');
    expect((await useIn(new Browser(t, SITE), authenticator)).status).toBe(200);
  });
});

describe('the record', () => {
  it('has what became of passkeys and recovery codes', async () => {
    const { authenticator, codes } = await newPasskey();
    await requirePasskeys();
    await requirePasskeys();
    await recover(codes[0]!);
    await useIn(new Browser(t, SITE), authenticator);
    await t.send(admin, 'DELETE', `/user/${person.id}/passkeys`);
    await requirePasskeys(false);
    const rows = await t.world.write((db) =>
      db.find(AuditEvent, { where: { organizationId: scene.organizationId }, order: { id: 'ASC' } }),
    );
    const about = rows.filter(({ event }) => /PASSKEY|RECOVERY|SIGN_IN/.test(event));
    expect(
      about.map(({ event, details }) => [
        event,
        (details && (JSON.parse(details) as { proof?: string }).proof) ?? null,
      ]),
    ).toEqual([
      ['SIGN_IN_SUCCEEDED', null],
      ['PASSKEY_ADDED', null],
      ['RECOVERY_CODES_MADE', null],
      ['PASSKEYS_REQUIRED', null],
      ['RECOVERY_CODE_USED', null],
      ['SIGN_IN_SUCCEEDED', 'RECOVERY_CODE'],
      ['SIGN_IN_SUCCEEDED', 'PASSKEY'],
      ['PASSKEY_REMOVED', null],
      ['PASSKEYS_NOT_REQUIRED', null],
    ]);
    expect(JSON.stringify(rows)).not.toContain(codes[0]);
  });
});

// An instance remembers in memory who is over the limit, so this is the last test.
describe('wrong passkeys', () => {
  it('are taken from one address only so often in a minute', async () => {
    const browser = new Browser(t, SITE);
    const action = actionOf(await begin(browser)).replace('/login', '/passkey');
    let status = 0;
    for (let i = 0; i <= WRONG_TOKENS_PER_MINUTE; i++) ({ status } = await browser.open(action, { response: '{}' }));
    expect(status).toBe(429);
  });
});
