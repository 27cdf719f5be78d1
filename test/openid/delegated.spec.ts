import { beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { readLoginId } from '../../src/common/login-id.js';
import { call, PUBLIC_URL } from '../support/app.js';
import { authorizeQuery, newClient, PASSWORD, actionOf, requestToken } from '../support/oauth.js';
import { ask, claimsOf, exchange, letIn, returned, scene, SCOPE, setUp, signInAt, userinfo } from './setup.js';
import type { Tokens } from './setup.js';

setUp();

function introspect(token: string, client = scene.application): Promise<Record<string, unknown>> {
  return call(scene.t.url, '/oauth/introspect', {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token }).toString(),
  }).then(({ body }) => body);
}

function refresh({ refresh_token }: Tokens): ReturnType<typeof call> {
  return requestToken(scene.t.url, { grant_type: 'refresh_token', refresh_token }, scene.application);
}

describe('a user whom a host has let in', () => {
  it('is signed in at an application without a question, and the application learns who let them in', async () => {
    const { caller, user } = scene;
    const act = { sub: caller.id, client_id: caller.clientId };
    const tokens = await signInAt(await letIn(), { nonce: 'n-0S6' });
    expect(decodeProtectedHeader(tokens.id_token).alg).toBe('RS256');
    const claims = await claimsOf(tokens.id_token);
    expect(claims).toMatchObject({
      sub: user,
      nonce: 'n-0S6',
      acr: 'urn:latchkey:acr:delegated',
      amr: ['delegated'],
      act,
      auth_time: expect.any(Number),
    });
    const [session] = await scene.t.world.sessionsOfUser(user);
    expect(claims.sid).toBe(readLoginId(session!.id));
    const { status, body } = await userinfo(tokens.access_token);
    const profile = { sub: user, name: expect.any(String), email: 'ada@academy.example', email_verified: true };
    expect([status, body]).toEqual([200, { ...profile, act }]);
    const described = await introspect(tokens.access_token);
    expect(described).toMatchObject({ active: true, sub: user, act, scope: SCOPE });
    expect(described).not.toHaveProperty('grant_id');
  });

  it('leaves no cookie and no record of a sign-in behind', async () => {
    const browser = await letIn();
    await signInAt(browser);
    expect([...browser.cookies.keys()].toSorted()).toEqual(['latchkey', 'latchkey_browser']);
  });

  it('has one session: when it ends, nothing of it works at the application any more', async () => {
    const { t, user } = scene;
    const browser = await letIn();
    const tokens = await signInAt(browser);
    const { code } = returned(await ask(browser));
    expect((await refresh(tokens)).status).toBe(200);
    await t.world.endSessions(user);
    expect((await userinfo(tokens.access_token)).status).toBe(401);
    expect(await introspect(tokens.access_token)).toEqual({ active: false });
    expect((await refresh(tokens)).body.error).toBe('invalid_grant');
    expect((await exchange(code!)).body.error).toBe('invalid_grant');
    expect((await ask(browser)).text).toContain('Sign in');
  });

  it('is no guess: an application may go on asking about a session that has ended', async () => {
    const { id } = await scene.t.world.userOf(scene.caller);
    const { access_token } = await signInAt(await letIn(id));
    await scene.t.world.endSessions(id);
    for (let asked = 0; asked < 105; asked++) expect((await userinfo(access_token)).status).toBe(401);
  });

  it('gets no access to the API: a request with its scope or resource asks for a password', async () => {
    const browser = await letIn();
    const requests: Record<string, string>[] = [
      { scope: 'openid ROLE_USER' },
      { scope: 'ROLE_USER' },
      { resource: `${PUBLIC_URL}/api` },
    ];
    for (const more of requests) {
      const { status, text, headers } = await ask(browser, more);
      expect([status, headers.get('location')]).toEqual([200, null]);
      expect(text).toContain('type="password"');
    }
    const tokens = await signInAt(browser);
    expect((await scene.t.as({ token: tokens.access_token })('/user')).status).toBe(401);
    expect((await scene.t.as({ token: tokens.id_token })('/user')).status).toBe(401);
    const wider = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, scope: 'openid ROLE_USER' };
    expect((await requestToken(scene.t.url, wider, scene.application)).body.error).toBe('invalid_scope');
  });

  it('is nobody for the applications of another organization', async () => {
    const elsewhere = await newClient(scene.t, await scene.t.world.organization());
    expect((await ask(await letIn(), {}, elsewhere)).text).toContain('type="password"');
    expect(returned(await ask(await letIn(), { prompt: 'none' }, elsewhere)).error).toBe('login_required');
  });

  it('is asked before somebody else is signed in than the application expects', async () => {
    const browser = await letIn();
    const hint = { login_hint: scene.person.id };
    expect(returned(await ask(browser, { ...hint, prompt: 'none' })).error).toBe('login_required');
    const page = await ask(browser, hint);
    expect(page.text).toContain('Choose an account');
    const stayed = returned(await browser.open(actionOf(page), {}));
    expect(decodeJwt((await exchange(stayed.code!)).body.id_token).sub).toBe(scene.user);
    const left = await browser.open(/action="([^"]+switch)"/.exec((await ask(browser, hint)).text)![1]!, {});
    expect(left.text).toContain('type="password"');
    expect(browser.cookies.has('latchkey')).toBe(false);
  });
});

