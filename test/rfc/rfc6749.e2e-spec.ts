import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../../src/oauth/client.entity.js';
import { OAuthRecord } from '../../src/oauth/oauth-record.entity.js';
import { TestApp } from '../support/app.js';
import {
  actionOf,
  authorizeQuery,
  Browser,
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
    '',
  ])('4.1.2.1: shows an error and sends the browser nowhere for the unregistered %j', async (redirect_uri) => {
    const answer = await t.call(`/oauth/authorize?${authorizeQuery(scene.client, { redirect_uri })}`, {
      headers: { accept: 'text/html' },
    });
    expect(answer.headers.get('location') ?? '').not.toContain('evil');
    expect([400, 303]).toContain(answer.status);
    const isOurs = answer.headers.get('location')?.startsWith('/oauth/interaction/') ?? true;
    expect(isOurs).toBe(true);
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

  it('refuses an address whose parameter is there twice', async () => {
    const query = `${authorizeQuery(scene.client)}&redirect_uri=${encodeURIComponent('https://evil.example/')}`;
    const answer = await t.call(`/oauth/authorize?${query}`);
    expect(answer.headers.get('location')).toMatch(/^https:\/\/host\.example\/callback\?error=invalid_request&/);
  });
});

describe('RFC 6749, section 4.1: the authorization code grant', () => {
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
    expect(consent.text).toContain('Host &#60;system&#62;');
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

  it('ends with the client', async () => {
    const client = await newClient(t, scene.organizationId);
    const { refresh_token } = await newTokens({ ...scene, client });
    await t.world.write((db) => db.delete(Client, { id: client.id }));
    const answer = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, client);
    expect(answer.body.error).toBe('invalid_client');
  });
});

describe('clients in the field', () => {
  it('ask at /api/2/token with a stale Authorization header and the secret in the form', async () => {
    for (const authorization of ['OAuth stale', 'OAuth ', 'OAuth']) {
      const { id, secret } = scene.client;
      const answer = await t.call('/api/2/token', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: await newCode(scene),
          client_id: id,
          client_secret: secret,
        }).toString(),
      });
      expect(answer.status).toBe(200);
    }
  });

  it('begin with a refresh of nothing, and get a clean 400', async () => {
    const { id, secret } = scene.client;
    const fields = { grant_type: 'refresh_token', refresh_token: '', client_id: id, client_secret: secret };
    const answer = await requestToken(t.url, fields, undefined, '/api/2/token');
    expect([answer.status, answer.body.id]).toEqual([400, 'invalid_request']);
  });
});
