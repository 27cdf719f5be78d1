import { describe, expect, it } from '@jest/globals';
import type { Answer } from '../../support/app.js';
import { Instance } from '../../support/instance.js';
import { raw, wire } from '../../support/raw.js';
import { API, HTTPS, access, caller, everything, login, newCaller, setUp, t, tokenTo, user } from './setup.js';

describe('the token', () => {
  setUp(HTTPS);

  /** Requests that carry a token. Each is sent once as a program and once as a browser. */
  const REQUESTS: {
    of: string;
    send: (token: string, headers: Record<string, string>) => Promise<Answer>;
    status: number;
  }[] = [
    { of: 'a good token', send: (token, headers) => login(`?token=${token}`, headers), status: 303 },
    { of: 'a good oauth_token', send: (token, headers) => login(`?oauth_token=${token}`, headers), status: 303 },
    { of: 'a good token at /login/', send: (token, headers) => login(`/?token=${token}`, headers), status: 303 },
    {
      of: 'a used token',
      send: (token, headers) => login(`?token=${token}`, headers).then(() => login(`?token=${token}`, headers)),
      status: 410,
    },
    { of: 'an expired token', send: expired, status: 410 },
    { of: 'a forged token', send: (token, headers) => login(`?token=${token}A`, headers), status: 401 },
    {
      of: 'a token without its signature',
      send: (token, headers) => login(`?token=${token.slice(0, token.lastIndexOf('.') + 1)}`, headers),
      status: 401,
    },
    { of: 'a token of a user who left', send: afterLeaving, status: 401 },
    { of: 'two tokens', send: (token, headers) => login(`?token=${token}&token=${token}`, headers), status: 400 },
    { of: 'an array', send: (token, headers) => login(`?token[]=${token}`, headers), status: 400 },
    {
      of: 'a parameter of another name',
      send: (token, headers) => login(`?access_token=${token}`, headers),
      status: 400,
    },
    {
      of: 'a live session',
      send: (token, headers) =>
        t.signIn(caller, user).then((cookie) => login(`?token=${token}`, { ...headers, cookie })),
      status: 303,
    },
    {
      of: 'a prefetch',
      send: (token, headers) => login(`?token=${token}`, { ...headers, 'sec-purpose': 'prefetch' }),
      status: 400,
    },
    {
      of: 'an image',
      send: (token, headers) => login(`?token=${token}`, { ...headers, 'sec-fetch-dest': 'image' }),
      status: 400,
    },
    {
      of: 'HEAD',
      send: (token, headers) => raw(t.url, `/login?token=${token}`, { method: 'HEAD', headers }),
      status: 200,
    },
    {
      of: 'OPTIONS',
      send: (token, headers) => raw(t.url, `/login?token=${token}`, { method: 'OPTIONS', headers }),
      status: 405,
    },
    {
      of: 'POST',
      send: (token, headers) => raw(t.url, `/login?token=${token}`, { method: 'POST', headers }),
      status: 403,
    },
    {
      of: 'PUT',
      send: (token, headers) => raw(t.url, `/login?token=${token}`, { method: 'PUT', headers }),
      status: 405,
    },
    {
      of: 'POST with a body that is malformed',
      send: (token, headers) =>
        raw(t.url, `/login?token=${token}`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: `{"${token}`,
        }),
      status: 400,
    },
    {
      of: 'POST with a body of another type',
      send: (token, headers) =>
        raw(t.url, `/login?token=${token}`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'text/xml' },
          body: token,
        }),
      status: 415,
    },
    {
      of: 'POST with a body that is too large',
      send: (token, headers) =>
        raw(t.url, `/login?token=${token}`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: token.repeat(200),
        }),
      status: 413,
    },
    { of: 'a malformed path', send: (token, headers) => login(`/%zz?token=${token}`, headers), status: 400 },
    { of: 'a path below', send: (token, headers) => login(`/x?token=${token}`, headers), status: 404 },
    { of: 'the token as a path', send: (token, headers) => login(`/${token}`, headers), status: 404 },
    { of: 'a semicolon', send: (token, headers) => login(`;token=${token}`, headers), status: 404 },
  ];

  const BROWSERS: { as: string; headers: Record<string, string> }[] = [
    { as: 'a browser', headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } },
    { as: 'a program', headers: { accept: 'application/json' } },
  ];
  const CASES = REQUESTS.flatMap((request) => BROWSERS.map((browser) => ({ request, browser })));

  it.each(CASES)(
    'S19: is in no header and no body of the answer to $request.of, sent by $browser.as',
    async ({ request: { send, status }, browser: { headers } }) => {
      const token = await tokenTo('/course');
      const answer = await send(token, headers);
      expect(answer.status).toBe(status);
      expect(leaked(everything(answer), token)).toEqual([]);
    },
  );

  it.each(CASES)(
    'S19: is told to nobody by Referer after the answer to $request.of, sent by $browser.as',
    async ({ request: { send, status }, browser: { headers } }) => {
      const answer = await send(await tokenTo('/course'), headers);
      expect({ status: answer.status, policy: answer.headers.get('referrer-policy') }).toEqual({
        status,
        policy: 'no-referrer',
      });
    },
  );

  it.each<{ of: string; path: () => string; cookie?: boolean }>([
    { of: 'the landing page', path: () => '/' },
    { of: 'the landing page with a session', path: () => '/', cookie: true },
    { of: 'the session', path: () => '/session' },
    { of: 'a path that is not there', path: () => '/nothing' },
    { of: 'the access call', path: () => `${API}/access/${user}` },
    { of: 'the access call with a reference that is too long', path: () => `${API}/access/${'x'.repeat(9000)}` },
    { of: 'the access call for nobody', path: () => `${API}/access` },
    { of: 'the documentation', path: () => '/docs' },
  ])('S19: is not in the answer of $of, when a link to it carries one', async ({ path, cookie }) => {
    const token = await tokenTo();
    const headers: Record<string, string> = cookie
      ? { cookie: await t.signIn(caller, user) }
      : { authorization: `Bearer ${caller.token}` };
    const answer = await raw(t.url, `${path()}?token=${token}&oauth_token=${token}`, { headers });
    expect(leaked(everything(answer), token)).toEqual([]);
  });

  it('S19: is not in an answer when it is sent as the wrong kind of token', async () => {
    const token = await tokenTo();
    const asBearer = await access('', { authorization: `Bearer ${token}` });
    expect(asBearer.status).toBe(401);
    expect(leaked(everything(asBearer), token)).toEqual([]);
    const asLogin = await login(`?token=${caller.token}`, { accept: 'application/json' });
    expect(asLogin.status).toBe(401);
    expect(leaked(everything(asLogin), caller.token)).toEqual([]);
  });
});

