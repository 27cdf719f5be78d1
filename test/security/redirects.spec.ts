import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { LoggedInstance } from '../support/logged-instance.js';
import { raw, wire } from '../support/raw.js';
import type { TestCaller } from '../support/world.js';

const API = '/api/2.1.1';
const HTTP = 'http://latchkey.test';
const HTTPS = 'https://latchkey.test';
/** The origins of the client. */
const LEARN = 'https://learn.example.com';
const PORT = 'https://learn.example.com:8443';
const IDN = 'https://xn--mller-kva.example';
/** In every forged address, and nowhere else. */
const EVIL = 'evil.example';

let t: TestApp;
let caller: TestCaller;
let user: string;

function start(publicUrl: string): Promise<TestApp> {
  return TestApp.start({ PUBLIC_URL: publicUrl });
}

/** A caller and a user of its own for each test, and a minute of its own: wrong tokens are limited for each. */
async function arrange(): Promise<void> {
  t.clock.advance(61);
  caller = await t.world.caller({ origins: [LEARN, PORT, IDN] });
  ({ id: user } = await t.world.userOf(caller));
}

function access(query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return raw(t.url, `${API}/access/${user}${query}`, {
    headers: { authorization: `Bearer ${caller.token}`, ...headers },
  });
}

async function tokenTo(target?: string): Promise<string> {
  const { status, body, text } = await access(target === undefined ? '' : `?returnTo=${encodeURIComponent(target)}`);
  if (status !== 200) throw new Error(`${status} ${text}`);
  return body.token;
}

function login(query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return raw(t.url, `/login${query}`, { headers });
}

function landing({ status, headers }: Answer): object {
  return { status, location: headers.get('location') };
}

function everything({ headers, text }: Answer): string {
  return `${[...headers].map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${text}`;
}

