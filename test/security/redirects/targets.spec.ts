import { describe, expect, it } from '@jest/globals';
import { LoginToken } from '../../../src/schema/entities/login-token.entity.js';
import { wire } from '../../support/raw.js';
import {
  EVIL,
  HTTP,
  IDN,
  LEARN,
  PORT,
  access,
  caller,
  everything,
  landing,
  login,
  newCaller,
  setUp,
  t,
  tokenTo,
  user,
} from './setup.js';

describe('a target', () => {
  setUp(HTTP);

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
    await newCaller();
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
        expect.stringMatching(/^latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
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
  return {
    status,
    id: body.id,
    members: Object.keys(body),
    field: body.field,
    repeatsTarget: everything(answer).includes(EVIL),
    tokens: await t.world.write((db) => db.countBy(LoginToken, { userId: user })),
  };
}