/** A token that the service took back a moment ago. */
async function afterLeaving(token: string, headers: Record<string, string>): Promise<Answer> {
  await t.world.write((db) => db.query(`DELETE FROM "memberships" WHERE "user_id" = '${user}'`));
  return login(`?token=${token}`, headers);
}

function expired(token: string, headers: Record<string, string>): Promise<Answer> {
  t.clock.advance(121);
  return login(`?token=${token}`, headers);
}

/** Which of the secrets are in `text`, the whole or, of a token, the half that proves the rest. */
function leaked(text: string, ...secrets: string[]): string[] {
  return secrets.filter((secret) => text.includes(secret.slice(secret.lastIndexOf('.') + 1)));
}

describe('the log', () => {
  setUp(HTTPS);

  it.each([{ environment: 'test' }, { environment: 'production' }])(
    'S19: has no token and no session in it, whatever happens, with NODE_ENV=$environment',
    async ({ environment }) => {
      const secrets = new Set<string>();
      const instance = await Instance.start({ NODE_ENV: environment, LOG_LEVEL: 'debug', PUBLIC_URL: HTTPS });
      let failure: Answer;
      try {
        failure = await useEverything(instance.url, secrets);
      } finally {
        await instance.stop();
      }
      const log = [...instance.output, ...instance.errorOutput].join('\n');
      // The log was read: it tells of the one failure.
      expect(failure.status).toBe(500);
      expect(log).toContain(failure.body.requestId);
      expect(secrets.size).toBeGreaterThan(20);
      expect(leaked(log, ...secrets)).toEqual([]);
    },
  );
});

/**
 * Sends a token to an instance in every way that is answered differently, and answers with the failure that
 * ends it. Everything secret that was sent or received is added to `secrets`.
 */
