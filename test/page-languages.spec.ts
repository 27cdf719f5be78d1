import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cookieOf, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

const HTML = 'text/html,application/xhtml+xml';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
const FORM = 'application/x-www-form-urlencoded';

let t: TestApp;
let caller: TestCaller;
let user: string;
let directory: string;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  directory = mkdtempSync(join(tmpdir(), 'latchkey-brand-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await t.stop();
});

function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return t.call(path, { headers: { accept: HTML, ...headers } });
}

function choose(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const browser = { accept: HTML, 'content-type': FORM, 'sec-fetch-site': 'same-origin' };
  return t.call(path, { method: 'POST', body, headers: { ...browser, ...headers } });
}

describe('a page', () => {
  it.each([
    { language: 'en', title: 'You are not signed in' },
    { language: 'nl', title: 'U bent niet aangemeld' },
    { language: 'de', title: 'Sie sind nicht angemeldet' },
    { language: 'fr', title: 'Vous n’êtes pas connecté' },
    { language: 'es', title: 'No ha iniciado sesión' },
  ])('is in $language for a browser that prefers it', async ({ language, title }) => {
    const { text, headers } = await get('/', { 'accept-language': `it, ${language}-BE;q=0.9, *;q=0.1` });
    expect(text).toContain(`<html lang="${language}">`);
    expect(text).toContain(`<h1>${title}</h1>`);
    expect([headers.get('content-language'), headers.get('vary')]).toEqual([language, 'Accept-Language, Cookie']);
  });

  it('says what is wrong with a link in the language, and a program gets it in English', async () => {
    const token = await t.loginToken(caller, user);
    await t.login(token);
    const page = await get(`/login?token=${token}`, { 'accept-language': 'nl' });
    expect(page.text).toContain('<h1>Deze link is al gebruikt</h1>');
    expect(page.text).toContain('Ga terug naar waar u vandaan kwam en volg de link opnieuw.');
    expect(page.text).toContain(
      `door aan de beheerder van de site als dit nog eens gebeurt: <code>${page.headers.get('x-request-id')}`,
    );
    const object = await get(`/login?token=${token}`, { 'accept-language': 'nl', accept: 'application/json' });
    expect(object.body.description).toMatch(/^This sign-in link was already used\./);
  });

  it('marks what exists in English only', async () => {
    const { text } = await get('/forward-auth', { 'accept-language': 'de', 'x-forwarded-uri': '/' });
    expect(text).toMatch(/<h1>Sie dürfen das nicht tun<\/h1><p><span lang="en">/);
  });
});

describe('the choice of a language', () => {
  it('is kept in a cookie and shows the same page again, whose address the answer does not repeat', async () => {
    const path = `/login?token=${await t.loginToken(caller, user, '?delivery=link')}`;
    const chosen = await choose(path, 'page_language=fr');
    expect([chosen.status, chosen.headers.get('location')]).toEqual([303, '#']);
    expect(chosen.headers.getSetCookie()).toEqual([
      'latchkey_language=fr; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax',
    ]);
    const page = await get(path, { cookie: cookieOf(chosen), 'accept-language': 'nl' });
    expect(page.text).toContain('<h1>Encore une étape</h1>');
    expect(page.text).toContain('lang="fr" aria-current="true">Français</button>');
    expect((await t.login(path.split(/[=&]/)[1]!)).status).toBe(200);
  });

  it.each(['/', '/nothing', '/guides/nothing', '/oauth/account', '/login?token=wrong'])('works at %s', async (path) => {
    const chosen = await choose(path, 'page_language=es');
    expect([chosen.status, chosen.headers.get('location')]).toEqual([303, '#']);
    expect((await get(path)).text).toContain('name="page_language"');
  });

  it.each([
    {
      of: 'another site',
      body: 'page_language=nl',
      headers: { 'sec-fetch-site': 'cross-site' } as Record<string, string>,
    },
    { of: 'a form with other fields', body: 'page_language=nl&answer=open', headers: {} },
    { of: 'a language that there is not', body: 'page_language=it', headers: {} },
    { of: 'a list', body: 'page_language=nl&page_language=de', headers: {} },
  ])('is not taken from $of', async ({ body, headers }) => {
    const { status, headers: answered } = await choose('/nothing', body, headers);
    expect([status, answered.getSetCookie()]).toEqual([404, []]);
  });

  it('is not offered in a frame, at another site, or in answer to a form', async () => {
    await t.world.origin(caller.organizationId, 'https://site.example');
    const proxied = await get('/forward-auth', {
      'x-forwarded-method': 'GET',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'site.example',
      'x-forwarded-uri': '/',
    });
    expect(proxied.text).toContain('<h1>You are not signed in</h1>');
    const wrong = await choose('/oauth/account/login', 'email=a%40b.example&password=wrong');
    expect(wrong.status).toBe(401);
    for (const { text } of [proxied, wrong]) expect(text).not.toContain('page_language');
  });
});

describe('an operator’s brand', () => {
  it('is on each page, with a logo that is a part of the page', async () => {
    const logo = join(directory, 'logo.svg');
    writeFileSync(logo, SVG);
    const branded = await TestApp.startOnSameDatabase({
      BRAND_NAME: 'Learn & Co',
      BRAND_LOGO: logo,
      BRAND_COLOR: '#7A0030',
      BRAND_COLOR_DARK: '#ffb3c7',
      BRAND_HELP: 'help@learn.example',
    });
    try {
      const { text, headers } = await branded.call('/nothing', { headers: { accept: HTML } });
      expect(text).toContain('<title>There is no page here – Learn &#38; Co</title>');
      const data = `data:image/svg+xml;base64,${Buffer.from(SVG).toString('base64')}`;
      expect(text).toContain(`<header><img src="${data}" alt="Learn &#38; Co"></header>`);
      expect(text).toContain('--accent: light-dark(#7A0030, #ffb3c7)');
      expect(text).toContain('ask <a href="mailto:help@learn.example" target="_top">help@learn.example</a>');
      expect(headers.get('content-security-policy')).toContain("img-src 'self' data:;");
    } finally {
      await branded.nest.close();
    }
  });
});
