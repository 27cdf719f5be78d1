import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { isText } from '../../src/common/text.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { forgetFailedAttempts } from '../support/forge.js';
import {
  actionOf,
  assertionOf,
  authenticationOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newCode,
  newKeyClient,
  newScene,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';
import { raw } from '../support/raw.js';

/** What PostgreSQL takes for no text, and what only looks like it. */
const TEXTS = [
  { of: 'a NUL', text: '\u0000', encoded: '%00' },
  { of: 'an escape character', text: '\u001b', encoded: '%1B' },
  { of: 'a line feed', text: '\n', encoded: '%0A' },
  { of: 'the first half of a surrogate pair', text: '\ud800', encoded: '%ED%A0%80' },
  { of: 'the second half of a surrogate pair', text: '\udc00', encoded: '%ED%B0%80' },
];

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());
beforeEach(() => forgetFailedAttempts(t));

/** A form cannot carry half of a surrogate pair; JSON can. */
function post(path: string, fields: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Answer> {
  return t.call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', ...headers },
    body: JSON.stringify(fields),
  });
}

/** The page on which a user signs in, with the cookies that belong to it. */
async function signInPage(): Promise<{ action: string; cookie: string }> {
  const begun = await t.call(`/oauth/authorize?${authorizeQuery(scene.client)}`);
  const cookie = begun.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const page = await t.call(begun.headers.get('location')!, { headers: { cookie } });
  return { action: actionOf(page), cookie };
}

