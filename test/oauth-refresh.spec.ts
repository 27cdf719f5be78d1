import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { OAuthRecord } from '../src/schema/entities/oauth-record.entity.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { authorizeQuery, Browser, newScene, newTokens, REDIRECT_URI, requestToken } from './support/oauth.js';
import type { Scene, TestClient } from './support/oauth.js';

const DAY = 24 * 60 * 60;

interface Tokens {
  access_token: string;
  refresh_token: string;
}

let t: TestApp;
let other: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  other = await TestApp.startOnSameDatabase();
  scene = await newScene(t);
});
afterEach(() => {
  jest.restoreAllMocks();
  for (const { clock } of [t, other]) clock.reset();
});
afterAll(async () => {
  await other.nest.close();
  await t.stop();
});

function wait(seconds: number): void {
  for (const { clock } of [t, other]) clock.advance(seconds);
}

function exchange(code: string): Promise<Answer> {
  const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI };
  return requestToken(t.url, fields, scene.client);
}

function refresh({ refresh_token }: Pick<Tokens, 'refresh_token'>, client: TestClient, url = t.url): Promise<Answer> {
  return requestToken(url, { grant_type: 'refresh_token', refresh_token }, client);
}

/** Of ten refreshes at once, over two instances. */
function refreshTenTimes(tokens: Tokens, client: TestClient): Promise<Answer[]> {
  return Promise.all(Array.from({ length: 10 }, (_, i) => refresh(tokens, client, i % 2 ? other.url : t.url)));
}

async function statusOf({ access_token }: Tokens): Promise<number> {
  return (await t.as({ token: access_token })('/user')).status;
}

function countRefreshTokens(): Promise<number> {
  return t.world.write((db) => db.countBy(OAuthRecord, { kind: 'RefreshToken' }));
}

describe('the refresh token of a client that authenticates', () => {
  it('is kept, and ten refreshes at once over two instances are all usable', async () => {
    const tokens = await newTokens(scene, scene.client);
    const answers = await refreshTenTimes(tokens, scene.client);
    expect(answers.map(({ status, body }) => [status, body.refresh_token])).toEqual(
      answers.map(() => [200, tokens.refresh_token]),
    );
    expect(await Promise.all(answers.map(({ body }) => statusOf(body)))).toEqual(answers.map(() => 200));
  });
});

describe('the refresh token of a public client', () => {
  it('is rotated, and ten refreshes at once over two instances get the same new tokens, which are usable', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const answers = await refreshTenTimes(tokens, scene.publicClient);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const { body } = answers[0]!;
    expect(body.refresh_token).not.toBe(tokens.refresh_token);
    wait(2);
    expect([await statusOf(body), await statusOf(tokens)]).toEqual([200, 200]);
    expect((await refresh(body, scene.publicClient)).status).toBe(200);
  });

  it('leaves one refresh token that works, also after it was answered again', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const first = (await refresh(tokens, scene.publicClient)).body;
    const before = await countRefreshTokens();
    await refreshTenTimes(tokens, scene.publicClient);
    expect(await countRefreshTokens()).toBe(before);
    expect((await refresh(first, scene.publicClient)).status).toBe(200);
  });

  it('is answered again 29 seconds later with the same new tokens', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const first = await refresh(tokens, scene.publicClient);
    wait(29);
    expect((await refresh(tokens, scene.publicClient, other.url)).text).toBe(first.text);
  });

  it('ends its family when it comes 31 seconds later', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const { body } = await refresh(tokens, scene.publicClient);
    wait(31);
    expect((await refresh(tokens, scene.publicClient, other.url)).body.error).toBe('invalid_grant');
    wait(2);
    expect([await statusOf(body), await statusOf(tokens)]).toEqual([401, 401]);
    expect((await refresh(body, scene.publicClient)).body.error).toBe('invalid_grant');
  });

  it('is not answered again to another client, nor once its family is revoked', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const { body } = await refresh(tokens, scene.publicClient);
    expect((await refresh(tokens, scene.client)).body.error).toBe('invalid_grant');
    expect((await refresh(tokens, scene.publicClient)).status).toBe(200);
    await requestToken(t.url, { token: body.refresh_token }, scene.publicClient, '/oauth/revoke');
    expect((await refresh(tokens, scene.publicClient)).body.error).toBe('invalid_grant');
  });

  it('S5: is not to be had from the database, and neither is what was answered for it', async () => {
    const tokens = await newTokens(scene, scene.publicClient);
    const { body } = await refresh(tokens, scene.publicClient);
    const rows = await t.world.write((db) => db.find(OAuthRecord));
    expect(rows.some(({ kind }) => kind === 'RefreshAnswer')).toBe(true);
    for (const value of [tokens.refresh_token, body.refresh_token, body.access_token])
      expect(JSON.stringify(rows)).not.toContain(value);
  });
});

describe.each(['client', 'publicClient'] as const)('a connection of the %s', (kind) => {
  it('lasts as long as it refreshes every 29 days: on day 300 too', async () => {
    const client = scene[kind];
    let tokens = await newTokens(scene, client);
    const start = Date.now.bind(Date);
    for (let day = 29; day <= 319; day += 29) {
      // The time of the engine too.
      jest.spyOn(Date, 'now').mockImplementation(() => start() + day * DAY * 1000);
      const { status, body } = await refresh(tokens, client);
      expect([day, status]).toEqual([day, 200]);
      expect(await statusOf(body)).toBe(200);
      tokens = body;
    }
  });

  it('ends when it does not refresh for 31 days', async () => {
    const client = scene[kind];
    const { body } = await refresh(await newTokens(scene, client), client);
    wait(31 * DAY);
    expect((await refresh(body, client)).body.error).toBe('invalid_grant');
  });
});

describe('two installations of one client, which one user connects in one browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = new Browser(t);
    await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
  });

  /** The user has agreed before, and is not asked again. */
  async function install(): Promise<{ code: string; tokens: Tokens }> {
    const landed = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const code = new URL(landed.headers.get('location')!).searchParams.get('code')!;
    return { code, tokens: (await exchange(code)).body };
  }

  it.each([
    {
      what: 'the revocation of one',
      lose: ({ tokens }: { tokens: Tokens }) =>
        requestToken(t.url, { token: tokens.refresh_token }, scene.client, '/oauth/revoke'),
    },
    { what: 'a code of one that comes twice', lose: ({ code }: { code: string }) => exchange(code) },
  ])('leaves the other alone: $what', async ({ lose }) => {
    const [one, two] = [await install(), await install()];
    await lose(one);
    wait(2);
    expect([await statusOf(one.tokens), await statusOf(two.tokens)]).toEqual([401, 200]);
    expect((await refresh(one.tokens, scene.client)).body.error).toBe('invalid_grant');
    expect((await refresh(two.tokens, scene.client)).status).toBe(200);
  });

  it('connects again the first time after an answer was lost, also if the host tries the old code once more', async () => {
    const lost = await install();
    const again = await install();
    expect((await exchange(lost.code)).body.error).toBe('invalid_grant');
    wait(2);
    expect(await statusOf(again.tokens)).toBe(200);
    expect((await refresh(again.tokens, scene.client)).status).toBe(200);
  });
});
