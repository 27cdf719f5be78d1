import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { cookieOf, PUBLIC_URL } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { authorizeQuery, newClient } from '../support/oauth.js';
import { raw } from '../support/raw.js';
import {
  another,
  caller,
  FRAME,
  HOST,
  isUnused,
  newCaller,
  send,
  setUp,
  t,
  titleOf,
  user,
  visit,
  WINDOW,
} from './setup.js';

/** The site of the test's application. Each test has another one, because answers are remembered for each. */
let app: string;
let count = 0;
const LANDING_URL = '/welcome';

async function newSite(): Promise<void> {
  app = `https://app-${++count}.example`;
  await newCaller([HOST, app, 'https://wiki.example', 'https://plain.example']);
}

/** Registers an application of the caller's organization, and lets the caller lead users to its site. */
async function newApplication(fields: Partial<Client>, origin?: string): Promise<string> {
  const id = await t.world.client(caller.organizationId, origin ?? app);
  await change(id, fields);
  return id;
}

async function change(id: string, fields: Partial<Client>): Promise<void> {
  await t.world.write((db) => db.update(Client, { id }, fields));
}

/** A login token that leads to a page, as the part of an address. */
function tokenTo(target: string, query = ''): Promise<string> {
  return t.loginToken(caller, user, `?returnTo=${encodeURIComponent(target)}${query}`);
}

function locationOf({ headers }: Answer): string | null {
  return headers.get('location');
}

/** Where a link leads that has the older name of the token, which the framework answers. */
async function landed(target: string): Promise<string | null> {
  const answer = await raw(t.url, `/login?oauth_token=${await tokenTo(target)}`, { headers: WINDOW });
  expect(answer.status).toBe(303);
  cookieOf(answer);
  return locationOf(answer);
}

async function isSignedIn(cookie: string): Promise<boolean> {
  return (await t.call('/session', { headers: { cookie } })).status === 200;
}

function beginning(uri: string, target: string, userId = user): string {
  return `${uri}${uri.includes('?') ? '&' : '?'}${new URLSearchParams({ iss: PUBLIC_URL, target_link_uri: target, login_hint: userId })}`;
}

/** How often the database is asked for the applications on an origin. */
function countedLookUps(): { names: () => number } {
  const read = jest.spyOn(t.nest.get(Database), 'read');
  return { names: () => read.mock.calls.filter(([{ name }]) => name === 'find_applications_on_origin').length };
}

