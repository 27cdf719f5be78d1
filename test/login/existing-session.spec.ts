import { beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import type { Answer } from '../support/app.js';
import { cookieOf } from '../support/app.js';
import { PROXIES } from '../support/asking-proxies.js';
import { authorizeQuery, newClient, requestToken } from '../support/oauth.js';
import type { TestClient } from '../support/oauth.js';
import { raw } from '../support/raw.js';
import { another, caller, FRAME, HOST, isUnused, newCaller, setUp, t, user, visit, WINDOW } from './setup.js';

const PUBLIC_URL = 'https://latchkey.test';
const SITE = 'https://intranet.example';
const APP = 'https://wiki.example';
const CALLBACK = `${APP}/callback`;
let wiki: TestClient;

setUp({ PUBLIC_URL, TRUSTED_PROXIES: '127.0.0.1' });

beforeEach(async () => {
  await newCaller([HOST, SITE, APP]);
  wiki = await newClient(t, caller.organizationId, { redirectUris: [CALLBACK] });
  await t.world.write(async (db) => {
    await db.insert(ClientOrigin, { clientId: wiki.id, origin: APP, organizationId: caller.organizationId });
    await db.update(Client, { id: wiki.id }, { initiateLoginUri: `${APP}/begin` });
  });
});

type Mode = 'keep' | 'switch' | 'ask';
type Result = 'started' | 'replaced' | 'kept' | 'led on' | 'asked';

/** What a browser may bring: its cookie, and how it visits. */
interface Browser {
  cookie: string;
  headers: Record<string, string>;
  /** Parameters of the access call. */
  query?: string;
}

const EMBED = `&embed=${HOST}`;

const BROWSERS: Record<string, () => Promise<Browser>> = {
  'no session': async () => ({ cookie: '', headers: WINDOW }),
  'a session of the same user': async () => ({ cookie: await t.signIn(caller, user), headers: WINDOW }),
  'a session of another user': async () => ({ cookie: await t.signIn(caller, await another()), headers: WINDOW }),
  'an expired session of another user': async () => {
    const cookie = await t.signIn(caller, await another());
    t.passIdleTime();
    return { cookie, headers: WINDOW };
  },
  'an embedded session of another user, in its frame': async () => ({
    cookie: await embedded(await another()),
    headers: FRAME,
    query: EMBED,
  }),
  'an embedded session of the same user, in its frame': async () => ({
    cookie: await embedded(user),
    headers: FRAME,
    query: EMBED,
  }),
  // Browsers of the same site send its cookie in a window too.
  'an embedded session of another user, in a window': async () => ({
    cookie: await embedded(await another()),
    headers: WINDOW,
  }),
};

const TABLE: Record<string, Record<Mode, Result>> = {
  'no session': { keep: 'started', switch: 'started', ask: 'started' },
  'a session of the same user': { keep: 'led on', switch: 'led on', ask: 'led on' },
  'a session of another user': { keep: 'kept', switch: 'replaced', ask: 'asked' },
  'an expired session of another user': { keep: 'started', switch: 'started', ask: 'started' },
  'an embedded session of another user, in its frame': { keep: 'kept', switch: 'replaced', ask: 'asked' },
  'an embedded session of the same user, in its frame': { keep: 'led on', switch: 'led on', ask: 'led on' },
  'an embedded session of another user, in a window': { keep: 'started', switch: 'started', ask: 'started' },
};

const CASES = Object.entries(TABLE).flatMap(([browser, results]) =>
  (Object.keys(results) as Mode[]).map((mode) => ({ browser, mode, result: results[mode] })),
);

async function embedded(of: string): Promise<string> {
  return cookieOf(await visit(await t.loginToken(caller, of, `?embed=${HOST}`), FRAME));
}

/** Whom the application signs in with this cookie, without a question. In a frame, it is whom Latchkey has there. */
async function signedIn(cookie: string, isFramed: boolean): Promise<string | null> {
  if (isFramed) {
    const { status, body } = await raw(t.url, '/session', { headers: { cookie, 'sec-fetch-dest': 'empty' } });
    return status === 200 ? body.user.id : null;
  }
  const query = authorizeQuery(wiki, { redirect_uri: CALLBACK, scope: 'openid', prompt: 'none' });
  const answer = await raw(t.url, `/oauth/authorize?${query}`, { headers: { ...WINDOW, cookie } });
  const returned = new URL(answer.headers.get('location')!).searchParams;
  const code = returned.get('code');
  if (returned.get('error') === 'login_required') return null;
  if (!code) throw new Error(`${returned}`);
  const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK };
  return decodeJwt((await requestToken(t.url, fields, wiki)).body.id_token).sub!;
}

/** What an answer did: where it leads, whether the token is unused, and whose the old and the new session are. */
async function seen(
  answer: Answer,
  { cookie, token, whose }: { cookie: string; token: string; whose: (cookie: string) => Promise<string | null> },
): Promise<object> {
  const [started] = answer.headers.getSetCookie();
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    isUnused: await isUnused(token),
    old: await whose(cookie),
    new: started ? await whose(started.split(';')[0]!) : undefined,
  };
}

/** What shows each result, if the login leads to `location` and its questions have `status`. */
function shownBy(result: Result, before: string | null, location: string, status: number): object {
  switch (result) {
    case 'started':
      return { status: 303, location, isUnused: false, old: before, new: user };
    case 'replaced':
      return { status: 303, location, isUnused: false, old: null, new: user };
    case 'led on':
      return { status: 303, location, isUnused: true, old: user, new: undefined };
    default:
      return { status, location: null, isUnused: true, old: before, new: undefined };
  }
}

describe('a login to a protected site', () => {
  it.each(CASES)('is $result with session=$mode beside $browser', async ({ browser, mode, result }) => {
    const { cookie, headers, query = '' } = await BROWSERS[browser]!();
    const token = await t.loginToken(caller, user, `?session=${mode}${query}`);
    const whose = async (shown: string): Promise<string | null> => {
      const asked = await PROXIES.traefik(t.url, { site: SITE, headers: { ...headers, cookie: shown } });
      return asked.headers.get('x-latchkey-user');
    };
    const before = await whose(cookie);
    expect(before === null).toBe(result === 'started');
    const answer = await PROXIES.traefik(t.url, {
      site: SITE,
      uri: `/course?oauth_token=${token}`,
      headers: { ...headers, cookie },
    });
    const expected = shownBy(result, before, `${SITE}/course`, 401);
    // The site itself shows whose session stays.
    const kept = { ...expected, status: 303, location: `${SITE}/course` };
    expect(await seen(answer, { cookie, token, whose })).toEqual(result === 'kept' ? kept : expected);
  });
});

describe('a login to an application', () => {
  it.each(CASES)('is $result with session=$mode beside $browser', async ({ browser, mode, result }) => {
    const { cookie, headers, query = '' } = await BROWSERS[browser]!();
    const returnTo = `${APP}/course`;
    const token = await t.loginToken(caller, user, `?session=${mode}&returnTo=${returnTo}${query}`);
    const isFramed = headers === FRAME;
    const whose = (shown: string): Promise<string | null> => signedIn(shown, isFramed);
    const before = await whose(cookie);
    expect(before === null).toBe(result === 'started');
    const answer = await visit(token, { ...headers, cookie });
    const beginning = new URLSearchParams({ iss: PUBLIC_URL, target_link_uri: returnTo, login_hint: user });
    const location = isFramed ? returnTo : `${APP}/begin?${beginning}`;
    expect(await seen(answer, { cookie, token, whose })).toEqual(shownBy(result, before, location, 200));
  });
});
