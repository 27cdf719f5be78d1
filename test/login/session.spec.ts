import { toBytes } from '../../src/common/login-id.js';
import { describe, expect, it } from '@jest/globals';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { cookieOf, PUBLIC_URL } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { assertionOf, JWT_BEARER, newServiceAccount, requestToken } from '../support/oauth.js';
import {
  HOST,
  WINDOW,
  another,
  caller,
  idOf,
  isUnused,
  send,
  setUp,
  t,
  titleOf,
  user,
  visit,
  visitor,
} from './setup.js';

describe('the access call', () => {
  setUp();

  it('seals delivery and session into the record of the token', async () => {
    await t.loginToken(caller, user, '?delivery=link&session=ask');
    const [record] = await t.world.loginTokensOf(user);
    expect(record).toMatchObject({ delivery: 'link', existingSession: 'ask', embedOrigin: null });
  });

  it.each([
    ['delivery=mail', 'delivery'],
    ['delivery=', 'delivery'],
    ['delivery=LINK', 'delivery'],
    ['session=replace', 'session'],
    ['session=', 'session'],
    ['embed=', 'embed'],
    [`embed=${HOST}`, 'embed'],
  ])('answers incorrect_field for %s on a public URL without https', async (query, field) => {
    const answer = await t.as(caller)(`/access/${user}?${query}`);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 400,
      body: { id: 'incorrect_field', description: expect.any(String), field },
    });
    expect(await t.world.loginTokensOf(user)).toEqual([]);
  });

  it.each(['delivery', 'session', 'embed'])('answers invalid_request for %s twice', async (name) => {
    const answer = await t.as(caller)(`/access/${user}?${name}=ask&${name}=link`);
    expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 400, id: 'invalid_request' });
  });

  it('takes the same parameters with the JWT bearer grant', async () => {
    const account = await newServiceAccount(t, caller.organizationId);
    const groupId = await t.world.group(caller.organizationId);
    await t.world.join(user, groupId);
    await t.world.allow(account.id, groupId, 'MANAGE');
    const ask = async (fields: Record<string, string>): Promise<Answer> =>
      requestToken(t.url, {
        grant_type: JWT_BEARER,
        assertion: await assertionOf(t, account, { sub: user }),
        resource: `${PUBLIC_URL}/login`,
        ...fields,
      });
    expect((await ask({ delivery: 'link', session: 'switch' })).status).toBe(200);
    const [record] = await t.world.loginTokensOf(user);
    expect(record).toMatchObject({ delivery: 'link', existingSession: 'switch', embedOrigin: null });
    for (const fields of [{ delivery: 'x' }, { session: 'x' }, { embed: HOST }] as Record<string, string>[]) {
      const { status, body } = await ask(fields);
      expect({ fields, status, error: body.error }).toEqual({ fields, status: 400, error: 'invalid_request' });
    }
  });
});

