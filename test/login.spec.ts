import { Script } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newSecret } from '../src/common/id.js';
import { LoginToken } from '../src/schema/entities/login-token.entity.js';
import { Session } from '../src/schema/entities/session.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { LoginService } from '../src/sessions/login/login.service.js';
import type { LoginOutcome } from '../src/sessions/login/login.service.js';
import { cookieOf, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { decode } from './support/forge.js';
import { assertionOf, JWT_BEARER, newServiceAccount, requestToken } from './support/oauth.js';
import { raw } from './support/raw.js';
import type { TestCaller } from './support/world.js';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
const HOST = 'https://host.example';
const HTTPS = 'https://latchkey.test';
/** What a browser says of a visit in a window, of one in a frame, and of a form on a page of ours. */
const WINDOW = { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', accept: HTML };
const FRAME = { 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate', accept: HTML };
const OWN_FORM = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };

let t: TestApp;
let caller: TestCaller;
let user: string;

async function arrange(): Promise<void> {
  t.clock.reset();
  caller = await t.world.caller({ origins: [HOST, 'https://portal.host.example'] });
  ({ id: user } = await t.world.userOf(caller, { name: 'Noor de Vries' }));
}

async function another(): Promise<string> {
  return (await t.world.userOf(caller, { name: 'Sem Bakker' })).id;
}

// `fetch` sends a Sec-Fetch-Mode of its own.
function visit(token: string, headers: Record<string, string> = WINDOW): Promise<Answer> {
  return raw(t.url, `/login?token=${token}`, { headers });
}

/** Sends the form of a page of ours. */
function send(token: string, answer: string, headers: Record<string, string> = WINDOW): Promise<Answer> {
  return raw(t.url, `/login?token=${token}`, {
    method: 'POST',
    headers: { ...headers, ...OWN_FORM },
    body: `answer=${answer}`,
  });
}

/** Whom the service takes a browser with this cookie for; a frame's page asks with a `fetch`. */
async function visitor(cookie: string): Promise<string | number> {
  const { status, body } = await raw(t.url, '/session', { headers: { cookie, 'sec-fetch-dest': 'empty' } });
  return status === 200 ? body.user.id : status;
}

function idOf(token: string): string {
  return decode(token).payload.jti as string;
}

async function isUnused(token: string): Promise<boolean> {
  return (await t.world.write((db) => db.countBy(Session, { loginTokenId: idOf(token) }))) === 0;
}

function titleOf({ text }: Answer): string | undefined {
  return /<h1>(.*)<\/h1>/.exec(text)?.[1];
}

function policyOf({ headers }: Answer): string[] {
  return headers.get('content-security-policy')!.split('; ');
}

describe('the access call', () => {
  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  it('seals delivery and session into the record of the token', async () => {
    await t.loginToken(caller, user, '?delivery=link&session=ask');
    const [record] = await t.world.write((db) => db.findBy(LoginToken, { userId: user }));
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
    expect(await t.world.write((db) => db.countBy(LoginToken, { userId: user }))).toBe(0);
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
    const [record] = await t.world.write((db) => db.findBy(LoginToken, { userId: user }));
    expect(record).toMatchObject({ delivery: 'link', existingSession: 'switch', embedOrigin: null });
    for (const fields of [{ delivery: 'x' }, { session: 'x' }, { embed: HOST }] as Record<string, string>[]) {
      const { status, body } = await ask(fields);
      expect({ fields, status, error: body.error }).toEqual({ fields, status: 400, error: 'invalid_request' });
    }
  });
});

describe('a live session', () => {
  beforeAll(async () => {
    t = await TestApp.start({ LANDING_URL: '/welcome' });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  /** What a browser may bring. A session that another host started is another delegation; there are no sessions of another kind. */
  const BROWSERS: Record<string, () => Promise<string>> = {
    'no session': async () => '',
    'a session of the same user': () => t.signIn(caller, user),
    'a session of another user': async () => t.signIn(caller, await another()),
    'an expired session of another user': async () => {
      const cookie = await t.signIn(caller, await another());
      t.clock.advance(1801);
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
    await t.world.write((db) => db.update(LoginToken, { id: idOf(revoked) }, { revokedAt: new Date() }));
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
    expect(await t.world.write((db) => db.countBy(Session, { userId: user }))).toBe(1);
    expect(await visitor(cookie)).toBe(401);
  });

  it('does not end when the switch fails in the middle', async () => {
    const other = await another();
    const cookie = await t.signIn(caller, other);
    const token = await t.loginToken(caller, user, '?session=switch');
    const sqlite = process.env.DATABASE_URL === undefined;
    const trigger = sqlite
      ? [`CREATE TRIGGER "refuse" BEFORE UPDATE OF "ended_at" ON "sessions" BEGIN SELECT RAISE(ABORT, 'refused'); END`]
      : [
          `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`,
          `CREATE TRIGGER "refuse" BEFORE UPDATE OF "ended_at" ON "sessions" FOR EACH ROW EXECUTE FUNCTION refuse()`,
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

describe('a link', () => {
  beforeAll(async () => {
    t = await TestApp.start({ LANDING_URL: '/welcome' });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

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

describe('a frame', () => {
  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL: HTTPS });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  const EMBED = `?embed=${HOST}`;

  it.each([
    'https://elsewhere.example',
    'http://host.example',
    `${HOST}/`,
    `${HOST}/course`,
    `${HOST}:443`,
    'https://HOST.example',
    'https://sub.host.example',
    '*',
    'null',
    "'self'",
    `${HOST} https://evil.example`,
    '',
  ])('is not for %j, which is no origin of the client', async (origin) => {
    const answer = await t.as(caller)(`/access/${user}?embed=${encodeURIComponent(origin)}`);
    expect({ status: answer.status, id: answer.body.id, field: answer.body.field }).toEqual({
      status: 400,
      id: 'incorrect_field',
      field: 'embed',
    });
  });

  it('is not for what is registered but no origin', async () => {
    caller = await t.world.caller({ origins: [`${HOST}; script-src *`, 'myapp://host'] });
    ({ id: user } = await t.world.userOf(caller));
    for (const origin of [`${HOST}; script-src *`, 'myapp://host'])
      expect((await t.as(caller)(`/access/${user}?embed=${encodeURIComponent(origin)}`)).status).toBe(400);
  });

  it('has a cookie of its own that is partitioned, and a session that says the same', async () => {
    const answer = await visit(await t.loginToken(caller, user, EMBED), FRAME);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    const [cookie, ...others] = answer.headers.getSetCookie();
    expect(others).toEqual([]);
    const [pair, ...attributes] = cookie!.split('; ');
    expect(pair).toMatch(/^__Host-latchkey-embed=[\w-]{43}$/);
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
    expect(await visitor(pair!)).toBe(user);
  });

  it('is where its token works, and nowhere else', async () => {
    const token = await t.loginToken(caller, user, EMBED);
    for (const headers of [WINDOW, { accept: HTML }]) {
      const answer = await visit(token, headers);
      expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([400, [], true]);
    }
    expect((await visit(token, FRAME)).status).toBe(303);
  });

  it('is where its session works, and nowhere else', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const landing = async (headers: Record<string, string>): Promise<string | undefined> =>
      titleOf(await raw(t.url, '/', { headers: { ...headers, cookie } }));
    expect(await landing(FRAME)).toBe('You are signed in');
    expect(await landing(WINDOW)).toBe('You are not signed in');
    expect(await landing({})).toBe('You are not signed in');
    const secret = cookie.split('=')[1]!;
    for (const name of ['__Host-latchkey', 'latchkey', '__Host-latchkey-EMBED', 'latchkey-embed'])
      expect(await visitor(`${name}=${secret}`)).toBe(401);
  });

  it('does not take the session of a window under its own name', async () => {
    const secret = (await t.signIn(caller, user)).split('=')[1]!;
    expect(await visitor(`__Host-latchkey-embed=${secret}`)).toBe(401);
  });

  it('is refused as an outcome of the login, which says who may frame the page and where the token led', async () => {
    const redeem = (token: string, headers: Record<string, string>): Promise<LoginOutcome> =>
      t.nest.get(LoginService).redeem({ headers, query: { token }, ip: '127.0.0.1' });
    const page = { embedOrigin: HOST, returnTo: '/course' };
    const token = await t.loginToken(caller, user, `${EMBED}&returnTo=/course`);
    const refused = (id: string): unknown => ({ is: 'refused', error: expect.objectContaining({ id }), page });
    expect(await redeem(token, WINDOW)).toEqual(refused('invalid_request'));
    expect(await redeem(token, FRAME)).toMatchObject({ is: 'started' });
    expect(await redeem(token, FRAME)).toEqual(refused('token_used'));
    const late = await t.loginToken(caller, user, `${EMBED}&returnTo=/course`);
    t.clock.advance(121);
    expect(await redeem(late, FRAME)).toEqual(refused('token_expired'));
    const forged = await redeem('forged', WINDOW);
    expect(forged).toEqual({ is: 'refused', error: expect.objectContaining({ id: 'invalid_token' }) });
  });

  it('shows pages that only the origin of its token can frame', async () => {
    const token = await t.loginToken(caller, user, `${EMBED}&delivery=link`);
    const button = await visit(token, FRAME);
    const cookie = cookieOf(await send(token, 'open', FRAME));
    const landing = await raw(t.url, '/', { headers: { ...FRAME, cookie } });
    const used = await visit(token, FRAME);
    const ask = await visit(await t.loginToken(caller, await another(), `${EMBED}&session=ask`), { ...FRAME, cookie });
    const late = await t.loginToken(caller, user, EMBED);
    t.clock.advance(121);
    const expired = await visit(late, FRAME);
    expect([button, landing, used, ask, expired].map((page) => [page.status, titleOf(page)])).toEqual([
      [200, 'One more step'],
      [200, 'You are signed in'],
      [410, 'This link was already used'],
      [200, 'Continue as somebody else?'],
      [410, 'This link has expired'],
    ]);
    for (const page of [button, landing, used, ask, expired]) {
      expect(policyOf(page)).toContain(`frame-ancestors ${HOST}`);
      expect(page.headers.get('x-frame-options')).toBeNull();
    }
  });

  it('shows an ordinary token a page of its own site alone, on which the token waits until it is shown', async () => {
    const token = await t.loginToken(caller, user, '?returnTo=/course');
    for (const site of ['cross-site', 'same-site', 'same-origin', 'none']) {
      const page = await visit(token, { ...FRAME, 'sec-fetch-site': site });
      expect([page.status, page.headers.getSetCookie(), await isUnused(token)]).toEqual([200, [], true]);
      expect(policyOf(page)).toContain("frame-ancestors 'self'");
      expect(page.text).toContain('/login/continue.js');
    }
    const answer = await send(token, 'open', FRAME);
    expect([answer.status, answer.headers.get('location'), await isUnused(token)]).toEqual([303, '/course', false]);
  });

  it('shows no other page', async () => {
    const ordinary = await t.signIn(caller, user);
    for (const [path, cookie] of [
      ['/', ''],
      ['/', ordinary],
      ['/login', ''],
      ['/login?token=x', ''],
      [`/login?token=${await t.loginToken(caller, user, '?delivery=link')}`, ''],
      ['/guides/service-accounts', ''],
    ]) {
      const page = await raw(t.url, path!, { headers: { ...FRAME, cookie: cookie! } });
      expect(policyOf(page)).toContain("frame-ancestors 'none'");
      expect(page.headers.get('x-frame-options')).toBe('DENY');
    }
    for (const path of ['/docs', '/openapi.json', '/session', '/health', '/nothing', '/api/2.1.1/user'])
      expect((await t.call(path)).headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('ends its own session with the form of its page, shows what happened, and leaves the window’s session alone', async () => {
    const [window, other] = [await t.signIn(caller, user), await another()];
    const cookie = cookieOf(await visit(await t.loginToken(caller, other, EMBED), FRAME));
    const answer = await raw(t.url, '/logout', {
      method: 'POST',
      headers: { ...FRAME, ...OWN_FORM, cookie: `${window}; ${cookie}` },
    });
    expect([answer.status, titleOf(answer)]).toEqual([200, 'You are not signed in']);
    expect(policyOf(answer)).toContain(`frame-ancestors ${HOST}`);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-latchkey-embed=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; SameSite=None$/,
      ),
    ]);
    expect([await visitor(cookie), await visitor(window)]).toEqual([401, user]);
  });

  it('keeps its session when the window logs out', async () => {
    const [window, other] = [await t.signIn(caller, user), await another()];
    const cookie = cookieOf(await visit(await t.loginToken(caller, other, EMBED), FRAME));
    await raw(t.url, '/logout', {
      method: 'POST',
      headers: { ...WINDOW, ...OWN_FORM, cookie: `${window}; ${cookie}` },
    });
    expect([await visitor(cookie), await visitor(window)]).toEqual([other, 401]);
  });

  it('has a session beside that of the window, where the browser sends both', async () => {
    const window = await t.signIn(caller, user);
    const other = await another();
    const token = await t.loginToken(caller, other, EMBED);
    const started = await visit(token, { ...FRAME, cookie: window });
    const both = `${window}; ${cookieOf(started)}`;
    const seen = async (headers: Record<string, string>): Promise<string> =>
      (await raw(t.url, '/', { headers: { ...headers, cookie: both } })).text;
    expect(await seen(FRAME)).toContain('Sem Bakker');
    expect(await seen(WINDOW)).toContain('Noor de Vries');
  });

  it('ignores its token in a window with a session', async () => {
    const window = await t.signIn(caller, user);
    const token = await t.loginToken(caller, await another(), `${EMBED}&session=switch`);
    const answer = await visit(token, { ...WINDOW, cookie: window });
    expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([303, [], true]);
    expect(await visitor(window)).toBe(user);
  });

  it('does not give its session up for a token of a window', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const token = await t.loginToken(caller, await another(), '?session=switch');
    const answer = await visit(token, { ...FRAME, cookie });
    expect([answer.status, answer.headers.getSetCookie(), await isUnused(token)]).toEqual([200, [], true]);
    expect(await visitor(cookie)).toBe(user);
  });

  it.each([
    { mode: 'keep', kept: true },
    { mode: 'switch', kept: false },
  ])('counts its own session as the live one: session=$mode', async ({ mode, kept }) => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const other = await another();
    const answer = await visit(await t.loginToken(caller, other, `${EMBED}&session=${mode}`), { ...FRAME, cookie });
    expect(answer.headers.getSetCookie()).toHaveLength(kept ? 0 : 1);
    expect(await visitor(cookie)).toBe(kept ? user : 401);
  });

  it('of another origin on the same site has a session of its own, in the place of the one before', async () => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const token = await t.loginToken(caller, user, '?embed=https://portal.host.example');
    const after = cookieOf(await visit(token, { ...FRAME, cookie }));
    expect([await visitor(cookie), await visitor(after)]).toEqual([401, user]);
    const page = await raw(t.url, '/', { headers: { ...FRAME, cookie: after } });
    expect(policyOf(page)).toContain('frame-ancestors https://portal.host.example');
  });

  it.each([
    { 'sec-fetch-site': 'cross-site', origin: HOST },
    { origin: HOST },
    { 'sec-fetch-site': 'same-site' },
    {},
  ] as Record<string, string>[])('is not logged out by the page around it: %j', async (headers) => {
    const cookie = cookieOf(await visit(await t.loginToken(caller, user, EMBED), FRAME));
    const { status } = await raw(t.url, '/logout', { method: 'POST', headers: { ...FRAME, cookie, ...headers } });
    expect([status, await visitor(cookie)]).toEqual([403, user]);
  });
});

describe('a frame on localhost', () => {
  beforeAll(async () => {
    t = await TestApp.start({ PUBLIC_URL: 'http://localhost:3000' });
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  it('needs no https', async () => {
    const { status, body } = await t.as(caller)(`/access/${user}?embed=${HOST}`);
    expect([status, body.url]).toEqual([200, `http://localhost:3000/login?token=${body.token}`]);
    expect(cookieOf(await visit(body.token, FRAME))).toMatch(/^__Host-latchkey-embed=/);
  });
});
