import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { newSecret } from '../../../src/common/id.js';
import { Organization } from '../../../src/schema/entities/organization.entity.js';
import { User } from '../../../src/schema/entities/user.entity.js';
import { cookieOf } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { raw } from '../../support/raw.js';
import {
  FOREIGN,
  HTTPS,
  LOOKS,
  another,
  caller,
  effect,
  expiredToken,
  login,
  newCaller,
  page,
  secretOf,
  send,
  sessionsOf,
  setUp,
  t,
  usedToken,
  user,
  visitor,
} from './setup.js';
import type { Sent } from './setup.js';

describe('under https', () => {
  setUp(HTTPS);

  describe('a page that waits for the visitor', () => {
    const OWN = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };

    function answerWith(token: string, answer: string, headers: Sent = {}): Promise<Answer> {
      return raw(t.url, `/login?token=${token}`, {
        method: 'POST',
        headers: { accept: 'text/html', ...OWN, ...headers },
        body: `answer=${answer}`,
      });
    }

    /** Each of the pages, with the token that it waits for and the cookie of its visitor. */
    const WAITING: { of: string; arrange: () => Promise<{ token: string; cookie: string; answer: string }> }[] = [
      { of: 'the button', arrange: async () => ({ token: await link(), cookie: '', answer: 'open' }) },
      {
        of: 'the question',
        arrange: async () => ({
          cookie: await t.signIn(caller, await another()),
          token: await link('?session=ask'),
          answer: 'continue',
        }),
      },
    ];

    it.each(LOOKS)('S20: does not take $of for the visitor', async ({ method = 'GET', headers, status }) => {
      const token = await link();
      const answer = await send(method, `/login?token=${token}`, headers);
      expect(effect(answer)).toEqual({ status, location: null, cookies: [] });
      expect(await sessionsOf(user)).toBe(0);
      expect((await answerWith(token, 'open')).status).toBe(303);
    });

    it.each<{ of: string; headers: Sent }>([
      { of: 'a prefetch', headers: { 'sec-purpose': 'prefetch' } },
      { of: 'a prerender', headers: { 'sec-purpose': 'prefetch;prerender' } },
      { of: 'a fetch', headers: { 'sec-fetch-dest': 'empty' } },
      { of: 'an image', headers: { 'sec-fetch-dest': 'image' } },
    ])('S20: is not answered by $of of our own', async ({ headers }) => {
      const token = await link();
      expect(effect(await answerWith(token, 'open', headers))).toEqual({ status: 400, location: null, cookies: [] });
      expect(await sessionsOf(user)).toBe(0);
    });

    it.each(WAITING)('S20: with $of has consumed nothing and set no cookie when it is shown', async ({ arrange }) => {
      const { token, cookie } = await arrange();
      for (let time = 0; time < 3; time++)
        expect(effect(await page(`/login?token=${token}`, cookie))).toEqual({
          status: 200,
          location: null,
          cookies: [],
        });
      expect(await sessionsOf(user)).toBe(0);
    });

    it.each(WAITING)('S19: with $of has the token nowhere, nor has what it leads to', async ({ arrange }) => {
      const { token, cookie, answer } = await arrange();
      const shown = await page(`/login?token=${token}`, cookie);
      const left = await answerWith(token, answer, { cookie });
      expect([shown.status, left.status]).toEqual([200, 303]);
      for (const { text, headers } of [shown, left]) {
        const everything = text + JSON.stringify([...headers]);
        for (const part of [token, ...token.split('.').slice(1)]) expect(everything).not.toContain(part);
        expect(headers.get('referrer-policy')).toBe('no-referrer');
        expect(headers.get('cache-control')).toBe('no-store');
      }
      // The form needs no address: it goes to the one that the page has.
      expect(shown.text).toContain('<form method="post">');
      // Browsers without Sec-Fetch-Site say where a form comes from only if its page lets them; by its origin, not its address.
      expect(shown.text.match(/<meta name="referrer"[^>]*>/g)).toEqual([
        '<meta name="referrer" content="strict-origin">',
      ]);
    });

    it.each(FOREIGN)('S24: is not answered by another site: $of', async ({ headers }) => {
      const [linked, asked] = [await link(), await link('?session=ask')];
      const other = await another();
      const cookie = await t.signIn(caller, other);
      for (const [token, answer, sent] of [
        [linked, 'open', {}],
        [asked, 'continue', { cookie }],
        [asked, 'stay', { cookie }],
      ] as const) {
        const { 'sec-fetch-site': _, ...form } = OWN;
        const refused = await raw(t.url, `/login?token=${token}`, {
          method: 'POST',
          headers: { accept: 'text/html', ...form, ...sent, ...headers },
          body: `answer=${answer}`,
        });
        expect(effect(refused)).toEqual({ status: 403, location: null, cookies: [] });
      }
      expect([await sessionsOf(user), await visitor(cookie)]).toEqual([0, other]);
    });

    it('S24: is answered from our Origin by a browser that sends no Sec-Fetch-Site', async () => {
      const answer = await raw(t.url, `/login?token=${await link()}`, { method: 'POST', headers: { origin: HTTPS } });
      expect(await visitor(cookieOf(answer))).toBe(user);
    });

    it.each<(typeof WAITING)[number] & { headers: Sent; script?: string }>([
      { ...WAITING[0]!, headers: {} },
      {
        of: 'the button in a window',
        arrange: WAITING[0]!.arrange,
        headers: { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
        script: '/login/continue.js',
      },
      { ...WAITING[1]!, headers: {} },
    ])('S24: with $of loads nothing but its own script and can’t be framed', async (expected) => {
      const { token, cookie } = await expected.arrange();
      const answer = await send('GET', `/login?token=${token}`, { ...expected.headers, cookie, accept: 'text/html' });
      const { 'style-src': style, ...rest } = policyOf(answer);
      expect(style).toMatch(/^'sha256-[\w+/]+='$/);
      expect(rest).toEqual({
        'default-src': "'none'",
        'img-src': "'self'",
        // Where the visitor lands may send them on, and the browser holds that against the form.
        'form-action': "'self' https:",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
        ...(expected.script ? { 'script-src': "'self'" } : {}),
      });
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(addressesIn(answer)).toEqual(expected.script ? [expected.script] : []);
      expect(answer.text).not.toMatch(/<script(?![^>]*\ssrc=)|<script[^>]*>[^<]|\son\w+\s*=|\sstyle\s*=|javascript:/i);
    });

    it('S24: with the question escapes the names of both users', async () => {
      const attack = `<script>alert("1")</script> ' onload='x' & </title></dd><img src=x onerror=alert(1)>`;
      const { id: other } = await t.world.userOf(caller, { name: `Current ${attack}` });
      const { id: offered } = await t.world.userOf(caller, { name: `Offered ${attack}` });
      const { text } = await page(`/login?token=${await link('?session=ask', offered)}`, await t.signIn(caller, other));
      for (const who of ['Current', 'Offered'])
        expect(text).toMatch(new RegExp(`${who} (&lt;|&#60;)script(&gt;|&#62;)`));
      expect(text).not.toMatch(/<script|<img|onload='|alert\("|<\/dd><img/);
    });

    it('S22: leads to a session of its own, and the one that was switched from is over under its old value', async () => {
      for (const [query, answer] of [
        ['?session=switch&delivery=link', 'open'],
        ['?session=ask', 'continue'],
      ] as const) {
        const cookie = await t.signIn(caller, await another());
        const token = await link(query);
        const after = cookieOf(await answerWith(token, answer, { cookie }));
        expect([secretOf(after) === secretOf(cookie), token.includes(secretOf(after))]).toEqual([false, false]);
        expect([await visitor(cookie), await visitor(after)]).toEqual([401, user]);
        expect(await visitor(`${after}; ${cookie}`)).toBe(401);
      }
    });

    it.each(['switch', 'ask'])('S21: switches from nobody with a bad token of session=%s', async (mode) => {
      const used = await link(`?session=${mode}`);
      await login(used);
      const late = await link(`?session=${mode}`);
      t.clock.advance(121);
      const other = await another();
      const cookie = await t.signIn(caller, other);
      for (const token of [used, late, `${late}A`, caller.token, 'nonsense'])
        for (const answer of [
          await login(token, { cookie }),
          await answerWith(token, 'open', { cookie }),
          await answerWith(token, 'continue', { cookie }),
        ])
          expect(effect(answer)).toEqual({ status: 303, location: '/', cookies: [] });
      expect(await visitor(cookie)).toBe(other);
    });
  });

  describe('the cookie of a frame', () => {
    const ORIGIN = 'https://host.example';

    async function embedded(): Promise<Answer> {
      await newCaller([ORIGIN]);
      return login(await t.loginToken(caller, user, `?embed=${ORIGIN}`), { 'sec-fetch-dest': 'iframe' });
    }

    it('S23: is for this host alone, https only, hidden from scripts, and for one site around it', async () => {
      const answer = await embedded();
      const [pair, ...attributes] = answer.headers.getSetCookie()[0]!.split('; ');
      expect(pair).toMatch(/^__Host-latchkey-embed=[\w-]{22}\.[\w-]{43}$/);
      expect(attributes.toSorted()).toEqual(['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    it('S23: is not accepted under another name, and no other one under its name', async () => {
      const cookie = cookieOf(await embedded());
      const ordinary = secretOf(await t.signIn(caller, user));
      expect(await inFrame(cookie)).toBe(user);
      for (const name of ['__Host-latchkey', 'latchkey', 'latchkey-embed', '__host-latchkey-embed'])
        expect(await inFrame(`${name}=${secretOf(cookie)}`)).toBe(401);
      expect(await inFrame(`__Host-latchkey-embed=${ordinary}`)).toBe(401);
    });

    it('S23: counts for no page in a window, and for nothing that does not say what it is for', async () => {
      const cookie = cookieOf(await embedded());
      expect(await visitor(cookie)).toBe(401);
      for (const destination of ['document', undefined]) {
        const { text } = await send('GET', '/', { cookie, ...(destination ? { 'sec-fetch-dest': destination } : {}) });
        expect(text).toContain('You are not signed in');
      }
    });

    it('S22: that a browser brought is never adopted', async () => {
      await embedded();
      const brought = `__Host-latchkey-embed=${newSecret()}`;
      const token = await t.loginToken(caller, user, `?embed=${ORIGIN}`);
      const after = cookieOf(await login(token, { 'sec-fetch-dest': 'iframe', cookie: brought }));
      expect([secretOf(after) === secretOf(brought), await inFrame(brought), await inFrame(after)]).toEqual([
        false,
        401,
        user,
      ]);
    });

    it.each(FOREIGN)(
      'S24: lets nobody log out from another site, although it is sent from there: $of',
      async ({ headers }) => {
        const cookie = cookieOf(await embedded());
        const answer = await send('POST', '/logout', { cookie, 'sec-fetch-dest': 'iframe', ...headers });
        expect(effect(answer)).toEqual({ status: 403, location: null, cookies: [] });
        expect(await inFrame(cookie)).toBe(user);
      },
    );
  });

  describe('a page', () => {
    const PAGES: { of: string; open: () => Promise<Answer>; status: number }[] = [
      { of: 'the landing page', open: () => page('/'), status: 200 },
      { of: 'the landing page with a session', open: async () => page('/', await t.signIn(caller, user)), status: 200 },
      { of: 'the guide', open: () => page('/guides/service-accounts'), status: 200 },
      { of: 'a link that is not complete', open: () => page('/login'), status: 400 },
      { of: 'a link with two tokens', open: () => page('/login?token=a&token=b'), status: 400 },
      { of: 'a link that does not work', open: () => page('/login?token=x'), status: 401 },
      { of: 'a link that was used', open: async () => page(`/login${await usedToken()}`), status: 410 },
      { of: 'a link that has expired', open: async () => page(`/login${await expiredToken()}`), status: 410 },
    ];

    it.each(PAGES)('S24: $of runs no script, loads nothing and can’t be framed', async ({ open, status }) => {
      const answer = await open();
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      const { 'style-src': styles, ...rest } = policyOf(answer);
      expect(rest).toEqual({
        'default-src': "'none'",
        'img-src': "'self'",
        'form-action': "'self'",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
      });
      const style = /<style>([\s\S]*?)<\/style>/.exec(answer.text)![1]!;
      expect(styles).toBe(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
      expect(answer.text).not.toMatch(
        /<script|<iframe|<object|<embed|<link|<img|<base|<svg|<meta[^>]+http-equiv|\son\w+\s*=|\sstyle\s*=|javascript:|@import|\burl\(/i,
      );
      expect(addressesIn(answer)).toEqual(addressesIn(answer).filter((address) => /^\/(?!\/)/.test(address)));
    });

    it('S24: of the documentation runs scripts of this host only, none inline, and can’t be framed', async () => {
      const answer = await page('/docs');
      expect(answer.status).toBe(200);
      const policy = policyOf(answer);
      expect(policy).toMatchObject({
        'default-src': "'none'",
        'script-src': "'self'",
        'connect-src': "'self'",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
        'form-action': "'none'",
      });
      expect(Object.values(policy).join(' ')).not.toMatch(/\*|https?:|unsafe-eval|blob:/);
      expect(answer.text).not.toMatch(/<script(?![^>]*\ssrc=)|<script[^>]*>[^<]|\son\w+\s*=|javascript:/i);
      expect(addressesIn(answer).length).toBeGreaterThan(2);
      expect(addressesIn(answer)).toEqual(addressesIn(answer).filter((address) => /^\/(?!\/)/.test(address)));
    });

    it('S24: escapes the names of the user, of who let them in and of the organization', async () => {
      const attack = `<script>alert("1")</script> ' onload='x' & </title></dd><img src=x onerror=alert(1)>`;
      const address = `"<b>'&x"@${user.toLowerCase()}.example`;
      const { id } = await t.world.userOf(caller, { name: `User ${attack}`, emailAddress: address });
      await t.world.write(async (db) => {
        await db.update(User, { id: caller.id }, { name: `Actor ${attack}` });
        await db.update(Organization, { id: caller.organizationId }, { name: `Organization ${attack}` });
      });
      const { text: shown } = await page('/', await t.signIn(caller, id));
      for (const who of ['User', 'Actor', 'Organization'])
        expect(shown).toMatch(new RegExp(`${who} (&lt;|&#60;)script(&gt;|&#62;)alert\\((&quot;|&#34;)1`));
      expect(shown).toMatch(/\((&quot;|&#34;)(&lt;|&#60;)b(&gt;|&#62;)(&apos;|&#39;)(&amp;|&#38;)x/);
      expect(shown).not.toMatch(/<script|<img|<b>|onload='|alert\("|<\/dd><img/);
      expect(shown.match(/<\/title>/g)).toHaveLength(1);
    });

    it('S24: repeats nothing of its address', async () => {
      const mark = '<script>alert(1)</script>';
      for (const path of [
        `/login?token=${mark}`,
        `/login?${mark}=${mark}`,
        `/?x=${mark}`,
        `/login?token=a&token=${mark}`,
        `/login?token=${encodeURIComponent(mark)}`,
      ]) {
        const { text } = await page(path);
        expect({ path, found: text.includes('alert(1)') }).toEqual({ path, found: false });
      }
    });
  });
});

function policyOf({ headers }: Answer): Record<string, string> {
  const directives = headers.get('content-security-policy')!.split('; ');
  return Object.fromEntries(
    directives.map((directive) => [
      directive.slice(0, directive.indexOf(' ')),
      directive.slice(directive.indexOf(' ') + 1),
    ]),
  );
}

/** Everything that the page leads to or loads. */
function addressesIn({ text }: Answer): string[] {
  return [...text.matchAll(/\s(?:href|src|action|formaction|poster|data|srcset)\s*=\s*["']?([^"'\s>]*)/gi)].map(
    ([, address]) => address!,
  );
}

/** Whom the service takes the page of a frame with this cookie for. */
async function inFrame(cookie: string): Promise<string | number> {
  const { status, body } = await send('GET', '/session', { cookie, 'sec-fetch-dest': 'empty' });
  return status === 200 ? body.user.id : status;
}

async function link(query = '?delivery=link', who = user): Promise<string> {
  return t.loginToken(caller, who, query);
}
