import { describe, expect, it } from '@jest/globals';
import { User } from '../../src/schema/entities/user.entity.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { createApp } from '../../src/app/setup.js';
import { loadSettings } from '../../src/config/settings.js';
import { PUBLIC_URL, testEnvironment } from '../support/app.js';
import { actionOf, authorizeQuery, Browser, JWT_BEARER, newClient, requestToken } from '../support/oauth.js';
import { ask, exchange, letIn, returned, scene, setUp, signInAt, userinfo } from './setup.js';

setUp();

/** What somebody gets at the application with a request to the authorization endpoint. */
async function open(path: string, query: string): Promise<{ error?: string; asksForPassword: boolean; api?: number }> {
  const browser = await letIn();
  const answer = await browser.open(`${path}?${authorizeQuery(scene.application)}&${query}`);
  const asksForPassword = answer.text.includes('type="password"');
  if (!answer.headers.get('location')) return { asksForPassword };
  const { code, error } = returned(answer);
  if (error) return { error, asksForPassword };
  const { access_token } = (await exchange(code!)).body;
  return { asksForPassword, api: (await scene.t.as({ token: access_token })('/user')).status };
}

describe.each(['/oauth/authorize', '/oauth/authorize/', '/oauth/%61uthorize', '/daas/oauth/authorize'])(
  'at %s, a delegated session gives no access to the API',
  (path) => {
    it.each(['', 'scope=', 'scope=openid%20ROLE_USER', 'scope=ROLE_USER+openid', 'scope=openid&resource='])(
      'by %s',
      async (query) => {
        expect(await open(path, query)).toEqual({ asksForPassword: true });
      },
    );

    it.each([
      ['invalid_request', 'scope=openid&scope=ROLE_USER'],
      ['invalid_request', 'scope=ROLE_USER&scope=openid'],
      ['invalid_scope', 'scope=openid%09ROLE_USER'],
      ['invalid_scope', 'scope=openid%C2%A0ROLE_USER'],
    ])('but %s, by %s', async (error, query) => {
      expect(await open(path, query)).toEqual({ error, asksForPassword: false });
    });

    it.each(['scope=openid+role_user', 'scope=openid&Scope=ROLE_USER', 'scope=openid&scope[]=ROLE_USER'])(
      'but only says who somebody is, by %s',
      async (query) => {
        expect(await open(path, query)).toEqual({ asksForPassword: false, api: 401 });
      },
    );
  },
);

describe('the token endpoint', () => {
  it('gives no access to the API for what a delegated session has signed in for', async () => {
    const browser = await letIn();
    const { refresh_token } = await signInAt(browser);
    const { code } = returned(await ask(browser));
    const resource = `${PUBLIC_URL}/api`;
    const refresh = { grant_type: 'refresh_token', refresh_token };
    const errors = [
      await exchange(code!, scene.application, { resource }),
      await requestToken(scene.t.url, { ...refresh, resource }, scene.application),
      await requestToken(scene.t.url, { ...refresh, scope: 'ROLE_USER' }, scene.application),
    ].map(({ body }) => body.error);
    expect(errors).toEqual(['invalid_target', 'invalid_target', 'invalid_scope']);
  });

  it('answers a code once, however many send it at the same moment to two instances', async () => {
    const second = await createApp(loadSettings(testEnvironment()), scene.t.clock);
    await second.listen(0, '127.0.0.1');
    const bases = [scene.t.url, await second.getUrl()];
    try {
      const { code } = returned(await ask(await letIn()));
      const fields = { grant_type: 'authorization_code', code: code!, redirect_uri: 'https://host.example/callback' };
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) => requestToken(bases[i % 2]!, fields, scene.application)),
      );
      const good = answers.filter(({ status }) => status === 200);
      expect(good.length).toBeLessThanOrEqual(1);
      for (const { body } of good) expect((await userinfo(body.access_token)).status).toBe(401);
    } finally {
      await second.close();
    }
  });
});

