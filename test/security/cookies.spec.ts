import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { LETTING_PASS } from '../support/asking-proxies.js';
import { raw } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

const SITE = 'https://latchkey.test';
/** As Chromium keeps it from a subdomain: what stands before the name is a part of it. */
const LOOKALIKES = ['\xa0', '\x85', '\xef\xbb\xbf', '"', '='].map((before) => `${before}__Host-latchkey`);

let t: TestApp;
let caller: TestCaller;
/** Somebody's session, and that of whoever plants a cookie. */
let mine: string;
let planted: string;
let user: string;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1', PUBLIC_URL: SITE });
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  mine = await t.signIn(caller, user);
  planted = (await t.signIn(caller, (await t.world.userOf(caller)).id)).split('=')[1]!;
});

function send(method: string, path: string, cookie: string): Promise<Answer> {
  return raw(t.url, path, { method, headers: { cookie, accept: 'application/json', 'sec-fetch-site': 'same-origin' } });
}

async function visitor(cookie: string): Promise<string | number> {
  const { status, body } = await send('GET', '/session', cookie);
  return status === 200 ? body.user.id : status;
}

describe('a name that only looks like ours', () => {
  it.each(LOOKALIKES)('S35: (%j) is no session, and hides none', async (name) => {
    expect([await visitor(`${name}=${planted}`), await visitor(`${name}=${planted}; ${mine}`)]).toEqual([401, user]);
    const answer = await send('GET', `/login?token=${await t.loginToken(caller, user)}`, `${name}=${planted}`);
    expect([answer.status, answer.headers.getSetCookie().length]).toEqual([303, 1]);
    await send('POST', '/logout', `${name}=${mine.split('=')[1]!}`);
    expect(await visitor(mine)).toBe(user);
  });

  it.each(LETTING_PASS)('S35: is no session on a site behind $proxy, and does not reach it', async ({ ask }) => {
    for (const name of LOOKALIKES) {
      const alone = await ask(t.url, { site: SITE, headers: { cookie: `a=1; ${name}=${planted}` } });
      expect([alone.status, alone.headers.get('x-latchkey-user')]).not.toContain(200);
      const both = await ask(t.url, { site: SITE, headers: { cookie: `${name}=${planted}; a=1; ${mine}` } });
      expect([both.status, both.headers.get('x-latchkey-user'), both.headers.get('cookie')]).toEqual([
        200,
        user,
        'a=1',
      ]);
    }
  });
});

describe('two cookies of one name', () => {
  it('S35: are no session, in any order, and logging out ends neither', async () => {
    const twice = [`${mine}; __Host-latchkey=${planted}`, `__Host-latchkey=${planted}; ${mine}`, `${mine}; ${mine}`];
    for (const cookie of twice) {
      expect(await visitor(cookie)).toBe(401);
      expect((await send('POST', '/logout', cookie)).status).toBe(204);
    }
    expect(await visitor(mine)).toBe(user);
  });

  it.each(LETTING_PASS)('S35: are no session on a site behind $proxy', async ({ ask }) => {
    await ask(t.url, { site: SITE, headers: { cookie: mine } });
    const { status } = await ask(t.url, { site: SITE, headers: { cookie: `${mine}; __Host-latchkey=${planted}` } });
    expect(status).not.toBe(200);
  });
});