describe('a login that leads to an application', () => {
  setUp({ LANDING_URL });
  beforeEach(newSite);
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('begins there, with its issuer, the page and the user, whoever answers the link', async () => {
    await newApplication({ initiateLoginUri: `${app}/oidc/login` });
    const target = `${app}/course/1?a=b&c=%20#top`;
    const expected = beginning(`${app}/oidc/login`, target);
    const answer = await visit(await tokenTo(target), { accept: 'text/html' });
    expect([answer.status, locationOf(answer)]).toEqual([303, expected]);
    cookieOf(answer);
    expect(await landed(target)).toBe(expected);
    const query = new URL(expected).searchParams;
    expect(Object.fromEntries(query)).toEqual({ iss: PUBLIC_URL, target_link_uri: target, login_hint: user });
  });

  it('keeps the query of the address, and the cookie is the one of the session', async () => {
    await newApplication({ initiateLoginUri: `${app}/auth?source=a%20b&x` });
    expect(await landed(`${app}/`)).toBe(beginning(`${app}/auth?source=a%20b&x`, `${app}/`));
  });

  it('leads to the start address of an application that has no other, as it is', async () => {
    const id = await newApplication({ startUri: `${app}/users/auth/openid_connect?next=1` });
    expect(await landed(`${app}/projects`)).toBe(`${app}/users/auth/openid_connect?next=1`);
    t.clock.advance(2);
    await change(id, { initiateLoginUri: `${app}/begin` });
    expect(await landed(`${app}/projects`)).toBe(beginning(`${app}/begin`, `${app}/projects`));
  });

  it('leads to its page, where there is no application on the same site', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    await newApplication({ hostUri: 'https://plain.example/learning' }, 'https://plain.example');
    for (const target of ['https://plain.example/page', 'https://wiki.example/', `${HOST}/`, '/course'])
      expect(await landed(target)).toBe(target);
  });

  it('begins at the application whose address has most folders in common with the page', async () => {
    await newApplication({ initiateLoginUri: `${app}/moodle/auth/oidc/` });
    await newApplication({ initiateLoginUri: `${app}/moodle-test/auth/oidc/` });
    await newApplication({ startUri: `${app}/wiki/login` });
    for (const [page, address] of [
      ['/wiki/index.php', `${app}/wiki/login`],
      ['/moodle/course/view.php?id=1', beginning(`${app}/moodle/auth/oidc/`, `${app}/moodle/course/view.php?id=1`)],
      ['/moodle-test/', beginning(`${app}/moodle-test/auth/oidc/`, `${app}/moodle-test/`)],
      ['/elsewhere', beginning(`${app}/moodle/auth/oidc/`, `${app}/elsewhere`)],
    ] as const)
      expect({ page, address: await landed(app + page) }).toEqual({ page, address });
  });

  it('does not begin at an application of another organization, nor at one that no longer has the site', async () => {
    const elsewhere = await t.world.organization();
    const stranger = await t.world.client(elsewhere, 'https://stranger.example');
    await change(stranger, { initiateLoginUri: `${app}/stolen` });
    const id = await newApplication({ initiateLoginUri: `${app}/begin` }, 'https://wiki.example');
    expect(await landed(`${app}/page`)).toBe(`${app}/page`);
    await change(id, { startUri: 'https://wiki.example/start' });
    t.clock.advance(2);
    expect(await landed('https://wiki.example/page')).toBe('https://wiki.example/start');
  });

  it('begins there for a visitor whose session stays, and after a page has asked', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    const target = `${app}/page`;
    const expected = beginning(`${app}/begin`, target);
    const cookie = await t.signIn(caller, user);
    expect(locationOf(await visit(await tokenTo(target), { ...WINDOW, cookie }))).toBe(expected);
    const other = await t.signIn(caller, await another());
    const asked = await tokenTo(target, '&session=ask');
    const question = await visit(asked, { ...WINDOW, cookie: other });
    expect([question.status, locationOf(question)]).toEqual([200, null]);
    expect(locationOf(await send(asked, 'stay', { ...WINDOW, cookie: other }))).toBe(LANDING_URL);
    expect(locationOf(await send(asked, 'continue', { ...WINDOW, cookie: other }))).toBe(expected);
    const link = await tokenTo(target, '&delivery=link');
    expect(locationOf(await send(link, 'open'))).toBe(expected);
  });

  it('asks a visitor whose own session is of another organization, with which the application would sign nobody in', async () => {
    const { organizationId } = caller;
    const other = await t.world.caller({ origins: ['https://other.example'] });
    const group = await t.world.group(other.organizationId);
    await t.world.join(user, group);
    await t.world.allow(other.id, group, 'MANAGE');
    const wiki = await newClient(t, organizationId, { redirectUris: [`${app}/callback`] });
    await t.world.write((db) => db.insert(ClientOrigin, { clientId: wiki.id, origin: app, organizationId }));
    await change(wiki.id, { initiateLoginUri: `${app}/begin` });
    const cookie = await t.signIn(other, user);
    const elsewhere = await visit(await tokenTo(`${HOST}/page`), { ...WINDOW, cookie });
    expect([elsewhere.status, locationOf(elsewhere)]).toEqual([303, `${HOST}/page`]);
    for (const mode of ['keep', 'switch', 'ask']) {
      const token = await tokenTo(`${app}/page`, `&session=${mode}`);
      const question = await visit(token, { ...WINDOW, cookie });
      expect([question.status, titleOf(question)]).toEqual([200, 'Continue to this page?']);
      expect(locationOf(await send(token, 'stay', { ...WINDOW, cookie }))).toBe(LANDING_URL);
      expect([await isUnused(token), await isSignedIn(cookie)]).toEqual([true, true]);
    }
    const answer = await send(await tokenTo(`${app}/page`), 'continue', { ...WINDOW, cookie });
    expect(locationOf(answer)).toBe(beginning(`${app}/begin`, `${app}/page`));
    expect([await isSignedIn(cookie), await isSignedIn(cookieOf(answer))]).toEqual([false, true]);
    const query = authorizeQuery(wiki, { redirect_uri: `${app}/callback`, scope: 'openid', prompt: 'none' });
    const code = await raw(t.url, `/oauth/authorize?${query}`, { headers: { ...WINDOW, cookie: cookieOf(answer) } });
    expect(locationOf(code)).toContain(`${app}/callback?code=`);
  });

  it('says nothing of an application to a program whose browser has another user’s session', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    const cookie = await t.signIn(caller, await another());
    const answer = await visit(await tokenTo(`${app}/page`), { cookie, accept: '*/*' });
    expect([answer.status, locationOf(answer)]).toEqual([303, LANDING_URL]);
  });

  it('asks the database once in 1.5 s for the applications on a site, also if there are none', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    const lookUps = countedLookUps();
    for (const site of [app, HOST]) {
      const before = lookUps.names();
      const tokens = await Promise.all(Array.from({ length: 8 }, () => tokenTo(`${site}/page`)));
      const answers = await Promise.all(tokens.map((token) => visit(token)));
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(303));
      expect(lookUps.names() - before).toBe(1);
      t.clock.advance(2);
      await landed(`${site}/page`);
      expect(lookUps.names() - before).toBe(2);
    }
    expect(await landed('/course')).toBe('/course');
    expect(lookUps.names()).toBe(4);
  });

  it('leads to its page with the session if the database cannot say whether there is an application', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    const database = t.nest.get(Database);
    const read = database.read.bind(database);
    jest
      .spyOn(database, 'read')
      .mockImplementation((statement, parameters) =>
        statement.name === 'find_applications_on_origin'
          ? Promise.reject(new Error('The connection is gone.'))
          : read(statement, parameters),
      );
    const answer = await visit(await tokenTo(`${app}/page`), { accept: 'text/html' });
    expect([answer.status, locationOf(answer)]).toEqual([303, `${app}/page`]);
    expect((await t.call('/session', { headers: { cookie: cookieOf(answer) } })).body.user.id).toBe(user);
  });
});

describe('a login in a frame that leads to an application', () => {
  setUp({ PUBLIC_URL: 'https://latchkey.test' });
  beforeEach(newSite);

  it('leads to the page as it is, because the application could not keep its cookies there', async () => {
    await newApplication({ initiateLoginUri: `${app}/begin` });
    const framed = await visit(await tokenTo(`${app}/page`, `&embed=${HOST}`), FRAME);
    expect([framed.status, locationOf(framed)]).toEqual([303, `${app}/page`]);
    const headers = { ...FRAME, cookie: cookieOf(framed) };
    const kept = await visit(await tokenTo(`${app}/page`, `&embed=${HOST}`), headers);
    expect([kept.status, locationOf(kept), kept.headers.getSetCookie()]).toEqual([303, `${app}/page`, []]);
  });
});
