import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { OAuthRecord } from '../../src/schema/entities/oauth-record.entity.js';
import { TestApp, testEnvironment } from '../support/app.js';
import {
  actionOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newClient,
  newCode,
  newScene,
  newTokens,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());

function exchange(code: string, fields: Record<string, string> = {}, client = scene.client) {
  return requestToken(t.url, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...fields }, client);
}

describe('RFC 6749, section 2.3: client authentication', () => {
  it.each([
    ['a wrong secret', () => ({ ...scene.client, secret: 'wrong' })],
    ['an unknown client', () => ({ ...scene.client, id: '0'.repeat(32) })],
  ])('5.2: %s is 401 invalid_client with WWW-Authenticate', async (_title, client) => {
    const { status, body, headers } = await exchange('x', {}, client());
    expect({ status, error: body.error, id: body.id }).toEqual({
      status: 401,
      error: 'invalid_client',
      id: 'invalid_client',
    });
    expect(headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  });

  it('2.3.1: takes the secret in the form too', async () => {
    const code = await newCode(scene);
    const { id, secret } = scene.client;
    const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI };
    const answer = await requestToken(t.url, { ...fields, client_id: id, client_secret: secret });
    expect(answer.status).toBe(200);
  });

  it('2.3: refuses two ways of authentication in one request', async () => {
    const answer = await exchange('x', { client_id: scene.client.id, client_secret: scene.client.secret });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
  });

  it('2.3: refuses a confidential client that does not authenticate', async () => {
    const answer = await exchange('x', {}, { id: scene.client.id, secret: '' });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });
});

