import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuthorizationServer } from '../src/authorization-server/engine/authorization-server.js';
import { User } from '../src/schema/entities/user.entity.js';
import { PasswordsService } from '../src/users/passwords.service.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import {
  actionOf,
  authorizeQuery,
  Browser,
  newPerson,
  newScene,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { Scene } from './support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

/** A browser in which the person of the scene, or somebody else, is signed in for the client of the scene. */
async function signedIn(email = scene.person.emailAddress): Promise<Browser> {
  const browser = new Browser(t);
  await browser.authorize(authorizeQuery(scene.client), email);
  return browser;
}

function begin(browser: Browser, more: Record<string, string> = {}): Promise<Answer> {
  return browser.open(`/oauth/authorize?${authorizeQuery(scene.client, more)}`);
}

/** Has a browser ask for codes all the time. `stop` returns those that it got, once all is answered. */
async function busy({ cookies }: Browser): Promise<{ stop: () => Promise<string[]> }> {
  const codes: string[] = [];
  const running = new Set([1, 2, 3, 4, 5, 6]);
  const ask = async (): Promise<void> => {
    const answer = await begin(Object.assign(new Browser(t), { cookies: new Map(cookies) }));
    expect(answer.status).toBeLessThan(500);
    const code = /[?&]code=([^&]+)/.exec(answer.headers.get('location') ?? '')?.[1];
    if (code) codes.push(code);
  };
  await ask();
  const workers = [...running].map(async (one) => {
    while (running.has(one)) await ask();
  });
  return {
    stop: async () => {
      await setTimeout(50);
      running.clear();
      await Promise.all(workers);
      return codes;
    },
  };
}

function titleOf({ text }: Answer): string | undefined {
  return /<h1>([^<]*)/.exec(text)?.[1];
}

/** Whether the client gets a code without a question. */
async function isSignedIn(browser: Browser): Promise<boolean> {
  const answer = await begin(browser);
  return answer.headers.get('location')?.startsWith(`${REDIRECT_URI}?code=`) ?? false;
}

