import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { User } from '../src/schema/entities/user.entity.js';
import { cookieOf, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import type { TestCaller } from './support/world.js';

const SITE = 'https://latchkey.test';
const WINDOW = { accept: 'text/html', 'sec-fetch-dest': 'document' };
const FRAME = { accept: 'text/html', 'sec-fetch-dest': 'iframe' };

let t: TestApp;
/** The organization that manages the user, and one that the user has joined a group of. */
let own: TestCaller;
let guest: TestCaller;
let user: string;
let emailAddress: string;

beforeAll(async () => {
  t = await TestApp.start({ PUBLIC_URL: SITE, TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => t.stop());
beforeEach(async () => {
  own = await t.world.caller();
  guest = await t.world.caller();
  emailAddress = `${own.clientId}@a.example`;
  const code = await t.world.thirdParty(own.organizationId);
  ({ id: user } = await t.world.userOf(own, { emailAddress, thirdPartyId: [code, 'staff-4711'] }));
  await t.world.write((db) =>
    db.update(User, { id: user }, { yearOfBirth: 1998, description: 'Needs more time', domicile: 'NL' }),
  );
  await admit(user, guest);
});

/** Has a user of `own` join a group of the other organization. */
async function admit(id: string, caller: TestCaller): Promise<void> {
  const group = await t.world.group(caller.organizationId);
  await t.world.join(id, group);
  await t.world.allow(caller.id, group, 'MANAGE');
}

function session(cookie: string): Promise<Answer> {
  return t.call('/session', { headers: { cookie } });
}

function open(token: string, headers: Record<string, string>): Promise<Answer> {
  return t.call(`/login?token=${token}`, { headers });
}

/** What a site is told of the user's third-party IDs. */
async function thirdPartyIdsTold(caller: TestCaller): Promise<string | null> {
  const cookie = await t.signIn(caller, user);
  const answer = await PROXIES.traefik(t.url, { site: SITE, headers: { cookie } });
  expect([answer.status, answer.headers.get('x-latchkey-user')]).toEqual([200, user]);
  return answer.headers.get('x-latchkey-third-party-ids');
}

describe('the session that an organization started for the user of another one', () => {
  it('shows the name and the e-mail address, and nothing else of the account', async () => {
    const name = 'Noor de Vries';
    const { body } = await session(await t.signIn(guest, user));
    expect(body.user).toEqual({ type: 'USER', id: user, name, realName: name, emailAddress });
    expect((await session(await t.signIn(own, user))).body.user).toMatchObject({
      yearOfBirth: 1998,
      description: 'Needs more time',
      thirdPartyIds: [{ id: 'staff-4711' }],
    });
  });

  it('tells no site the third-party IDs of the account', async () => {
    expect(await thirdPartyIdsTold(guest)).toBe('');
    expect(await thirdPartyIdsTold(own)).toContain('staff-4711');
  });

  it('shows and ends the sessions of that organization alone, whichever of the two it is', async () => {
    for (const [mine, theirs] of [
      [guest, own],
      [own, guest],
    ] as const) {
      const [cookie, second, foreign] = [
        await t.signIn(mine, user),
        await t.signIn(mine, user),
        await t.signIn(theirs, user),
      ];
      const idOf = async (one: string): Promise<string> => {
        const page = await t.call('/login/sessions', { headers: { cookie: one } });
        return /id="s-([\w-]+)">[^<]*<\/strong> <mark>/.exec(page.text)![1]!;
      };
      const [ended, kept] = [await idOf(second), await idOf(foreign)];
      const { text } = await t.call('/login/sessions', { headers: { cookie } });
      expect([text.includes(ended), text.includes(kept)]).toEqual([true, false]);
      for (const id of [ended, kept])
        await t.call(`/login/sessions/${id}/end`, {
          method: 'POST',
          headers: { cookie, 'sec-fetch-site': 'same-origin' },
        });
      expect([(await session(second)).status, (await session(foreign)).status]).toEqual([401, 200]);
    }
  });

  it('is not replaced by a token of another organization before the visitor agrees', async () => {
    const cookie = await t.signIn(own, user);
    const { id: other } = await t.world.userOf(guest, { name: 'Sem Bakker' });
    const token = await t.loginToken(guest, other, '?session=switch');
    const asked = await open(token, { ...WINDOW, cookie });
    expect([asked.status, asked.headers.getSetCookie()]).toEqual([200, []]);
    expect(asked.text).toContain('Continue as Sem Bakker');
    expect((await session(cookie)).status).toBe(200);
    const answered = await t.call(`/login?token=${token}`, {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'answer=continue',
    });
    expect((await session(cookieOf(answered))).body.user.id).toBe(other);
    expect((await session(cookie)).status).toBe(401);
  });

  it('is replaced at once by a token of the same organization', async () => {
    const cookie = await t.signIn(guest, user);
    const { id: other } = await t.world.userOf(guest);
    const answer = await open(await t.loginToken(guest, other, '?session=switch'), { ...WINDOW, cookie });
    expect((await session(cookieOf(answer))).body.user.id).toBe(other);
    expect((await session(cookie)).status).toBe(401);
  });

  it('is not replaced at a page of a site either', async () => {
    const cookie = await t.signIn(own, user);
    const { id: other } = await t.world.userOf(guest, { name: 'Sem Bakker' });
    const uri = `/course?oauth_token=${await t.loginToken(guest, other, '?session=switch')}`;
    const asked = await PROXIES.traefik(t.url, { site: SITE, uri, headers: { ...WINDOW, cookie } });
    expect([asked.status, asked.headers.getSetCookie()]).toEqual([401, []]);
    expect(asked.text).toContain('Continue as Sem Bakker');
    expect((await session(cookie)).status).toBe(200);
  });

  it('is not replaced in a frame of the same site', async () => {
    const [first, second] = ['https://a.host.example', 'https://b.host.example'];
    const [one, two] = [await t.world.caller({ origins: [first] }), await t.world.caller({ origins: [second] })];
    const [mine, theirs] = [(await t.world.userOf(one)).id, (await t.world.userOf(two, { name: 'Sem' })).id];
    const cookie = cookieOf(await open(await t.loginToken(one, mine, `?embed=${first}`), FRAME));
    const asked = await open(await t.loginToken(two, theirs, `?embed=${second}`), { ...FRAME, cookie });
    expect([asked.status, asked.headers.getSetCookie()]).toEqual([200, []]);
    expect(asked.text).toContain('Continue as Sem');
    expect((await t.call('/session', { headers: { ...FRAME, cookie, accept: 'application/json' } })).body.user.id).toBe(
      mine,
    );
  });
});