describe('RFC 6749, section 3: the endpoints', () => {
  it('3.1: an authorization request may have parameters that nobody knows, and none twice', async () => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery(scene.client, { unknown: 'x' })}`);
    expect(answer.headers.get('location')).toMatch(/^\/oauth\/interaction\//);
    const twice = await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}&state=1&state=2`);
    expect(twice.headers.get('location')).toContain('error=invalid_request');
  });

  it('3.1: a parameter without a value is as if it were left out', async () => {
    const target = await new Browser(t).authorize(
      authorizeQuery(scene.client, { state: '', scope: '' }),
      scene.person.emailAddress,
    );
    expect(target.searchParams.has('code')).toBe(true);
    expect(target.searchParams.get('state') ?? '').toBe('');
  });

  it('3.2: the token endpoint takes POST only', async () => {
    const { status, headers } = await t.call('/oauth/token?grant_type=refresh_token&refresh_token=x');
    expect([status, headers.get('allow')]).toEqual([405, expect.stringContaining('POST')]);
  });

  it('3.2: a token request has no parameter twice', async () => {
    const { id, secret } = scene.client;
    const answer = await t.call('/oauth/token', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=authorization_code&code=a&code=b&client_id=${id}&client_secret=${secret}`,
    });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
  });

  it('2.3.1: credentials of a client in the address count for nothing', async () => {
    const { id, secret } = scene.client;
    const fields = { grant_type: 'authorization_code', code: await newCode(scene), redirect_uri: REDIRECT_URI };
    const path = `/oauth/token?client_id=${id}&client_secret=${secret}`;
    const answer = await requestToken(t.url, fields, undefined, path);
    expect([400, 401]).toContain(answer.status);
  });
});

describe('RFC 6749, section 3.1.2: the redirection endpoint', () => {
  it.each([
    'https://host.example/callback/',
    'https://host.example/callback?x=1',
    'https://host.example/Callback',
    'https://host.example:443/callback',
    'https://HOST.example/callback',
    'https://host.example/callback/../callback',
    'https://host.example/callback#x',
    'https://host.example.evil.example/callback',
    'https://user@host.example/callback',
    'http://host.example/callback',
    'https://host.example/%63allback',
    '//host.example/callback',
    'javascript:alert(1)',
  ])('4.1.2.1: shows an error and sends the browser nowhere for the unregistered %j', async (redirect_uri) => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery(scene.client, { redirect_uri })}`, {
      headers: { accept: 'text/html' },
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.text).toContain('<h1>This sign-in does not work</h1>');
  });

  it('shows an error for an unknown client, as a page without script', async () => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery({ id: 'f'.repeat(32), secret: '' })}`, {
      headers: { accept: 'text/html' },
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('location')).toBeNull();
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.text).toContain('This sign-in does not work');
  });

  it.each(['\u0000', 'x'.repeat(3000), "' OR '1'='1"])('shows an error for %.20j, which is no client', async (id) => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery({ id, secret: '' })}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  it('3.2: answers 400 for anything with a NUL, also without credentials', async () => {
    const nul = '\u0000';
    const encoded = Buffer.from(JSON.stringify({ iss: nul })).toString('base64url');
    for (const fields of [
      { grant_type: 'refresh_token', refresh_token: nul },
      { grant_type: 'authorization_code', code: nul, redirect_uri: nul },
      { grant_type: JWT_BEARER, assertion: `a.${encoded}.c` },
      { grant_type: nul },
    ] as Record<string, string>[]) {
      expect((await requestToken(t.url, fields, scene.client)).status).toBe(400);
      expect([400, 401]).toContain((await requestToken(t.url, fields)).status);
    }
  });

  it('refuses an address whose parameter is there twice', async () => {
    const query = `${authorizeQuery(scene.client)}&redirect_uri=${encodeURIComponent('https://evil.example/')}`;
    const { status, headers } = await t.call(`/oauth/authorize?${query}`, { headers: { accept: 'text/html' } });
    expect([status, headers.get('location')]).toEqual([400, null]);
  });
});

describe('RFC 6749, section 4.1: the authorization code grant', () => {
  it('leads through addresses that are written in another way', async () => {
    const browser = new Browser({
      call: (path, options) => t.call(path.replace(/^([^?]+)/, '$1/').replace('authorize', 'authoriz%65'), options),
    });
    const target = await browser.authorize(authorizeQuery(scene.client), scene.person.emailAddress);
    expect((await exchange(target.searchParams.get('code')!)).status).toBe(200);
  });

  it('4.1.1: takes a query that has question marks of its own', async () => {
    const redirectUri = `${REDIRECT_URI}?a=?`;
    const client = await newClient(t, scene.organizationId, { redirectUris: [redirectUri] });
    // RFC 3986, section 3.4: within a query, it is a character like any other.
    const query = `client_id=${client.id}&redirect_uri=${redirectUri}&state=what?&response_type=code`;
    const { searchParams } = await new Browser(t).authorize(query, scene.person.emailAddress);
    expect([searchParams.get('a'), searchParams.get('state')]).toEqual(['?', 'what?']);
  });

  it('4.1.2: gives the state back as it came, and the issuer (RFC 9207)', async () => {
    const state = 'a b&c=ü/%2F';
    const target = await new Browser(t).authorize(authorizeQuery(scene.client, { state }), scene.person.emailAddress);
    expect(target.searchParams.get('state')).toBe(state);
    expect(target.searchParams.get('iss')).toBe('http://latchkey.test');
  });

  it.each([
    ['unsupported_response_type', { response_type: 'token' }],
    ['invalid_scope', { scope: 'a"b' }],
    ['invalid_target', { resource: 'https://else.example/' }],
  ])('4.1.2.1: tells the client %s at its redirect URI', async (error, more) => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery(scene.client, { state: 's', ...more })}`);
    const target = new URL(answer.headers.get('location')!);
    expect(target.origin + target.pathname).toBe(REDIRECT_URI);
    // In the fragment where that is the default of the response type.
    const answered = new URLSearchParams(target.search || target.hash.slice(1));
    expect(answered.get('error')).toBe(error);
    expect(answered.get('state')).toBe('s');
  });

  it('4.1.2.1: tells the client access_denied when the user does not agree', async () => {
    const browser = new Browser(t);
    const signIn = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const consent = await browser.open(actionOf(signIn), { email: scene.person.emailAddress, password: PASSWORD });
    expect(consent.text).toContain('<strong>Host &#60;system&#62;</strong> of Academy');
    const answer = await browser.open(actionOf(consent), { answer: 'deny' });
    expect(new URL(answer.headers.get('location')!).searchParams.get('error')).toBe('access_denied');
  });

  it('4.1.3: refuses a code of another client, and with another redirect URI', async () => {
    const other = await newClient(t, scene.organizationId, {
      redirectUris: [REDIRECT_URI, 'https://host.example/two'],
    });
    const code = await newCode(scene);
    expect((await exchange(code, {}, other)).body.error).toBe('invalid_grant');
    expect((await exchange(code, { redirect_uri: 'https://host.example/two' })).body.error).toBe('invalid_grant');
    expect((await exchange(code)).status).toBe(200);
  });

  it('4.1.2: a code is good once, also for ten exchanges at once', async () => {
    const code = await newCode(scene);
    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(code)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThanOrEqual(9);
  });

  it('4.1.2: a code is good for a minute', async () => {
    const code = await newCode(scene);
    t.clock.advance(61);
    expect((await exchange(code)).body.error).toBe('invalid_grant');
    t.clock.reset();
  });

  it('4.1.2, 10.5: code replay ends all that came from the code, access tokens within two seconds', async () => {
    const code = await newCode(scene);
    const { body } = await exchange(code);
    const status = async (): Promise<number> => (await t.as({ token: body.access_token })('/user')).status;
    expect(await status()).toBe(200);
    expect((await exchange(code)).body.error).toBe('invalid_grant');
    t.clock.advance(2);
    expect(await status()).toBe(401);
    t.clock.reset();
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect((await requestToken(t.url, refresh, scene.client)).body.error).toBe('invalid_grant');
  });

  it('4.1.2: a code is good once, also for two instances at once', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const fields = { grant_type: 'authorization_code', code: await newCode(scene), redirect_uri: REDIRECT_URI };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => requestToken(urls[i % 2]!, fields, scene.client)),
    );
    await other.close();
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(answers.filter(({ body }) => body.error === 'invalid_grant').length).toBeGreaterThanOrEqual(9);
  });

  it('10.5: a code that is used twice at once leaves nothing', async () => {
    const other = await TestApp.startOnSameDatabase();
    const instances = [t, other];
    const given: { access_token: string; refresh_token: string }[] = [];
    for (let round = 0; round < 8; round++) {
      const same = { grant_type: 'authorization_code', code: await newCode(scene), redirect_uri: REDIRECT_URI };
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, i) => requestToken(instances[i % 2]!.url, same, scene.client)),
      );
      given.push(...answers.filter(({ status }) => status === 200).map(({ body }) => body));
    }
    // The clocks of both: what they believe of an access token lasts for less than two seconds.
    for (const { clock } of instances) clock.advance(2);
    const left = await Promise.all(
      given.map(async ({ access_token, refresh_token }) => {
        const fields = { grant_type: 'refresh_token', refresh_token };
        const statuses = await Promise.all(
          instances.map(async (instance) => (await instance.as({ token: access_token })('/user')).status),
        );
        return [...statuses, (await requestToken(t.url, fields, scene.client)).body.error];
      }),
    );
    t.clock.reset();
    await other.nest.close();
    expect(left).toEqual(given.map(() => [401, 401, 'invalid_grant']));
  });

  it('10.5: keeps no code or refresh token, only hashes', async () => {
    const code = await newCode(scene);
    const tokens = await newTokens(scene);
    const rows = JSON.stringify(await t.world.write((db) => db.find(OAuthRecord)));
    for (const value of [code, tokens.refresh_token]) expect(rows).not.toContain(value);
  });
});