describe('signing out of the authorization server', () => {
  it('works on the page of the account, which says who is signed in', async () => {
    const browser = await signedIn();
    const page = await browser.open('/oauth/account');
    expect(titleOf(page)).toBe('Your account');
    expect(titleOf(await browser.open(actionOf(page), {}))).toBe('Sign in');
    expect([titleOf(await begin(browser)), await isSignedIn(browser)]).toEqual(['Sign in', false]);
  });

  it('S24: works from pages of the same origin only', async () => {
    for (const path of ['logout', 'login', 'sign-ins/x/end']) {
      const headers = { 'sec-fetch-site': 'same-site' };
      expect((await t.call(`/oauth/account/${path}`, { method: 'POST', headers })).status).toBe(403);
    }
  });

  it('goes with POST /logout, in this browser and in no other', async () => {
    const [browser, other] = [await signedIn(), await signedIn()];
    await browser.open('/logout', {});
    expect([await isSignedIn(browser), await isSignedIn(other)]).toEqual([false, true]);
  });

  it('S35: keeps a sign-in ended that was ended in another browser, also where its answered page is opened again', async () => {
    const { emailAddress } = await newPerson(t, scene.organizationId);
    const browser = new Browser(t);
    const form = actionOf(await begin(browser));
    await browser.open(form, { email: emailAddress, password: PASSWORD });
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
    const other = await signedIn(emailAddress);
    await other.open(/action="([^"]+\/end)"/.exec((await other.open('/oauth/account')).text)![1]!, {});
    await browser.open(form.replace('interaction', 'authorize').replace('/login', ''));
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Sign in');
    expect(titleOf(await other.open('/oauth/account'))).toBe('Your account');
  });

  it.each(['/logout', '/oauth/account/logout', '/console/sign-out', 'the switch of accounts', 'another sign-in'])(
    'S35: with %s, a copy of the cookies does not bring back a sign-in that was answered just before',
    async (how) => {
      const { emailAddress } = await newPerson(t, scene.organizationId);
      const browser = new Browser(t);
      const form = actionOf(await begin(browser));
      const consent = await browser.open(form, { email: emailAddress, password: PASSWORD });
      const cookies = new Map(browser.cookies);
      expect(titleOf(consent)).toBe('Allow access?');
      if (how.startsWith('the switch')) await browser.open(/action="([^"]+\/switch)"/.exec(consent.text)![1]!, {});
      else if (how.startsWith('another'))
        await browser.authorize(authorizeQuery(scene.client, { prompt: 'login' }), scene.person.emailAddress);
      else await browser.open(how, {});
      const copy = Object.assign(new Browser(t), { cookies });
      await copy.open(form.replace('interaction', 'authorize').replace('/login', ''));
      expect(titleOf(await copy.open('/oauth/account'))).toBe('Sign in');
    },
  );

  it('S35: also ends a sign-in whose answer did not reach the browser', async () => {
    const { emailAddress } = await newPerson(t, scene.organizationId);
    const browser = new Browser(t);
    const form = actionOf(await begin(browser));
    const cookies = new Map(browser.cookies);
    const headers = {
      cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = new URLSearchParams({ email: emailAddress, password: PASSWORD }).toString();
    expect((await t.call(form, { method: 'POST', headers, body })).status).toBe(303);
    await browser.open('/logout', {});
    const copy = Object.assign(new Browser(t), { cookies });
    await copy.open(form.replace('interaction', 'authorize').replace('/login', ''));
    expect(titleOf(await copy.open('/oauth/account'))).toBe('Sign in');
  });

  it.each([
    { reason: 'is blocked', act: (id: string) => blocked(id) },
    {
      reason: 'has a new password',
      act: (id: string) => t.nest.get(PasswordsService, { strict: false }).set(id, 'an entirely new password'),
    },
  ])('happens in every browser once the account $reason', async ({ act }) => {
    const person = await newPerson(t, scene.organizationId);
    const browsers = [await signedIn(person.emailAddress), await signedIn(person.emailAddress)];
    await act(person.id);
    for (const browser of browsers) {
      expect(await isSignedIn(browser)).toBe(false);
      expect(titleOf(await browser.open('/oauth/account'))).toBe('Sign in');
    }
  });

  it.each(['/logout', '/oauth/account/logout', '/console/sign-out'])(
    'S35: with %s, requests that are under way in the browser do not bring the sign-in back',
    async (how) => {
      const { emailAddress } = await newPerson(t, scene.organizationId);
      const browser = await signedIn(emailAddress);
      const copy = Object.assign(new Browser(t), { cookies: new Map(browser.cookies) });
      const others = await busy(copy);
      await browser.open(how, {});
      await others.stop();
      expect(await isSignedIn(copy)).toBe(false);
      expect(titleOf(await copy.open('/oauth/account'))).toBe('Sign in');
    },
  );

  it('S35: when an account is blocked, requests that are under way get nothing that counts once it is active again', async () => {
    const person = await newPerson(t, scene.organizationId);
    const browser = await signedIn(person.emailAddress);
    const copy = Object.assign(new Browser(t), { cookies: new Map(browser.cookies) });
    const others = await busy(copy);
    await blocked(person.id);
    const codes = await others.stop();
    await t.world.write((db) => db.update(User, { id: person.id }, { status: 'ACTIVE' }));
    expect(codes.length).toBeGreaterThan(0);
    for (const code of codes.slice(-10)) {
      const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI };
      const { body } = await requestToken(t.url, fields, scene.client);
      expect((await t.as({ token: String(body.access_token) })('/user')).status).toBe(401);
    }
    expect(await isSignedIn(copy)).toBe(false);
  });

  it.each(['as it was', 'under another identifier'])(
    'S35: a session that was ended can’t be stored again %s by a request that had read it',
    async (how) => {
      const { emailAddress } = await newPerson(t, scene.organizationId);
      const browser = await signedIn(emailAddress);
      const { provider } = t.nest.get(AuthorizationServer, { strict: false });
      const session = (await provider.Session.find(browser.cookies.get('latchkey_oauth')!))!;
      await browser.open('/logout', {});
      if (how.startsWith('under')) session.resetIdentifier();
      await expect(session.save(60)).rejects.toMatchObject({ title: 'This sign-in has ended' });
      expect(await provider.Session.find(session.jti)).toBeUndefined();
    },
  );

  it('can be done for another browser, which the page lists, and for nobody else’s', async () => {
    const person = await newPerson(t, scene.organizationId);
    const browser = new Browser(t);
    const wrong = await browser.open('/oauth/account/login', { email: person.emailAddress, password: 'wrong' });
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('is wrong')]);
    await browser.open('/oauth/account/login', { email: person.emailAddress, password: PASSWORD });
    const other = await signedIn(person.emailAddress);
    const end = /action="([^"]+\/end)"/.exec((await browser.open('/oauth/account')).text)![1]!;
    await (await signedIn()).open(end, {});
    expect(await isSignedIn(other)).toBe(true);
    expect((await browser.open(end, {})).text).not.toContain('/end"');
    expect(await isSignedIn(other)).toBe(false);
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Your account');
  });

  it('happens by itself when it is not used for as long as a session may be idle, and at its absolute end', async () => {
    const browser = await signedIn();
    t.clock.advance(1799);
    expect(await isSignedIn(browser)).toBe(true);
    t.clock.advance(1801);
    expect(await isSignedIn(browser)).toBe(false);
    const used = await signedIn();
    for (let seconds = 0; seconds < 43200; seconds += 1700) {
      expect(await isSignedIn(used)).toBe(true);
      t.clock.advance(1700);
    }
    expect(await isSignedIn(used)).toBe(false);
    t.clock.reset();
  });
});