it('an application that asks for consent gets it from the user', async () => {
  const browser = await letIn();
  const page = await ask(browser, { prompt: 'consent' });
  expect(page.text).toContain('asks who you are');
  const { code } = returned(await browser.open(actionOf(page), { answer: 'allow' }));
  const { status, body } = await exchange(code!);
  expect([status, (await userinfo(body.access_token)).status]).toEqual([200, 200]);
  const again = await ask(browser, { prompt: 'consent' });
  expect(returned(await browser.open(actionOf(again), { answer: 'deny' })).error).toBe('access_denied');
});

it('several tabs and applications at the same moment are all signed in', async () => {
  const browser = await letIn();
  const others = await Promise.all([1, 2].map(() => newClient(scene.t, scene.organizationId)));
  const applications = [scene.application, scene.application, ...others];
  const tokens = await Promise.all(applications.map((application) => signInAt(browser, {}, application)));
  for (const { access_token } of tokens) expect((await userinfo(access_token)).status).toBe(200);
});

describe('a browser in which somebody has signed in as well', () => {
  it('is signed in as whom the hint names, and else as who came last', async () => {
    const browser = await letIn();
    scene.t.clock.advance(5);
    const { person, user } = scene;
    const form = await ask(browser, { prompt: 'login', login_hint: person.emailAddress });
    const consent = await browser.open(actionOf(form), { email: person.emailAddress, password: PASSWORD });
    expect(consent.text).toContain('asks who you are');
    const { code } = returned(await browser.open(actionOf(consent), { answer: 'allow' }));
    const claims = await claimsOf((await exchange(code!)).body.id_token);
    expect(claims).toMatchObject({ sub: person.id, acr: 'urn:latchkey:acr:password', amr: ['pwd'] });
    expect(claims).not.toHaveProperty('act');

    const subjects = [];
    for (const hint of [undefined, user, person.id])
      subjects.push((await claimsOf((await signInAt(browser, hint ? { login_hint: hint } : {})).id_token)).sub);
    expect(subjects).toEqual([person.id, user, person.id]);
  });
});

describe('the ID token', () => {
  let algorithms: string[];

  beforeAll(async () => {
    algorithms = (await scene.t.call('/.well-known/openid-configuration')).body.id_token_signing_alg_values_supported;
  });

  it('is signed as the application has registered', async () => {
    expect(algorithms).toEqual(['RS256', 'ES256', 'EdDSA']);
    const browser = await letIn();
    for (const algorithm of algorithms) {
      const application = await newClient(scene.t, scene.organizationId, {
        application: { idTokenSignedResponseAlg: algorithm as 'RS256' },
      });
      const { id_token } = await signInAt(browser, {}, application);
      expect(decodeProtectedHeader(id_token).alg).toBe(algorithm);
      expect((await claimsOf(id_token, application)).sub).toBe(scene.user);
    }
  });
});

it('a page of another site that posts its request is led to the ordinary one', async () => {
  const { status, headers } = await scene.t.call('/oauth/authorize', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: authorizeQuery(scene.application, { scope: SCOPE }),
  });
  expect([status, headers.get('location')?.startsWith('/oauth/authorize?response_type=code')]).toEqual([303, true]);
});