describe('a live session', () => {
  setUp({ LANDING_URL: '/welcome' });

  /** What a browser may bring. A session that another host started is another delegation; there are no sessions of another kind. */
  const BROWSERS: Record<string, () => Promise<string>> = {
    'no session': async () => '',
    'a session of the same user': () => t.signIn(caller, user),
    'a session of another user': async () => t.signIn(caller, await another()),
    'an expired session of another user': async () => {
      const cookie = await t.signIn(caller, await another());
      t.passIdleTime();
      return cookie;
    },
    'a session of another user that another host started': async () => {
      const other = await t.world.caller();
      return t.signIn(other, (await t.world.userOf(other)).id);
    },
  };
  type Result = 'started' | 'started, and the old one ended' | 'kept, which a page says' | 'kept, and led on' | 'asked';
  const TABLE: Record<string, [keep: Result, doSwitch: Result, ask: Result]> = {
    'no session': ['started', 'started', 'started'],
    'a session of the same user': ['kept, and led on', 'kept, and led on', 'kept, and led on'],
    'a session of another user': ['kept, which a page says', 'started, and the old one ended', 'asked'],
    'an expired session of another user': ['started', 'started', 'started'],
    'a session of another user that another host started': ['kept, which a page says', 'asked', 'asked'],
  };
  const CASES = Object.entries(TABLE).flatMap(([browser, results]) =>
    (['keep', 'switch', 'ask'] as const).map((mode, index) => ({ browser, mode, result: results[index]! })),
  );

  /** What shows each result: the answer, whether the token is unused, and who the old and the new cookie are afterwards. */
  const SHOWN_BY: Record<Result, (before: string | number) => object> = {
    started: () => ({ status: 303, location: '/course', unused: false, old: 401, new: user }),
    'started, and the old one ended': () => ({ status: 303, location: '/course', unused: false, old: 401, new: user }),
    'kept, which a page says': (before) => ({ status: 200, location: null, unused: true, old: before, new: null }),
    'kept, and led on': (before) => ({ status: 303, location: '/course', unused: true, old: before, new: null }),
    asked: (before) => ({ status: 200, location: null, unused: true, old: before, new: null }),
  };

  it.each(CASES)('is $result with session=$mode in a browser with $browser', async ({ browser, mode, result }) => {
    const cookie = await BROWSERS[browser]!();
    const token = await t.loginToken(caller, user, `?session=${mode}&returnTo=/course`);
    const before = await visitor(cookie);
    expect(before === 401).toBe(result === 'started');
    const { status, headers } = await visit(token, { ...WINDOW, cookie });
    const [started] = headers.getSetCookie();
    expect({
      status,
      location: headers.get('location'),
      unused: await isUnused(token),
      old: await visitor(cookie),
      new: started ? await visitor(started.split(';')[0]!) : null,
    }).toEqual(SHOWN_BY[result](before));
  });

  it.each(['keep', 'switch', 'ask'])('is no other one with a bad token of session=%s', async (mode) => {
    const { id: gone, groupId } = await t.world.userOf(caller);
    const query = `?session=${mode}`;
    const used = await t.loginToken(caller, user, query);
    await visit(used);
    const left = await t.loginToken(caller, gone, query);
    await t.world.leave(gone, groupId);
    const revoked = await t.loginToken(caller, await another(), query);
    await t.world.write((db) => db.update(LoginToken, { id: toBytes(idOf(revoked)) }, { revokedAt: Date.now() }));
    const old = await t.loginToken(caller, user, query);
    t.clock.advance(121);
    const cookie = await t.signIn(caller, await another());
    const bad = [used, left, revoked, old, `${old}A`, 'x', ''];
    for (const token of bad)
      for (const answer of [
        await visit(token, { ...WINDOW, cookie }),
        await send(token, 'continue', { ...WINDOW, cookie }),
        await send(token, 'open', { ...WINDOW, cookie }),
      ])
        expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([
          303,
          '/welcome',
          [],
        ]);
    expect(await visitor(cookie)).not.toBe(401);
  });

  it('is asked about on a page that names both users, and nothing happens until the visitor chooses', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?session=ask');
    const page = await visit(token, { ...WINDOW, cookie });
    expect({ status: page.status, title: titleOf(page) }).toEqual({ status: 200, title: 'Continue as somebody else?' });
    for (const part of ['Continue as Noor de Vries', 'Stay signed in as Sem Bakker', '<form method="post">'])
      expect(page.text).toContain(part);
    expect([await isUnused(token), await visitor(cookie)]).toEqual([true, other]);
  });

  it('ends for the other user who is chosen, and its cookie opens nothing any more', async () => {
    const cookie = await t.signIn(caller, await another());
    const token = await t.loginToken(caller, user, '?session=ask&returnTo=/course');
    const answer = await send(token, 'continue', { ...WINDOW, cookie });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/course']);
    expect([await visitor(cookieOf(answer)), await visitor(cookie)]).toEqual([user, 401]);
  });

  it('stays if the visitor wants to stay, and the token stays unused', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?session=ask');
    const answer = await send(token, 'stay', { ...WINDOW, cookie });
    expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([
      303,
      '/welcome',
      [],
    ]);
    expect([await isUnused(token), await visitor(cookie)]).toEqual([true, other]);
  });

  it('that has ended meanwhile is not replaced by somebody who chose to stay', async () => {
    const token = await t.loginToken(caller, user, '?session=ask');
    const answer = await send(token, 'stay');
    expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([303, [], true]);
  });

  it('that has ended meanwhile is in nobody’s way', async () => {
    const token = await t.loginToken(caller, user, '?session=ask');
    expect(await visitor(cookieOf(await send(token, 'continue')))).toBe(user);
  });

  it('that has begun meanwhile is asked about, also if the visitor pressed a button before', async () => {
    const cookie = await t.signIn(caller, await another());
    const token = await t.loginToken(caller, user, '?session=ask&delivery=link');
    const answer = await send(token, 'open', { ...WINDOW, cookie });
    expect([answer.status, titleOf(answer), await isUnused(token)]).toEqual([200, 'Continue as somebody else?', true]);
  });

  it('is kept whatever the visitor answers if the token says so', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?session=keep');
    for (const answer of ['open', 'continue', 'stay'])
      expect((await send(token, answer, { ...WINDOW, cookie })).headers.getSetCookie()).toEqual([]);
    expect([await isUnused(token), await visitor(cookie)]).toEqual([true, other]);
  });

  it('is changed by the token’s record alone, not by what is added to its address', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user);
    const answer = await visit(`${token}&session=switch&delivery=redirect&embed=${HOST}`, { ...WINDOW, cookie });
    expect([answer.status, answer.headers.getSetCookie(), await visitor(cookie)]).toEqual([200, [], other]);
  });

  it('that stays for a link of somebody else is named on a page, and to a program the landing page', async () => {
    const { id } = await t.world.userOf(caller, { name: 'Sem <b>' });
    const cookie = await t.signIn(caller, id);
    const token = await t.loginToken(caller, user);
    const page = await visit(token, { ...WINDOW, cookie });
    expect(page.text).toContain('<h1>You are still signed in as Sem &#60;b&#62;</h1>');
    expect(page.text).toContain('<a href="/welcome">Continue as Sem &#60;b&#62;</a>');
    expect(page.text).not.toContain(token);
    const program = await visit(token, { accept: 'application/json', cookie });
    expect([program.status, program.headers.get('location')]).toEqual([303, '/welcome']);
  });

  it('is switched once: of ten requests at once with one token, one starts a session', async () => {
    const cookie = await t.signIn(caller, await another());
    const token = await t.loginToken(caller, user, '?session=switch');
    const answers = await Promise.all(Array.from({ length: 10 }, () => visit(token, { ...WINDOW, cookie })));
    expect(answers.filter(({ headers }) => headers.getSetCookie().length > 0)).toHaveLength(1);
    expect(await t.world.sessionsOf(user)).toBe(1);
    expect(await visitor(cookie)).toBe(401);
  });

  it('does not end when the switch fails in the middle', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?session=switch');
    const sqlite = process.env.DATABASE_URL === undefined;
    const trigger = sqlite
      ? [`CREATE TRIGGER "refuse" BEFORE UPDATE OF "ends_at" ON "sessions" BEGIN SELECT RAISE(ABORT, 'refused'); END`]
      : [
          `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`,
          `CREATE TRIGGER "refuse" BEFORE UPDATE OF "ends_at" ON "sessions" FOR EACH ROW EXECUTE FUNCTION refuse()`,
        ];
    for (const statement of trigger) await t.world.write((db) => db.query(statement));
    try {
      expect((await visit(token, { ...WINDOW, cookie })).status).toBe(500);
    } finally {
      await t.world.write((db) => db.query(`DROP TRIGGER "refuse"${sqlite ? '' : ' ON "sessions"'}`));
    }
    expect([await visitor(cookie), await isUnused(token)]).toEqual([other, true]);
    expect(await visitor(cookieOf(await visit(token, { ...WINDOW, cookie })))).toBe(user);
  });
});