describe.each(TEXTS)('$of', ({ text, encoded }) => {
  it('S13: is in no e-mail address with which somebody signs in, whoever that is', async () => {
    const { action, cookie } = await signInPage();
    for (const email of [`a${text}b@c.example`, `${text}${scene.person.emailAddress}`, text]) {
      const { status, text: page } = await post(action, { email, password: PASSWORD }, { cookie });
      expect({ status, page }).toEqual({ status: 400, page: expect.stringMatching(/Give an e-mail address|UTF-8/) });
    }
  });

  it('S13: makes a password a wrong one, or no text', async () => {
    const { action, cookie } = await signInPage();
    for (const password of [text, `${PASSWORD}${text}`, `${text}${PASSWORD}`]) {
      const { status } = await post(action, { email: scene.person.emailAddress, password }, { cookie });
      expect(status).toBe(isText(text) ? 401 : 400);
    }
  });

  it.each([
    'client_id',
    'redirect_uri',
    'response_type',
    'response_mode',
    'resource',
    'scope',
    'state',
    'nonce',
    'login_hint',
    'prompt',
    'max_age',
    'id_token_hint',
    'ui_locales',
    'acr_values',
    'claims',
    'code_challenge',
    'code_challenge_method',
    'request',
    'request_uri',
    'registration',
  ])('S13: is no failure in %s of an authorization request', async (name) => {
    const usual = new URLSearchParams(authorizeQuery(scene.client));
    usual.delete(name);
    for (const value of [encoded, `a${encoded}b`, `${scene.client.id}${encoded}`]) {
      const browser = new Browser({ call: (path, options) => raw(t.url, path, options) });
      const { status } = await browser.open(`/oauth/authorize?${usual}&${name}=${value}`);
      expect({ value, status, isRefused: status < 500 }).toEqual({ value, status, isRefused: true });
    }
  });

  it.each([
    { grant: 'authorization_code', names: ['code', 'redirect_uri', 'code_verifier', 'resource', 'client_id', 'scope'] },
    { grant: 'refresh_token', names: ['refresh_token', 'resource', 'scope', 'client_id', 'client_secret'] },
    {
      grant: JWT_BEARER,
      names: ['assertion', 'resource', 'scope', 'client_id', 'returnTo', 'security', 'embed', 'delivery', 'session'],
    },
  ])('S13: is refused with 4xx in what comes with the grant $grant', async ({ grant, names }) => {
    const { client, account } = scene;
    for (const name of names)
      for (const value of [text, `${client.id}${text}`, `a.${text}.c`]) {
        const fields = {
          client_id: client.id,
          client_secret: client.secret,
          grant_type: grant,
          code: 'unknown',
          redirect_uri: REDIRECT_URI,
          refresh_token: 'unknown',
          ...(grant === JWT_BEARER && { assertion: await assertionOf(t, account, { aud: 'elsewhere' }) }),
          [name]: value,
        };
        for (const path of ['/oauth/token', '/api/2/token'])
          expect([400, 401]).toContain((await post(path, fields)).status);
      }
  });

  it('S13: is refused with 4xx beside a good code and a good assertion', async () => {
    const { client, account } = scene;
    const code = { grant_type: 'authorization_code', client_id: client.id, client_secret: client.secret };
    for (const fields of [{ redirect_uri: text }, { resource: text }])
      expect((await post('/oauth/token', { ...code, code: await newCode(scene), ...fields })).status).toBe(400);
    for (const claims of [{ sub: text }, { iss: text }, { aud: text }]) {
      const assertion = await assertionOf(t, account, claims);
      expect((await requestToken(t.url, { grant_type: JWT_BEARER, assertion })).status).toBe(400);
    }
    const assertion = await assertionOf(t, account, {}, { kid: text });
    expect((await requestToken(t.url, { grant_type: JWT_BEARER, assertion })).status).toBe(400);
  });

  it('S13: is as good as another character in the jti of an assertion, once', async () => {
    const jti = `${randomUUID()}${text}`;
    const assertion = await assertionOf(t, scene.account, { jti });
    const client = await authenticationOf(await newKeyClient(t, scene.organizationId), { jti });
    const refresh = { grant_type: 'refresh_token', refresh_token: 'unknown', ...client };
    const ask = async (fields: Record<string, string>): Promise<string> =>
      (await requestToken(t.url, fields)).body.error ?? 'none';
    const bearer = { grant_type: JWT_BEARER, assertion };
    expect([await ask(bearer), await ask(bearer)]).toEqual(['none', 'invalid_grant']);
    expect([await ask(refresh), await ask(refresh)]).toEqual(['invalid_grant', 'invalid_client']);
  });

  it.each(['token', 'token_type_hint', 'client_id', 'client_secret'])(
    'S13: is no failure in %s of a revocation',
    async (name) => {
      const { id, secret } = scene.client;
      const fields = { client_id: id, client_secret: secret, token: 'unknown', [name]: `a${text}` };
      expect((await post('/oauth/revoke', fields)).status).toBeLessThan(500);
    },
  );

  it('S13: is refused in the name of a client and its secret as HTTP Basic', async () => {
    for (const pair of [`${encoded}:secret`, `${scene.client.id}:${encoded}`, `${text}:${text}`]) {
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
      const { status } = await post('/oauth/token', { grant_type: 'refresh_token' }, { authorization });
      expect([400, 401]).toContain(status);
    }
  });

  it('S13: is no failure in the cookies and the path of a sign-in', async () => {
    const { action, cookie } = await signInPage();
    const cookies = [cookie, ...cookie.split('; ').map((one) => cookie.replace(one, `${one}${encoded}`))];
    const unsigned = ['latchkey_oauth', 'latchkey_browser', 'interaction', 'resume'].map(
      (name) => `${name}=${encoded}`,
    );
    for (const sent of [...cookies, unsigned.join('; ')])
      for (const path of [`/oauth/interaction/${encoded}`, `/oauth/authorize/${encoded}`, `/oauth/authorize/nothing`]) {
        const { status } = await raw(t.url, path, { headers: { cookie: sent } });
        // With the cookies of the sign-in, the way back leads to its page again.
        expect([200, 303, 400, 404]).toContain(status);
      }
    for (const fields of [{ answer: text }, { [text]: 'allow' }])
      expect((await post(action.replace(/login$/, 'consent'), fields, { cookie })).status).toBeLessThan(500);
  });
});

it('S10: a client assertion whose header is read in another way is refused: crit, b64, and a kid that is no name', async () => {
  const client = await newKeyClient(t, scene.organizationId);
  const ask = async (header: Record<string, unknown>): Promise<string> => {
    const fields = { grant_type: 'refresh_token', refresh_token: 'unknown' };
    return (await requestToken(t.url, { ...fields, ...(await authenticationOf(client, {}, header)) })).body.error;
  };
  expect(await ask({})).toBe('invalid_grant');
  for (const header of [
    { kid: 1 },
    { kid: {} },
    { kid: '' },
    { kid: null },
    { b64: true },
    { crit: ['b64'], b64: true },
  ])
    expect({ header, error: await ask(header) }).toEqual({ header, error: 'invalid_client' });
});