describe('somebody else', () => {
  it('can sign in from the page that asks to agree', async () => {
    const next = await newPerson(t, scene.organizationId);
    const browser = await signedIn();
    const page = await begin(browser, { prompt: 'consent' });
    const form = /action="([^"]+\/switch)"/.exec(page.text)![1]!;
    const asked = await browser.open(form, {});
    expect(titleOf(asked)).toBe('Sign in');
    const consent = await browser.open(actionOf(asked), { email: next.emailAddress, password: PASSWORD });
    expect(titleOf(consent)).toBe('Allow access?');
    expect((await browser.open(actionOf(consent), { answer: 'allow' })).headers.get('location')).toContain('code=');
  });

  it('can sign in where a client asks for it with prompt=login, and in another tab', async () => {
    const next = await newPerson(t, scene.organizationId);
    const browser = await signedIn();
    for (const prompt of ['login', 'login consent']) {
      const asked = await begin(browser, { prompt });
      expect(titleOf(asked)).toBe('Sign in');
      const consent = await browser.open(actionOf(asked), { email: next.emailAddress, password: PASSWORD });
      expect(titleOf(consent)).toBe('Allow access?');
    }
    const fresh = new Browser(t);
    const [one, two] = [await begin(fresh), await begin(fresh)];
    await fresh.open(actionOf(one), { email: scene.person.emailAddress, password: PASSWORD });
    const consent = await fresh.open(actionOf(two), { email: next.emailAddress, password: PASSWORD });
    expect(titleOf(consent)).toBe('Allow access?');
  });
});