async function useEverything(url: string, secrets: Set<string>): Promise<Answer> {
  const keep = (secret: string): string => {
    secrets.add(secret);
    return secret;
  };
  // The process has a clock of its own, which is not moved.
  t.clock.reset();
  await newCaller();
  const fresh = async (): Promise<string> => keep(await tokenTo());
  const send = async (
    method: string,
    target: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Answer> => {
    const answer = await raw(url, target, { method, headers: { accept: 'application/json', ...headers }, body });
    for (const cookie of answer.headers.getSetCookie()) secrets.add(cookie.split(';')[0]!.split('=')[1]!);
    return answer;
  };
  keep(caller.token);

  const good = await fresh();
  const { status, headers: received } = await send('GET', `/login?token=${good}`);
  expect(status).toBe(303);
  const cookie = received.getSetCookie()[0]!.split(';')[0]!;
  expect((await send('GET', `/login?token=${good}`)).body.id).toBe('token_used');
  expect((await send('GET', `/login?token=${keep(`${await fresh()}A`)}`)).body.id).toBe('invalid_token');
  expect((await send('GET', `/login?token=${await expiredToken(keep)}`)).body.id).toBe('token_expired');
  expect((await send('GET', `/login?token=${caller.token}`)).body.id).toBe('invalid_token');
  expect((await send('GET', `/login?token=${await fresh()}`, { cookie })).status).toBe(303);
  expect((await send('HEAD', `/login?token=${await fresh()}`)).status).toBe(200);
  expect((await send('POST', `/login?token=${await fresh()}`)).status).toBe(403);
  expect((await send('OPTIONS', `/login?token=${await fresh()}`)).status).toBe(405);
  const link = keep((await access('?delivery=link')).body.token);
  expect((await send('GET', `/login?token=${link}`)).status).toBe(200);
  expect((await send('POST', `/login?token=${link}`, { 'sec-fetch-site': 'same-origin' })).status).toBe(303);
  expect(
    (
      await send(
        'POST',
        `/login?token=${await fresh()}`,
        { 'content-type': 'application/json' },
        `{"token":"${await fresh()}`,
      )
    ).status,
  ).toBe(400);
  expect((await send('GET', `/login?token=${await fresh()}`, { 'sec-purpose': 'prefetch' })).status).toBe(400);
  expect((await send('GET', `/login?token[]=${await fresh()}`)).status).toBe(400);
  expect((await send('GET', `/login?token=${await fresh()}&oauth_token=${await fresh()}`)).status).toBe(400);
  expect((await send('GET', `/login/%zz?token=${await fresh()}`)).status).toBe(400);
  expect((await send('GET', `/login/${await fresh()}`)).status).toBe(404);
  expect((await send('GET', `/?token=${await fresh()}`)).status).toBe(200);
  expect(
    (
      await send('GET', `${API}/access/${'x'.repeat(9000)}?token=${await fresh()}`, {
        authorization: `Bearer ${caller.token}`,
      })
    ).status,
  ).toBe(414);
  expect(
    (await send('GET', `${API}/access/${user}?token=${await fresh()}`, { authorization: `Bearer ${await fresh()}` }))
      .status,
  ).toBe(401);
  expect(
    (await send('GET', `${API}/access/${await fresh()}`, { authorization: `Bearer ${caller.token}` })).status,
  ).toBe(400);
  const issued = await send('GET', `${API}/access/${user}`, { authorization: `OAuth ${caller.token}` });
  expect(issued.status).toBe(200);
  keep(issued.body.token);
  expect((await wire(url, `GET /login?token=${await fresh()}\0 HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(400);
  expect(
    (await wire(url, `GET /login?token=${await fresh()}${'x'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).status,
  ).toBe(431);
  expect((await send('GET', '/session', { cookie })).status).toBe(200);
  const last = await fresh();
  await t.world.write((db) => db.query('ALTER TABLE "sessions" RENAME TO "sessions_away"'));
  try {
    expect((await send('GET', '/session', { cookie })).status).toBe(500);
    expect((await send('POST', '/logout', { cookie, origin: HTTPS })).status).toBe(500);
    return await send('GET', `/login?token=${last}`);
  } finally {
    await t.world.write((db) => db.query('ALTER TABLE "sessions_away" RENAME TO "sessions"'));
  }
}

/** A token whose time is over by the clock of everybody else. */
async function expiredToken(keep: (secret: string) => string): Promise<string> {
  t.clock.advance(-600);
  const earlier = await t.world.caller();
  const token = keep(await t.loginToken(earlier, (await t.world.userOf(earlier)).id));
  keep(earlier.token);
  t.clock.reset();
  return token;
}
