import { Script } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { newSecret } from '../../src/common/id.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { cookieOf } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { raw } from '../support/raw.js';
import {
  FRAME,
  HOST,
  HTML,
  OWN_FORM,
  WINDOW,
  another,
  caller,
  isUnused,
  policyOf,
  send,
  setUp,
  t,
  titleOf,
  user,
  visit,
  visitor,
} from './setup.js';

describe('a link', () => {
  setUp({ LANDING_URL: '/welcome' });

  it('that is opened twice on one page leads on, also if the browser has dropped the first answer', async () => {
    const token = await t.loginToken(caller, user, '?delivery=link&returnTo=/course');
    const visitOf = async (): Promise<string> =>
      / name="visit" value="([\w-]{43})"/.exec((await visit(token)).text)![1]!;
    const [mine, other] = [await visitOf(), await visitOf()];
    const open = (secret: string, headers: Record<string, string> = {}): Promise<Answer> =>
      raw(t.url, `/login?token=${token}`, {
        method: 'POST',
        headers: { ...WINDOW, ...OWN_FORM, ...headers },
        body: `answer=open&visit=${secret}`,
      });
    const first = await open(mine);
    const cookie = cookieOf(first);
    for (const headers of [{}, { cookie }] as Record<string, string>[]) {
      const again = await open(mine, headers);
      expect([again.status, again.headers.get('location')]).toEqual([303, '/course']);
      for (const set of again.headers.getSetCookie()) expect(set.split(';')[0]).toBe(cookie);
    }
    // The page of another browser, and what is made up, get nothing; in the same browser a second window leads on.
    for (const secret of [other, newSecret()])
      expect([(await open(secret)).status, (await open(secret)).headers.getSetCookie()]).toEqual([410, []]);
    expect((await open(other, { cookie })).headers.get('location')).toBe('/course');
    t.clock.advance(31);
    expect((await open(mine)).status).toBe(410);
    t.clock.reset();
  });

  it('shows a page instead of starting the session, and its form starts it', async () => {
    const token = await t.loginToken(caller, user, '?delivery=link&returnTo=/course');
    const page = await visit(token);
    expect([page.status, page.headers.getSetCookie(), await isUnused(token)]).toEqual([200, [], true]);
    expect(page.text).toContain('<form method="post"><button type="submit" name="answer" value="open">');
    const answer = await send(token, 'open');
    expect([answer.status, answer.headers.get('location'), answer.text]).toEqual([303, '/course', '']);
    expect(await visitor(cookieOf(answer))).toBe(user);
  });

  it('tells previews nothing about anybody', async () => {
    const { text } = await visit(await t.loginToken(caller, user, '?delivery=link'));
    for (const secret of ['Noor', 'Host system', 'Academy', user]) expect(text).not.toContain(secret);
  });

  it.each([
    { of: 'a window', headers: WINDOW, hasScript: true },
    { of: 'a frame', headers: FRAME, hasScript: false },
    { of: 'a program that says nothing', headers: { accept: HTML }, hasScript: false },
    {
      of: 'a scanner of mails',
      headers: { accept: '*/*', 'user-agent': 'Mozilla/5.0 (compatible; SafeLinks/1.0)' },
      hasScript: false,
    },
    {
      of: 'a fetch as a document',
      headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'no-cors', accept: HTML },
      hasScript: false,
    },
  ] as { of: string; headers: Record<string, string>; hasScript: boolean }[])(
    'opens by itself in a window only: script for $of: $hasScript',
    async ({ headers, hasScript }) => {
      const token = await t.loginToken(caller, user, '?delivery=link');
      for (let time = 0; time < 3; time++) {
        const page = await visit(token, headers);
        expect([page.status, page.text.includes('<script src="/login/continue.js" defer></script>')]).toEqual([
          200,
          hasScript,
        ]);
        expect(policyOf(page).includes("script-src 'self'")).toBe(hasScript);
      }
      expect(await isUnused(token)).toBe(true);
      expect((await send(token, 'open')).status).toBe(303);
    },
  );

  it('has its script from here, as a script', async () => {
    const { status, headers, text } = await t.call('/login/continue.js');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(() => new Script(text)).not.toThrow();
  });

  it('says on its page when it was used or has expired, and what to do', async () => {
    const token = await t.loginToken(caller, user, '?delivery=link');
    await send(token, 'open');
    for (const answer of [await visit(token), await send(token, 'open')])
      expect([answer.status, titleOf(answer)]).toEqual([410, 'This link was already used']);
    const late = await t.loginToken(caller, user, '?delivery=link');
    t.clock.advance(121);
    for (const answer of [await visit(late), await send(late, 'open')])
      expect([answer.status, titleOf(answer)]).toEqual([410, 'This link has expired']);
  });

  it('is good when the page is, not when the button is pressed: what is gone meanwhile starts nothing', async () => {
    const token = await t.loginToken(caller, user, '?delivery=link');
    await visit(token);
    await t.world.write((db) => db.update(User, { id: user }, { status: 'BLOCKED' }));
    expect([(await send(token, 'open')).status, await isUnused(token)]).toEqual([401, true]);
  });

  it('starts one session, however often the button is pressed at once', async () => {
    const token = await t.loginToken(caller, user, '?delivery=link');
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(token, 'open')));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([303, ...Array.from({ length: 9 }, () => 410)]);
  });

  it('with a session to switch from waits for the button too', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?delivery=link&session=switch');
    expect(titleOf(await visit(token, { ...WINDOW, cookie }))).toBe('One more step');
    expect(await visitor(cookie)).toBe(other);
    const started = await send(token, 'open', { ...WINDOW, cookie });
    expect([await visitor(cookie), await visitor(cookieOf(started))]).toEqual([401, user]);
  });

  it('lets a form lead to the site on which the visitor lands', async () => {
    const token = await t.loginToken(caller, user, `?delivery=link&returnTo=${HOST}/course`);
    expect(policyOf(await visit(token))).toContain("form-action 'self' https:");
    expect((await send(token, 'open')).headers.get('location')).toBe(`${HOST}/course`);
  });

  it.each(['answer=', 'answer=no', 'answer=open&answer=stay'])('starts nothing for %j', async (body) => {
    const token = await t.loginToken(caller, user, '?delivery=link');
    const { status } = await raw(t.url, `/login?token=${token}`, {
      method: 'POST',
      headers: { ...WINDOW, ...OWN_FORM },
      body,
    });
    expect([status, await isUnused(token)]).toEqual([400, true]);
  });
});
