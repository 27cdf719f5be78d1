import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from './support/app.js';
import {
  assertionOf,
  Browser,
  JWT_BEARER,
  newClient,
  newPerson,
  newServiceAccount,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
import type { TestClient, TestServiceAccount } from './support/oauth.js';

let t: TestApp;
let organizationId: string;
let client: TestClient;
let person: { id: string; emailAddress: string };
let account: TestServiceAccount;

beforeAll(async () => {
  t = await TestApp.start();
  organizationId = await t.world.organization();
  client = await newClient(t, organizationId, { compatibility: 'drillster' });
  person = await newPerson(t, organizationId);
  account = await newServiceAccount(t, organizationId);
});
afterAll(() => t.stop());

async function newCode(query = ''): Promise<string> {
  const target = await new Browser(t).authorize(
    `client_id=${client.id}&redirect_uri=${encodeURIComponent(REDIRECT_URI)}${query}`,
    person.emailAddress,
  );
  expect(target.href).toContain(REDIRECT_URI);
  return target.searchParams.get('code')!;
}

async function apiStatus(token: string): Promise<number> {
  return (await t.as({ token })('/user')).status;
}

describe('the authorization code grant', () => {
  it('has a page for response_mode=form_post that sends its form by a script of its own address', async () => {
    const browser = new Browser(t);
    await browser.authorize(
      `client_id=${client.id}&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`,
      person.emailAddress,
    );
    const state = `"><script>alert(1)</script>`;
    const query = new URLSearchParams({
      client_id: client.id,
      redirect_uri: REDIRECT_URI,
      response_mode: 'form_post',
      response_type: 'code',
      state,
    });
    const { status, text, headers } = await browser.open(`/oauth/authorize?${query}`);
    expect(status).toBe(200);
    expect(text).toContain(`<form method="post" action="${REDIRECT_URI}">`);
    expect(text).toMatch(/<input type="hidden" name="code" value="[\w-]{43}">/);
    expect(text.match(/<script[^>]*>/g)).toEqual(['<script src="/oauth/continue.js" defer>']);
    const policy = headers.get('content-security-policy');
    expect(policy).toContain("script-src 'self'; form-action 'self' https://host.example;");
    expect(policy).not.toContain('unsafe-inline');
    const script = await t.call('/oauth/continue.js');
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
  });

  it('leads from an authorize link with client_id and redirect_uri alone to a token that calls the API', async () => {
    const { status, body } = await requestToken(
      t.url,
      { grant_type: 'authorization_code', code: await newCode() },
      client,
    );
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 3600,
        refresh_token: expect.any(String),
        scope: 'ROLE_USER',
        jti: expect.any(String),
      },
    });
    expect((await t.as({ token: body.access_token })('/user')).body.id).toBe(person.id);
  });

  it('gives a code out once, and revokes what came from one that is used again', async () => {
    const code = await newCode();
    const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI };
    const first = await requestToken(t.url, fields, client);
    expect(first.status).toBe(200);
    const second = await requestToken(t.url, fields, client);
    expect([second.status, second.body.error, second.body.id]).toEqual([400, 'invalid_grant', 'invalid_grant']);
    const refreshed = await requestToken(
      t.url,
      { grant_type: 'refresh_token', refresh_token: first.body.refresh_token },
      client,
    );
    expect(refreshed.status).toBe(400);
  });
});

describe('the refresh token grant', () => {
  it('leaves a client that authenticates its token, however often it comes', async () => {
    const { body } = await requestToken(t.url, { grant_type: 'authorization_code', code: await newCode() }, client);
    for (const _ of ['once', 'again']) {
      const fields = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
      const { status, body: refreshed } = await requestToken(t.url, fields, client);
      expect([status, refreshed.refresh_token]).toEqual([200, body.refresh_token]);
      expect(await apiStatus(refreshed.access_token)).toBe(200);
    }
  });
});

describe('the JWT bearer grant', () => {
  it('gives a service account a token for itself, without any other credentials', async () => {
    const assertion = await assertionOf(t, account);
    const { status, body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 3600,
        scope: 'ROLE_USER',
        jti: expect.any(String),
      },
    });
    expect(await apiStatus(body.access_token)).toBe(200);
    const again = await requestToken(t.url, { grant_type: JWT_BEARER, assertion });
    expect([again.status, again.body.error]).toEqual([400, 'invalid_grant']);
  });

  it('gives it a sign-in link for a user whom it may let in, which starts one session', async () => {
    const { id } = await t.world.userOf({ ...account, token: '' });
    const { status, body } = await requestToken(t.url, {
      grant_type: JWT_BEARER,
      assertion: await assertionOf(t, account, { sub: id }),
      resource: 'http://latchkey.test/login',
      returnTo: '/course/1?x=y',
    });
    expect([status, body.token_type]).toEqual([200, 'Bearer']);
    const login = await t.login(body.access_token);
    expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1?x=y']);
    expect((await t.login(body.access_token)).status).toBe(410);
  });

  it('refuses a user whom it may not let in', async () => {
    const stranger = await t.world.user({ organizationId });
    const answer = await requestToken(t.url, {
      grant_type: JWT_BEARER,
      assertion: await assertionOf(t, account, { sub: stranger }),
    });
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant']);
  });
});

describe('revocation', () => {
  it('answers 200 for an access token', async () => {
    const { body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion: await assertionOf(t, account) });
    const answer = await requestToken(
      t.url,
      { token: body.access_token },
      { id: account.clientId, secret: '' },
      '/oauth/revoke',
    );
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([
      200,
      '{}',
      'application/json; charset=utf-8',
    ]);
  });
});
