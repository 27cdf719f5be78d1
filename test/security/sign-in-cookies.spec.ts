import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { actionOf, authorizeQuery, Browser, newPerson, newScene, PASSWORD, REDIRECT_URI } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

describe.each([
  { over: 'https', PUBLIC_URL: 'https://latchkey.test', prefix: '__Host-' },
  { over: 'http', PUBLIC_URL: 'http://latchkey.test', prefix: '' },
])('over $over', ({ PUBLIC_URL, prefix }) => {
  let t: TestApp;
  let scene: Scene;

  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL });
    scene = await newScene(t);
  });
  afterAll(() => t.stop());

  /** A browser, with every cookie that it was given, as it was given it. */
  function newBrowser(given: string[] = []): Browser {
    const recording = {
      call: async (path: string, options: Parameters<typeof t.call>[1]): Promise<Answer> => {
        const answer = await call(t.url, path, options);
        given.push(...answer.headers.getSetCookie());
        return answer;
      },
    };
    return new Browser(recording, PUBLIC_URL);
  }

  async function begin(browser: Browser, more: Record<string, string> = {}): Promise<Answer> {
    return browser.open(`/oauth/authorize?${authorizeQuery(scene.client, more)}`);
  }

  it('S35: every cookie of a sign-in is for this host alone, for every path, hidden from scripts, and gone with the browser', async () => {
    const given: string[] = [];
    const target = await newBrowser(given).authorize(authorizeQuery(scene.client), scene.person.emailAddress);
    expect(target.searchParams.get('code')).toBeTruthy();
    const names = new Set(given.map((cookie) => cookie.split('=')[0]));
    expect([...names].toSorted()).toEqual([`${prefix}latchkey_browser`, `${prefix}latchkey_oauth`]);
    for (const cookie of given)
      expect(
        cookie
          .split('; ')
          .slice(1)
          .map((attribute) => attribute.toLowerCase())
          .toSorted(),
      ).toEqual(['httponly', 'path=/', 'samesite=lax', ...(prefix ? ['secure'] : [])].toSorted());
  });

  it('S35: a sign-in goes on in no other browser: not its page, its forms, nor the way back', async () => {
    const attacker = newBrowser();
    const uid = actionOf(await begin(attacker)).split('/')[3]!;
    const victim = newBrowser();
    await begin(victim);
    const credentials = { email: scene.person.emailAddress, password: PASSWORD };
    const forms: Record<string, Record<string, string>> = {
      login: credentials,
      consent: { answer: 'allow' },
      switch: {},
      continue: {},
    };
    for (const browser of [victim, newBrowser()]) {
      expect((await browser.open(`/oauth/interaction/${uid}`)).status).toBe(400);
      for (const [form, fields] of Object.entries(forms))
        expect((await browser.open(`/oauth/interaction/${uid}/${form}`, fields)).status).toBe(400);
      expect((await browser.open(`/oauth/authorize/${uid}`)).status).toBe(400);
    }
    // It is still where it was, and its browser can go on.
    expect(
      (await attacker.open(actionOf(await attacker.open(`/oauth/interaction/${uid}`)), credentials)).text,
    ).toContain('Allow access?');
  });

  it('S35: what a browser is planted under the names that the engine uses itself changes nothing', async () => {
    const attacker = newBrowser();
    const uid = actionOf(await begin(attacker)).split('/')[3]!;
    const planted = ['interaction', 'resume', 'latchkey_interaction', 'latchkey_resume', '\xa0__Host-latchkey_browser']
      .map((name) => `${name}=${uid}`)
      .join('; ');
    const given: string[] = [];
    const victim = new Browser(
      {
        call: async (path, options) => {
          const cookie = `${planted}; ${options!.headers!.cookie}`;
          const answer = await t.call(path, { ...options, headers: { ...options!.headers, cookie } });
          given.push(...answer.headers.getSetCookie());
          return answer;
        },
      },
      PUBLIC_URL,
    );
    const code = (await victim.authorize(authorizeQuery(scene.client), scene.person.emailAddress)).searchParams.get(
      'code',
    );
    expect(code).toBeTruthy();
    expect(given.join()).not.toContain(uid);
    // The attacker's browser is asked to sign in, as before.
    expect((await attacker.open(`/oauth/authorize/${uid}`)).text).toContain('<h1>Sign in</h1>');
  });

  it('S35: two cookies with the name of the sign-in session are none', async () => {
    const cookies: string[] = [];
    const browser = new Browser(
      { call: async (path, options) => (cookies.push(options!.headers!.cookie!), t.call(path, options)) },
      PUBLIC_URL,
    );
    await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
    const [session] = cookies.at(-1)!.match(/[^ ]*latchkey_oauth=[^;]*/)!;
    const location = async (cookie: string): Promise<string> =>
      (await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}`, { headers: { cookie } })).headers.get(
        'location',
      )!;
    expect(await location(session)).toContain(REDIRECT_URI);
    expect(await location(`${session}; ${prefix}latchkey_oauth=planted`)).not.toContain(REDIRECT_URI);
  });

  it('S22: a sign-in session gets another identifier when somebody signs in, and one that a browser brought does not survive', async () => {
    const given: string[] = [];
    const browser = newBrowser(given);
    await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
    const before = given.filter((cookie) => cookie.includes('latchkey_oauth=')).length;
    const next = await newPerson(t, scene.organizationId);
    const page = await begin(browser, { prompt: 'login' });
    await browser.open(actionOf(page), { email: next.emailAddress, password: PASSWORD });
    const values = given.filter((cookie) => cookie.includes('latchkey_oauth=')).map((cookie) => cookie.split(';')[0]);
    expect(values.slice(before)).not.toEqual([]);
    expect(values.at(-1)).not.toBe(values[before - 1]);
  });
});