describe('a target', () => {
  beforeAll(async () => {
    t = await start(HTTP);
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  it.each([
    // A host where a path seems to be
    `//${EVIL}`,
    `///${EVIL}`,
    `////${EVIL}`,
    `//${EVIL}/%2f..`,
    `/\\${EVIL}`,
    `\\/${EVIL}`,
    `\\\\${EVIL}`,
    `/\\/${EVIL}`,
    `/\\\\${EVIL}`,
    `//\\${EVIL}`,
    `/\t/${EVIL}`,
    `\t//${EVIL}`,
    `/\n/${EVIL}`,
    `/\r/${EVIL}`,
    `/\r\n/${EVIL}`,
    `/\u0001/${EVIL}`,
    `/\u007f/${EVIL}`,
    ` //${EVIL}`,
    ` /${EVIL}`,
    `/ /${EVIL}`,
    `\u00a0//${EVIL}`,
    `/\u200b/${EVIL}`,
    `/\ufeff/${EVIL}`,
    `\ufeff//${EVIL}`,
    `/\u2028/${EVIL}`,
    `/\uff0f${EVIL}`,
    `\uff0f\uff0f${EVIL}`,
    `/\u2215${EVIL}`,
    `/\u2044${EVIL}`,
    `/\uff3c${EVIL}`,
    `//latchkey.test/`,
    '//learn.example.com/',
    '//',
    // Encoded once more than it should be: no path, and nothing decodes it again
    `%2f%2f${EVIL}`,
    `%2F${EVIL}`,
    `%5c%5c${EVIL}`,
    `%09//${EVIL}`,
    `%252f%252f${EVIL}`,
    `https%3A%2F%2F${EVIL}`,
    // A header or a body of its own
    `/\r\nLocation: https://${EVIL}`,
    `/\r\n\r\n<script>`,
    '/\nSet-Cookie: a=b',
    '/\u010d\u010aSet-Cookie: a=b',
    '/\u560d\u560aSet-Cookie: a=b',
    // Relative in another way
    'course',
    './course',
    '../course',
    '.',
    '..',
    '?a=b',
    '#a',
    '',
    ' ',
    '*',
    'null',
    'undefined',
    'true',
    EVIL,
    `www.${EVIL}/x`,
    ':80',
    '@',
    '[object Object]',
  ])('S16: refuses returnTo %j', async (target) => {
    expect(await askedFor(target)).toEqual(REFUSED);
  });

  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'java\tscript:alert(1)',
    ' javascript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript://learn.example.com/%0aalert(1)',
    'javascript:/course',
    'javascript&colon;alert(1)',
    'data:text/html,x',
    'data:text/html;base64,PHNjcmlwdD4=',
    'DATA:,x',
    'vbscript:x',
    `blob:${LEARN}/1`,
    `filesystem:${LEARN}/x`,
    `view-source:${LEARN}/`,
    `feed:${LEARN}/`,
    `jar:${LEARN}/!/`,
    'about:blank',
    'file:///etc/passwd',
    'mailto:a@b.example',
    'intent://learn.example.com/#Intent;end',
    'ftp://learn.example.com/',
    'ws://learn.example.com/',
    'wss://learn.example.com/',
    'android-app://x/',
    'x-custom:/course',
    'http:',
    'https:',
    'https:/',
    'https://',
    'https:///',
    `https:${EVIL}`,
    `https:/${EVIL}`,
    `https:///${EVIL}`,
    `https:\\\\${EVIL}`,
    `https:/\\${EVIL}`,
    `http:${EVIL}`,
    'https:learn.example.com/',
    'https:/learn.example.com/',
    'https:///learn.example.com/',
    'https:\\\\learn.example.com/',
    'http:/course',
    'https:course',
    'http://learn.example.com/',
    'http://learn.example.com:443/',
    'https://latchkey.test/',
    'HTTPS://learn.example.com/',
    'Https://learn.example.com/',
    'HTTP://latchkey.test/',
    'hTTp://latchkey.test',
    'https ://learn.example.com/',
    ' https://learn.example.com/',
    'ht\ntps://learn.example.com/',
  ])('S16: refuses the scheme of returnTo %j', async (target) => {
    expect(await askedFor(target)).toEqual(REFUSED);
  });

  it.each([
    `https://${EVIL}`,
    `https://${EVIL}/${LEARN}`,
    `https://${EVIL}?${LEARN}`,
    `https://${EVIL}#${LEARN}`,
    `https://${EVIL}\\${LEARN}`,
    `https://${EVIL}\\@learn.example.com`,
    // An origin of the client as the beginning of another one
    `${LEARN}.${EVIL}`,
    `${LEARN}.${EVIL}/`,
    `${LEARN}${EVIL}`,
    `${LEARN}-${EVIL}`,
    `${LEARN}%2e${EVIL}`,
    `${LEARN}%00.${EVIL}`,
    `${LEARN};.${EVIL}`,
    `${LEARN},${EVIL}`,
    `${LEARN}&.${EVIL}`,
    `${LEARN}%2f.${EVIL}`,
    `${LEARN}%23.${EVIL}`,
    `${LEARN}%5c.${EVIL}`,
    `${HTTP}.${EVIL}`,
    `${HTTP}${EVIL}`,
    `${HTTP}@${EVIL}`,
    `${HTTP}:80@${EVIL}`,
    `${HTTP}\\@${EVIL}`,
    // User information
    `${LEARN}@${EVIL}`,
    `${LEARN}@${EVIL}/`,
    `${LEARN}:x@${EVIL}`,
    `${LEARN}:443@${EVIL}/`,
    `${LEARN}%40${EVIL}`,
    `${LEARN}\\@${EVIL}`,
    `${LEARN}%5c@${EVIL}`,
    `${LEARN}%2f@${EVIL}`,
    `${LEARN}\t@${EVIL}`,
    `${PORT}@${EVIL}`,
    `https://learn.example.com&@${EVIL}#@learn.example.com/`,
    'https://user@learn.example.com/',
    'https://user:password@learn.example.com/',
    'https://@learn.example.com/',
    'https://:@learn.example.com/',
    `https://${EVIL}@learn.example.com/`,
    // Another port, or the same in another form
    'https://learn.example.com:443',
    'https://learn.example.com:443/',
    'https://learn.example.com:/',
    'https://learn.example.com:0443/',
    'https://learn.example.com:8080/',
    'https://learn.example.com:08443/',
    'https://learn.example.com:84430/',
    'https://learn.example.com:8443x/',
    'http://latchkey.test:80',
    'http://latchkey.test:8080/',
    'http://latchkey.test:/',
    // Another name, or the same in another form
    'https://learn.example.com.',
    'https://learn.example.com./',
    'https://learn.example.com..',
    'https://.learn.example.com/',
    'https://LEARN.example.com/',
    'https://learn.Example.com/',
    'https://l\tearn.example.com/',
    'https://le\narn.example.com/',
    'https://learn.exampl\u00e9.com/',
    'https://%6cearn.example.com/',
    'https://learn%2eexample.com/',
    'https://learn.example.com%2f',
    'https://example.com/',
    'https://sub.learn.example.com/',
    'https://learn.example.co',
    'https://learn.example',
    'https://xlearn.example.com/',
    'http://latchkey.test./',
    'http://LATCHKEY.test/',
    'http://127.0.0.1/',
    'http://[::1]/',
    'http://localhost/',
    // Look-alikes: Cyrillic е and а, full-width letters and stops, a circled letter, a ligature, a soft hyphen, a zero-width space
    'https://l\u0435arn.example.com/',
    'https://le\u0430rn.example.com/',
    'https://\uff4cearn.example.com/',
    'https://learn\uff0eexample.com/',
    'https://learn\u3002example.com/',
    'https://\u24dbearn.example.com/',
    'https://learn.example.c\u1d0fm/',
    'https://lea\u00adrn.example.com/',
    'https://learn\u200b.example.com/',
    'https://xn--larn-qdd.example.com/',
    'https://m\u00fcller.example/',
    'https://mu\u0308ller.example/',
    'https://XN--MLLER-KVA.example/',
    'https://xn--mlier-kva.example/',
    'https://m\u00fcller.example',
    // Of the client, and not readable as a URL on it
    'https://learn.example.com/a b',
    'https://learn.example.com/\u00e9',
    'https://learn.example.com/\\',
    'https://learn.example.com\\',
    'https://learn.example.com/\n',
    'https://learn.example.com /',
  ])('S16: refuses the origin of returnTo %j', async (target) => {
    expect(await askedFor(target)).toEqual(REFUSED);
  });

  it.each([
    { of: 'a path', target: `/${'x'.repeat(2048)}` },
    { of: 'a path that is longer by a query', target: `/${'x'.repeat(2000)}?${'y'.repeat(100)}` },
    { of: 'a URL', target: `${LEARN}/${'x'.repeat(2048 - LEARN.length)}` },
    { of: 'a very long path', target: `/${'x'.repeat(9000)}` },
  ])('S16: refuses a returnTo that is too long: $of', async ({ target }) => {
    expect(await askedFor(target)).toEqual(REFUSED);
  });

  it('S15: refuses an origin that only another client has, also of the same organization', async () => {
    const other = await t.world.caller({
      organizationId: caller.organizationId,
      origins: ['https://other.example.com'],
    });
    expect(
      (await t.as(other)(`/access/${(await t.world.userOf(other)).id}?returnTo=https://other.example.com/`)).status,
    ).toBe(200);
    expect(await askedFor('https://other.example.com/')).toEqual(REFUSED);
  });

  it('S15: refuses every absolute URL but one of the public URL for a client without origins', async () => {
    caller = await t.world.caller();
    ({ id: user } = await t.world.userOf(caller));
    expect(await askedFor(`${LEARN}/`)).toEqual(REFUSED);
    expect(landing(await login(`?token=${await tokenTo(`${HTTP}/course`)}`))).toEqual({
      status: 303,
      location: `${HTTP}/course`,
    });
  });

  // The origin that a browser makes of each is written beside it.
  it.each([
    ...[
      '/',
      '/course',
      '/course/1?a=b#c',
      '/a+b',
      '/?',
      '/#',
      '/?returnTo=/x',
      '/%E2%82%AC?q=%C3%A9%20+&x=%26#%23',
      '/a;b=c,d/e:f@g/$!~*()',
      `/'"<>{}|^\`[]`,
      '/%22%3Cscript%3E',
      '/..',
      '/../x',
      '/./x',
      '/x/..//y',
      `/.//${EVIL}`,
      `/..//${EVIL}`,
      `/x//${EVIL}`,
      `/x/../..//${EVIL}`,
      `/%2f${EVIL}`,
      `/%2f%2f${EVIL}`,
      `/%252f%252f${EVIL}`,
      `/%5c${EVIL}`,
      `/%5c%5c${EVIL}`,
      `/%09/${EVIL}`,
      `/%0d%0aLocation:%20https://${EVIL}`,
      '/%00',
      `/%E2%80%AE/${EVIL}`,
      `/@${EVIL}`,
      `/;@${EVIL}`,
      `/:80@${EVIL}`,
      `/.${EVIL}`,
      `/https://${EVIL}/`,
      '/javascript:alert(1)',
      `/?next=//${EVIL}`,
      `/#//${EVIL}`,
      `/?//${EVIL}`,
      `/;//${EVIL}`,
      '/login',
      '/login?token=x',
      '/logout',
      `/${'x'.repeat(2047)}`,
      HTTP,
      `${HTTP}/`,
      `${HTTP}/course?x=1#y`,
      `${HTTP}?x`,
      `${HTTP}#x`,
      `${HTTP}//${EVIL}`,
      `${HTTP}/@${EVIL}`,
    ].map((target) => ({ target, origin: HTTP })),
    ...[
      '',
      '/',
      '/x?y=%2F#z',
      '?x',
      '#x',
      `/@${EVIL}`,
      `?@${EVIL}`,
      `#@${EVIL}`,
      `//${EVIL}`,
      `/.${EVIL}`,
      '/..',
      '/%5c%2f%0a',
      `?returnTo=https://${EVIL}`,
      `/${'x'.repeat(2047 - LEARN.length)}`,
    ].map((rest) => ({ target: LEARN + rest, origin: LEARN })),
    { target: `${PORT}/x`, origin: PORT },
    { target: PORT, origin: PORT },
    { target: `${IDN}/x`, origin: IDN },
  ])('S17: goes to $target byte for byte, which is on $origin', async ({ target, origin }) => {
    const token = await tokenTo(target);
    const answer = await login(`?token=${token}`);
    expect(landing(answer)).toEqual({ status: 303, location: target });
    expect(new URL(answer.headers.get('location')!, `${HTTP}/login?token=${token}`).origin).toBe(origin);
    expect(answer.text).toBe('');
  });

  it('S17: sends one Location, in the line that holds it and nothing else', async () => {
    const target = '/%0d%0aSet-Cookie:%20a=b?x=%0a#y';
    const answer = await wire(
      t.url,
      `GET /login?token=${await tokenTo(target)} HTTP/1.1\r\nHost: latchkey.test\r\nConnection: close\r\n\r\n`,
    );
    expect(landing(answer)).toEqual({ status: 303, location: target });
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^\s*latchkey=/)]);
  });

  const FORGED_PARAMETERS = [
    'returnTo',
    'returnto',
    'return_to',
    'returnUrl',
    'return',
    'redirect_uri',
    'redirect_url',
    'redirectUri',
    'redirect',
    'redirect_to',
    'next',
    'url',
    'goto',
    'continue',
    'dest',
    'destination',
    'target',
    'to',
    'service',
    'RelayState',
    'state',
    'callback',
    'callbackURL',
    'from',
    'back',
    'rd',
    'r',
    'u',
    'location',
    'LANDING_URL',
    'security',
  ];

  it.each([
    { of: 'a target', target: '/course/1' as string | undefined, location: '/course/1' },
    { of: 'a URL', target: `${LEARN}/x`, location: `${LEARN}/x` },
    { of: 'no target', target: undefined, location: '/' },
  ])('S15: takes no other target at redemption for a token with $of', async ({ target, location }) => {
    const forged = [
      FORGED_PARAMETERS.map((name) => `${name}=https://${EVIL}/`).join('&'),
      FORGED_PARAMETERS.map((name) => `${name}=//${EVIL}/&${name}=//${EVIL}/`).join('&'),
      FORGED_PARAMETERS.map((name) => `${name}[]=//${EVIL}/`).join('&'),
      `returnTo=https://${EVIL}/`,
      `redirect_uri=https://${EVIL}/`,
      `next=//${EVIL}`,
      // Legal when asked for in time, too late now
      'returnTo=/other',
      `returnTo=${encodeURIComponent(`${LEARN}/other`)}`,
      'returnTo=',
      'returnTo=/course/1&returnTo=/other',
    ];
    for (const extra of forged) {
      const behind = await login(`?token=${await tokenTo(target)}&${extra}`);
      const before = await login(`?${extra}&oauth_token=${await tokenTo(target)}`);
      expect({ extra, behind: landing(behind), before: landing(before) }).toEqual({
        extra,
        behind: { status: 303, location },
        before: { status: 303, location },
      });
      expect(behind.headers.getSetCookie()).toEqual([
        expect.stringMatching(/^latchkey=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
      ]);
    }
  });

  it.each<{ of: string; headers: Record<string, string> }>([
    { of: 'Referer', headers: { referer: `https://${EVIL}/` } },
    { of: 'Origin', headers: { origin: `https://${EVIL}` } },
    { of: 'a cookie', headers: { cookie: `returnTo=https://${EVIL}/; redirect_uri=https://${EVIL}/; next=//${EVIL}` } },
    {
      of: 'X-Original-URL',
      headers: { 'x-original-url': `https://${EVIL}/`, 'x-rewrite-url': `//${EVIL}/`, 'x-forwarded-uri': `//${EVIL}/` },
    },
  ])('S15: takes no target from $of', async ({ headers }) => {
    for (const [target, location] of [
      ['/course', '/course'],
      [undefined, '/'],
    ] as const) {
      expect(landing(await login(`?token=${await tokenTo(target)}`, headers))).toEqual({ status: 303, location });
    }
  });

  it('S15: with a live session goes where a good token of the same user leads, whatever the parameters say', async () => {
    const cookie = await t.signIn(caller, user);
    for (const [query, location] of [
      [`?token=${await tokenTo(`${LEARN}/x`)}&returnTo=https://${EVIL}/`, `${LEARN}/x`],
      [`?token=x&returnTo=https://${EVIL}/`, '/'],
      [`?returnTo=//${EVIL}&next=/x`, '/'],
    ]) {
      expect(landing(await login(query!, { cookie }))).toEqual({ status: 303, location });
    }
  });

  it('S15: keeps the target of each token apart', async () => {
    const targets = ['/a', '/b', `${LEARN}/c`, undefined, '/d'];
    const tokens = await Promise.all(targets.map(tokenTo));
    const answers = await Promise.all(tokens.map((token) => login(`?token=${token}`)));
    expect(answers.map(({ headers }) => headers.get('location'))).toEqual(['/a', '/b', `${LEARN}/c`, '/', '/d']);
  });
});