describe('RFC 6749, section 5: the token answer', () => {
  it('5.1: may not be stored on the way', async () => {
    const { headers } = await exchange(await newCode(scene));
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(headers.get('content-type')).toMatch(/^application\/json/);
  });

  it.each([
    ['unsupported_grant_type', { grant_type: 'password', username: 'x', password: 'y' }],
    ['unsupported_grant_type', { grant_type: 'client_credentials' }],
    ['invalid_request', { grant_type: 'refresh_token' }],
    ['invalid_request', { grant_type: 'refresh_token', refresh_token: '' }],
    ['invalid_request', {}],
    ['invalid_grant', { grant_type: 'refresh_token', refresh_token: 'x' }],
    ['invalid_grant', { grant_type: 'authorization_code', code: 'x', redirect_uri: REDIRECT_URI }],
  ])('5.2: is 400 %s for %j', async (error, fields) => {
    const { status, body } = await requestToken(t.url, fields as Record<string, string>, scene.client);
    expect({ status, error: body.error, id: body.id, description: body.description }).toEqual({
      status: 400,
      error,
      id: error,
      description: expect.any(String),
    });
  });
});

describe('RFC 6749, section 6: refreshing', () => {
  it('10.4: is bound to the client', async () => {
    const { refresh_token } = await newTokens(scene);
    const other = await newClient(t, scene.organizationId);
    const answer = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, other);
    expect(answer.body.error).toBe('invalid_grant');
  });

  it('6: gives no scope that was not given before', async () => {
    const { refresh_token } = await newTokens(scene);
    const fields = { grant_type: 'refresh_token', refresh_token, scope: 'ROLE_USER ROLE_ADMIN' };
    const { status, body } = await requestToken(t.url, fields, scene.client);
    expect(status === 400 ? body.error : body.scope).toMatch(/^(invalid_scope|ROLE_USER)$/);
  });

  it('10.4: refresh replay by a public client revokes the family: every refresh token, and within two seconds every access token', async () => {
    const first = await newTokens(scene, scene.publicClient);
    const refresh = (refresh_token: string): ReturnType<typeof requestToken> =>
      requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, scene.publicClient);
    const second = (await refresh(first.refresh_token)).body;
    const statuses = (): Promise<number[]> =>
      Promise.all(
        [first, second].map(async ({ access_token }) => (await t.as({ token: access_token })('/user')).status),
      );
    expect(await statuses()).toEqual([200, 200]);
    t.clock.advance(31);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    t.clock.advance(2);
    expect(await statuses()).toEqual([401, 401]);
    t.clock.reset();
    expect((await refresh(second.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('ends with the client', async () => {
    const client = await newClient(t, scene.organizationId);
    const { refresh_token } = await newTokens({ ...scene, client });
    await t.world.write((db) => db.delete(Client, { id: client.id }));
    const answer = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, client);
    expect(answer.body.error).toBe('invalid_client');
  });
});

describe('RFC 6749, section 10: attacks', () => {
  it.each([
    ['a response type that there is not', { response_type: 'token' }],
    ['a resource that there is not', { resource: 'https://else.example/' }],
    ['a scope that can be none', { scope: 'a"b' }],
    ['a response mode that there is not', { response_mode: 'web_message' }],
    ['prompt=none', { prompt: 'none' }],
    ['a challenge that is plain', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.' }],
  ])('10.15: %s sends nobody to a redirect URI that is not registered', async (_what, more) => {
    const query = authorizeQuery(scene.client, { redirect_uri: 'https://evil.example/', state: 's', ...more });
    const { status, headers, text } = await t.call(`/oauth/authorize?${query}`, { headers: { accept: 'text/html' } });
    expect([status, headers.get('location')]).toEqual([400, null]);
    expect(text).not.toMatch(/(?:href|action|url)\s*=\s*["']?https:\/\/evil/i);
  });

  it.each([
    ['prefix', 'https://host.example/callback2'],
    ['suffix', 'https://evil.example/https://host.example/callback'],
    ['longer host', 'https://host.example.evil.example/callback'],
    ['userinfo', 'https://host.example@evil.example/callback'],
    ['password', 'https://host.example:x@evil.example/callback'],
    ['port', 'https://host.example:8443/callback'],
    ['path traversal', 'https://host.example/callback/../../evil'],
    ['encoded path traversal', 'https://host.example/callback/%2e%2e/evil'],
    ['encoding', 'https://host.example/%63allback'],
    ['backslash', 'https://host.example\\@evil.example/callback'],
    ['fragment', 'https://host.example/callback#@evil.example'],
    ['query', 'https://host.example/callback?next=https://evil.example'],
    ['case', 'https://host.example/CALLBACK'],
    ['tab', 'https://host.example/call\tback'],
    ['blank at the end', 'https://host.example/callback '],
    ['two values in one', 'https://host.example/callback https://evil.example/'],
    ['another scheme', 'javascript:https://host.example/callback'],
  ])('10.6: the redirect_uri trick “%s” gets an error page, no redirect', async (_trick, redirect_uri) => {
    const { status, headers } = await t.call(`/oauth/authorize?${authorizeQuery(scene.client, { redirect_uri })}`);
    expect([status, headers.get('location')]).toEqual([400, null]);
  });

  it('10.13: the pages can’t be framed', async () => {
    const page = await new Browser(t).open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('10.4, 10.5: neither the code nor the refresh token of client A is good with client B, and stays good with A', async () => {
    const other = await newClient(t, scene.organizationId);
    const code = await newCode(scene);
    expect((await exchange(code, {}, other)).body.error).toBe('invalid_grant');
    const { body } = await exchange(code);
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect((await requestToken(t.url, refresh, other)).body.error).toBe('invalid_grant');
    expect((await requestToken(t.url, refresh, scene.client)).status).toBe(200);
  });
});

describe('clients in the field', () => {
  let host: Scene;
  beforeAll(async () => {
    host = { ...scene, client: await newClient(t, scene.organizationId, { compatibility: 'drillster' }) };
  });

  it('begin with an authorize link that has only client_id and redirect_uri', async () => {
    const query = new URLSearchParams({ client_id: host.client.id, redirect_uri: REDIRECT_URI }).toString();
    const target = await new Browser(t).authorize(query, host.person.emailAddress);
    expect([...target.searchParams.keys()].toSorted()).toEqual(['code', 'iss']);
  });

  it('exchange a code without the redirect URI', async () => {
    const fields = { grant_type: 'authorization_code', code: await newCode(host) };
    expect((await requestToken(t.url, fields, host.client)).status).toBe(200);
  });

  it('ask at /api/2/token with a stale Authorization header and the secret in the form', async () => {
    for (const authorization of ['OAuth stale', 'OAuth ', 'OAuth']) {
      const { id, secret } = host.client;
      const answer = await t.call('/api/2/token', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: await newCode(host),
          client_id: id,
          client_secret: secret,
        }).toString(),
      });
      expect(answer.status).toBe(200);
    }
  });

  it('begin with a refresh of nothing, and get a clean 400', async () => {
    const { id, secret } = host.client;
    const fields = { grant_type: 'refresh_token', refresh_token: '', client_id: id, client_secret: secret };
    const answer = await requestToken(t.url, fields, undefined, '/api/2/token');
    expect([answer.status, answer.body.id]).toEqual([400, 'invalid_request']);
  });
});