describe('what an application gets counts for nothing else', () => {
  it.each(['id_token', 'access_token', 'refresh_token', 'code'] as const)('%s', async (kind) => {
    const { t, application } = scene;
    const browser = await letIn();
    const token = kind === 'code' ? returned(await ask(browser)).code! : (await signInAt(browser))[kind];
    const other = await newClient(t, scene.organizationId);
    const hinted = await ask(browser, { id_token_hint: token, prompt: 'none' }, other);
    const asLogin = await t.login(token);
    expect({
      api: (await t.as({ token })('/user')).status,
      login: [asLogin.status, asLogin.headers.getSetCookie()],
      hint: returned(hinted).error,
      assertion: (await requestToken(t.url, { grant_type: JWT_BEARER, assertion: token })).status,
      byOther: (await requestToken(t.url, { grant_type: 'refresh_token', refresh_token: token }, other)).status,
      userinfo: (await userinfo(token)).status,
    }).toEqual({
      api: 401,
      login: [401, []],
      hint: 'invalid_request',
      assertion: 400,
      byOther: 400,
      userinfo: kind === 'access_token' ? 200 : 401,
    });
    const fields = {
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: token,
      client_id: application.id,
    };
    expect((await requestToken(t.url, fields)).body.error).toMatch(/^invalid_(client|request)$/);
  });
});

describe('what a user is let in for ends, also between two steps, when', () => {
  it.each<[string, (user: string, groupId: string) => Promise<unknown>]>([
    ['the user is blocked', (id) => scene.t.world.write((db) => db.update(User, { id }, { status: 'BLOCKED' }))],
    [
      'the right is taken away',
      (_id, groupId) => scene.t.world.write((db) => db.delete(GroupStaff, { userId: scene.caller.id, groupId })),
    ],
    ['nobody has used the session for its idle time', () => Promise.resolve(scene.t.passIdleTime())],
  ])('%s', async (_when, happen) => {
    const { t, caller, application } = scene;
    const { id, groupId } = await t.world.userOf(caller);
    const browser = await letIn(id);
    const { access_token, refresh_token } = await signInAt(browser);
    const { code } = returned(await ask(browser));
    const consent = await ask(browser, { prompt: 'consent' });
    await happen(id, groupId);
    expect((await userinfo(access_token)).status).toBe(401);
    for (const token of [access_token, refresh_token])
      expect((await requestToken(t.url, { token }, application, '/oauth/introspect')).body).toEqual({ active: false });
    const refreshed = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token }, application);
    expect([refreshed.body.error, (await exchange(code!)).body.error]).toEqual(['invalid_grant', 'invalid_grant']);
    const later = await browser.open(actionOf(consent), { answer: 'allow' });
    expect([later.headers.get('location'), /type="password"|This sign-in has ended/.test(later.text)]).toEqual([
      null,
      true,
    ]);
  });
});

describe('a page of a sign-in', () => {
  it('is of no use in another browser', async () => {
    const page = await ask(await letIn(), { prompt: 'consent' });
    const elsewhere = await (await letIn()).open(actionOf(page), { answer: 'allow' });
    expect([elsewhere.status, elsewhere.headers.get('location')]).toEqual([400, null]);
  });

  it('that was opened for one user signs in no other user who is let in meanwhile', async () => {
    const browser = await letIn();
    const page = await ask(browser, { prompt: 'consent' });
    const { id } = await scene.t.world.userOf(scene.caller);
    for (const [name, value] of (await letIn(id)).cookies) browser.cookies.set(name, value);
    const answer = await browser.open(actionOf(page), { answer: 'allow' });
    expect([answer.headers.get('location'), answer.text.includes('Allow access?')]).toEqual([null, true]);
  });

  it('begins in no session that somebody else has chosen the cookie of', async () => {
    const browser = new Browser(scene.t);
    const chosen = 'a'.repeat(43);
    browser.cookies.set('latchkey_oauth', chosen);
    const form = await ask(browser);
    await browser.open(actionOf(form), { email: scene.person.emailAddress, password: 'a long enough password' });
    expect(browser.cookies.get('latchkey_oauth')).toMatch(/^[\w-]{43}$/);
    expect(browser.cookies.get('latchkey_oauth')).not.toBe(chosen);
  });
});

it('each sign-in at an application is recorded with whom it concerns and who let them in', async () => {
  const { t, caller } = scene;
  const { id } = await t.world.userOf(caller);
  const application = await newClient(t, scene.organizationId);
  await signInAt(await letIn(id), {}, application);
  const events = await t.world.write((db) => db.findBy(AuditEvent, { clientId: application.id }));
  expect(events).toMatchObject([
    { event: 'TOKEN_ISSUED', userId: id, actorId: caller.id, details: '{"grant":"authorization_code"}' },
  ]);
});