describe('prompt=select_account', () => {
  it('shows who is signed in, who can go on', async () => {
    const browser = await signedIn();
    const page = await begin(browser, { prompt: 'select_account' });
    expect([titleOf(page), page.text.includes('Continue as ')]).toEqual(['Choose an account', true]);
    expect((await browser.open(actionOf(page), {})).headers.get('location')).toContain('code=');
  });

  it('lets somebody else sign in, who is not asked again', async () => {
    const browser = await signedIn();
    const page = await begin(browser, { prompt: 'select_account' });
    const asked = await browser.open(/action="([^"]+\/switch)"/.exec(page.text)![1]!, {});
    const next = await newPerson(t, scene.organizationId);
    const consent = await browser.open(actionOf(asked), { email: next.emailAddress, password: PASSWORD });
    expect(titleOf(consent)).toBe('Allow access?');
  });

  it('asks to sign in where nobody is', async () => {
    expect(titleOf(await begin(new Browser(t), { prompt: 'select_account' }))).toBe('Sign in');
  });
});

describe('a form that is sent twice', () => {
  it('leads on: to sign in, and to agree, also if the first answer was lost', async () => {
    for (const isLost of [false, true]) {
      const browser = new Browser(t);
      const signIn = await begin(browser);
      const credentials = { email: scene.person.emailAddress, password: PASSWORD };
      const before = new Map((browser as unknown as { cookies: Map<string, string> }).cookies);
      await browser.open(actionOf(signIn), credentials);
      if (isLost) Object.assign(browser, { cookies: new Map(before) });
      const consent = await browser.open(actionOf(signIn), credentials);
      expect(titleOf(consent)).toBe('Allow access?');
      const agreed = new Map((browser as unknown as { cookies: Map<string, string> }).cookies);
      expect((await browser.open(actionOf(consent), { answer: 'allow' })).headers.get('location')).toContain('code=');
      if (isLost) Object.assign(browser, { cookies: new Map(agreed) });
      expect((await browser.open(actionOf(consent), { answer: 'allow' })).headers.get('location')).toContain('code=');
    }
  });

  it('counts once the first time is long ago like a new request', async () => {
    const browser = new Browser(t);
    const signIn = await begin(browser);
    const credentials = { email: scene.person.emailAddress, password: PASSWORD };
    await browser.open(actionOf(signIn), credentials);
    await browser.open('/oauth/account/logout', {});
    expect((await browser.open(`/oauth/authorize/${actionOf(signIn).split('/')[3]}`)).status).toBe(400);
    const again = await begin(browser);
    const consent = await browser.open(actionOf(again), credentials);
    t.clock.advance(31);
    expect(titleOf(await browser.open(`/oauth/authorize/${actionOf(again).split('/')[3]}`))).toBe('Allow access?');
    expect(titleOf(await browser.open(actionOf(again), { email: 'nobody@nowhere.example', password: 'wrong' }))).toBe(
      'Allow access?',
    );
    expect((await browser.open(actionOf(consent), { answer: 'allow' })).headers.get('location')).toContain('code=');
    t.clock.reset();
  });

  it('leads back on from a page that was answered', async () => {
    const browser = new Browser(t);
    const signIn = actionOf(await begin(browser)).replace('/login', '');
    const consent = actionOf(
      await browser.open(`${signIn}/login`, { email: scene.person.emailAddress, password: PASSWORD }),
    ).replace('/consent', '');
    expect(titleOf(await browser.open(signIn))).toBe('Allow access?');
    await browser.open(`${consent}/consent`, { answer: 'allow' });
    for (const page of [signIn, consent])
      expect((await browser.open(page)).headers.get('location')).toMatch(`${REDIRECT_URI}?code=`);
  });
});

describe('a browser that refuses cookies', () => {
  it('is told so', async () => {
    const begun = await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const { status, text } = await t.call(begun.headers.get('location')!, { headers: { accept: 'text/html' } });
    expect([status, text]).toEqual([400, expect.stringContaining('Allow cookies for this site')]);
  });
});

async function blocked(id: string): Promise<void> {
  await t.send(
    {
      token: (await t.world.caller({ organizationId: scene.organizationId, permissions: ['MANAGE_USERS'] })).token,
    },
    'PUT',
    `/user/${id}`,
    { status: 'BLOCKED' },
  );
  expect(await t.world.write((db) => db.countBy(User, { id, status: 'BLOCKED' }))).toBe(1);
}