/** Neither a token nor another target, when the token is asked for. */
const REFUSED = {
  status: 400,
  id: 'incorrect_field',
  members: ['id', 'description', 'field'],
  field: 'returnTo',
  repeatsTarget: false,
  tokens: 0,
};

async function askedFor(target: string): Promise<object> {
  const answer = await access(`?returnTo=${encodeURIComponent(target)}`);
  const { status, body } = answer;
  const tokens = await t.world.write((db) => db.countBy(LoginToken, { userId: user }));
  return {
    status,
    id: body.id,
    members: Object.keys(body),
    field: body.field,
    repeatsTarget: everything(answer).includes(EVIL),
    tokens,
  };
}

describe.each([
  { publicUrl: HTTP, cookie: /^latchkey=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/ },
  { publicUrl: HTTPS, cookie: /^__Host-latchkey=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/ },
])('the public URL $publicUrl', ({ publicUrl, cookie }) => {
  beforeAll(async () => {
    t = await start(publicUrl);
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  const FORGED: Record<string, string>[] = [
    { host: EVIL },
    { host: `${EVIL}:443` },
    { host: `latchkey.test@${EVIL}` },
    { host: '' },
    { 'x-forwarded-host': EVIL },
    { 'x-forwarded-host': `latchkey.test, ${EVIL}` },
    { 'x-forwarded-host': `${EVIL}/"><script>` },
    { 'x-forwarded-proto': 'https' },
    { 'x-forwarded-proto': 'http' },
    { 'x-forwarded-proto': `javascript://${EVIL}` },
    {
      'x-forwarded-host': EVIL,
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '8443',
      'x-forwarded-prefix': `//${EVIL}`,
    },
    { 'x-forwarded-ssl': 'on', 'front-end-https': 'on', 'x-url-scheme': 'https', 'x-forwarded-scheme': 'https' },
    { forwarded: `for=127.0.0.1;host=${EVIL};proto=https` },
    { forwarded: `for=127.0.0.1;host=${EVIL};proto=http` },
    {
      'x-host': EVIL,
      'x-original-host': EVIL,
      'x-forwarded-server': EVIL,
      'x-http-host-override': EVIL,
      'x-real-host': EVIL,
    },
    {
      'x-original-url': `//${EVIL}/`,
      'x-rewrite-url': `//${EVIL}/`,
      'x-forwarded-uri': `//${EVIL}/`,
      'x-forwarded-path': `//${EVIL}/`,
    },
    { 'x-http-method-override': 'POST', 'x-method-override': 'POST', 'x-http-method': 'POST' },
    { via: `1.1 ${EVIL}`, 'x-forwarded-for': EVIL, 'x-real-ip': EVIL, 'client-ip': EVIL, 'true-client-ip': EVIL },
    { origin: `https://${EVIL}`, referer: `https://${EVIL}/` },
  ];

  it.each(FORGED.map((headers) => ({ of: JSON.stringify(headers), headers })))(
    'S18: stays what it is with $of',
    async ({ headers }) => {
      const answer = await access('', headers);
      expect(answer.status).toBe(200);
      expect(answer.body.url).toBe(`${publicUrl}/login?token=${answer.body.token}`);
      expect(answer.headers.get('link')).toContain(`<${publicUrl}/guides/service-accounts>`);
      expect(everything(answer)).not.toContain(EVIL);

      const redirect = await login(`?token=${answer.body.token}`, headers);
      expect(landing(redirect)).toEqual({ status: 303, location: '/' });
      expect(redirect.headers.getSetCookie()).toEqual([expect.stringMatching(cookie)]);
      expect(everything(redirect)).not.toContain(EVIL);
    },
  );

  it.each(FORGED.map((headers) => ({ of: JSON.stringify(headers), headers })))(
    'S18: is in the target of a token in spite of $of',
    async ({ headers }) => {
      const { body } = await access(`?returnTo=${encodeURIComponent(`${publicUrl}/course`)}`, headers);
      expect(landing(await login(`?token=${body.token}`, headers))).toEqual({
        status: 303,
        location: `${publicUrl}/course`,
      });
      expect((await access(`?returnTo=${encodeURIComponent(`https://${EVIL}/`)}`, headers)).body.id).toBe(
        'incorrect_field',
      );
    },
  );

  it.each(FORGED.map((headers) => ({ of: JSON.stringify(headers), headers })))(
    'S18: is the only one that errors, pages and the log-out know, with $of',
    async ({ headers }) => {
      const session = await t.signIn(caller, user);
      const answers = [
        await access('', { ...headers, authorization: 'Bearer x' }),
        await raw(t.url, `${API}/nothing`, { headers }),
        await login('?token=x', headers),
        await raw(t.url, '/', { headers: { ...headers, cookie: session } }),
        await raw(t.url, '/session', { headers: { ...headers, cookie: session } }),
        await raw(t.url, '/logout', {
          method: 'POST',
          headers: { ...headers, cookie: session, 'sec-fetch-site': 'same-origin', accept: 'text/html' },
        }),
      ];
      expect(answers.map(({ status, headers: received }) => [status, received.get('location')])).toEqual([
        [401, null],
        [404, null],
        [401, null],
        [200, null],
        [200, null],
        [303, '/'],
      ]);
      for (const answer of answers) expect(everything(answer)).not.toContain(EVIL);
    },
  );

  it('S18: stays what it is with an address in the request line', async () => {
    const lines = `Host: ${EVIL}\r\nConnection: close\r\n`;
    const answer = await wire(
      t.url,
      `GET http://${EVIL}${API}/access/${user} HTTP/1.1\r\n${lines}Authorization: Bearer ${caller.token}\r\n\r\n`,
    );
    expect(answer.body.url).toBe(`${publicUrl}/login?token=${answer.body.token}`);
    const redirect = await wire(t.url, `GET https://${EVIL}/login?token=${answer.body.token} HTTP/1.1\r\n${lines}\r\n`);
    expect(landing(redirect)).toEqual({ status: 303, location: '/' });
    expect(everything(answer) + everything(redirect)).not.toContain(EVIL);
  });

  it('S18: is the one that the token is good for', async () => {
    const payload = JSON.parse(Buffer.from((await tokenTo()).split('.')[1]!, 'base64url').toString());
    expect({ iss: payload.iss, aud: payload.aud }).toEqual({ iss: publicUrl, aud: `${publicUrl}/login` });
  });
});

describe('the token', () => {
  beforeAll(async () => {
    t = await start(HTTPS);
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

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
  beforeAll(async () => {
    t = await start(HTTPS);
  });
  afterAll(() => t.stop());
  beforeEach(arrange);

  it.each([{ environment: 'test' }, { environment: 'production' }])(
    'S19: has no token and no session in it, whatever happens, with NODE_ENV=$environment',
    async ({ environment }) => {
      const secrets = new Set<string>();
      const instance = await LoggedInstance.start({ NODE_ENV: environment, LOG_LEVEL: 'debug', PUBLIC_URL: HTTPS });
      let log: string;
      let failure: Answer;
      try {
        failure = await useEverything(instance.url, secrets);
      } finally {
        log = await instance.stop();
      }
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
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
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
  const [now, nobody] = [caller, user];
  t.clock.advance(-600);
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
  const token = keep(await tokenTo());
  keep(caller.token);
  t.clock.reset();
  [caller, user] = [now, nobody];
  return token;
}
