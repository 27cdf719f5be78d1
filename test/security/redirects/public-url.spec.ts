import { describe, expect, it } from '@jest/globals';
import { raw, wire } from '../../support/raw.js';
import {
  API,
  EVIL,
  HTTP,
  HTTPS,
  access,
  caller,
  everything,
  landing,
  login,
  setUp,
  t,
  tokenTo,
  user,
} from './setup.js';

describe.each([
  { publicUrl: HTTP, cookie: /^latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/ },
  { publicUrl: HTTPS, cookie: /^__Host-latchkey=[\w-]{22}\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/ },
])('the public URL $publicUrl', ({ publicUrl, cookie }) => {
  setUp(publicUrl);

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
