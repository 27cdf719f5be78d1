import { describe, expect, it } from '@jest/globals';
import { ApplicationSession } from '../../src/schema/entities/application-session.entity.js';
import type { Answer } from '../support/app.js';
import { actionOf, Browser, newClient, newPerson, PASSWORD } from '../support/oauth.js';
import { ask, claimsOf, exchange, letIn, returned, scene, setUp, userinfo } from './setup.js';

setUp();

/** Signs the person in on the page for it, and leads to the page after it. */
function signIn(browser: Browser, page: Answer, person = scene.person): Promise<Answer> {
  return browser.open(actionOf(page), { email: person.emailAddress, password: PASSWORD });
}

async function agree(browser: Browser, page: Answer): Promise<string> {
  expect(page.text).toContain('Allow access?');
  return returned(await browser.open(actionOf(page), { answer: 'allow' })).code!;
}

/** Signs the person in at the application, in a browser in which nobody may have agreed yet. */
async function enter(browser: Browser, more: Record<string, string> = {}, person = scene.person): Promise<string> {
  const page = await signIn(browser, await ask(browser, { prompt: 'login', ...more }), person);
  return page.headers.get('location') ? returned(page).code! : agree(browser, page);
}

describe('somebody who agrees', () => {
  it('sees everything that the application learns of them, however it asks', async () => {
    const browser = new Browser(scene.t);
    const email = JSON.stringify({ userinfo: { email: { essential: true } } });
    const page = await signIn(browser, await ask(browser, { scope: 'openid profile', claims: email }));
    expect(page.text).toContain('learn this of your profile: ID, name, language and time zone, e-mail address.');
    const { body } = await exchange(await agree(browser, page));
    expect((await userinfo(body.access_token)).body).toMatchObject({ email: scene.person.emailAddress });
  });

  it('is asked again when the application wants to learn more', async () => {
    const browser = new Browser(scene.t);
    const page = await signIn(browser, await ask(browser, { scope: 'openid' }));
    expect(page.text).toContain('learn this of your profile: ID.');
    await agree(browser, page);
    expect(returned(await ask(browser, { scope: 'openid', prompt: 'none' })).code).toBeDefined();
    for (const member of ['userinfo', 'id_token']) {
      const more = { scope: 'openid', claims: JSON.stringify({ [member]: { email: null } }) };
      expect(returned(await ask(browser, { ...more, prompt: 'none' })).error).toBe('consent_required');
      expect((await ask(browser, more)).text).toContain('learn this of your profile: ID, e-mail address.');
    }
  });
});

describe('the page for signing in', () => {
  it('is filled with the e-mail address in login_hint, but not with the ID of a user', async () => {
    const page = await ask(new Browser(scene.t), { login_hint: 'ada@example.com' });
    expect(page.text).toContain('name="email" value="ada@example.com"');
    expect((await ask(new Browser(scene.t), { login_hint: scene.user })).text).toContain('name="email" value=""');
  });

  it('is in the language that the application asks for, unless the person has chosen one', async () => {
    const browser = new Browser(scene.t);
    const asked = { ui_locales: 'se nl-BE fr' };
    const page = await ask(browser, asked);
    expect([page.headers.get('content-language'), page.text.includes('E-mailadres')]).toEqual(['nl', true]);
    const consent = await signIn(browser, page);
    expect(consent.headers.get('content-language')).toBe('nl');
    browser.cookies.set('latchkey_language', 'de');
    expect((await ask(browser, asked)).headers.get('content-language')).toBe('de');
    const { body } = await scene.t.call('/.well-known/openid-configuration');
    expect(body.ui_locales_supported).toEqual(['en', 'nl', 'de', 'fr', 'es']);
  });

  it('leads people without a password to the page of the host, or says what they can do', async () => {
    const hostUri = 'https://portal.academy.example/start?x=1&y=2';
    const hosted = await newClient(scene.t, scene.organizationId, { application: { hostUri } });
    const page = await ask(new Browser(scene.t), {}, hosted);
    const link = '<a href="https://portal.academy.example/start?x=1&#38;y=2">portal.academy.example</a>';
    expect(page.text).toContain(`You have no password here? Start at ${link}.`);
    expect((await ask(new Browser(scene.t))).text).toContain('Go back to the site that you came from');
    expect((await ask(new Browser(scene.t), { scope: 'ROLE_USER' }, hosted)).text).not.toContain('no password');
  });
});

function asking(acr: object): Record<string, string> {
  return { scope: 'openid', claims: JSON.stringify({ id_token: { acr: { essential: true, ...acr } } }) };
}

it('an application that only takes users whom a host has let in is told, in place of a sign-in that can’t do', async () => {
  const delegated = 'urn:latchkey:acr:delegated';
  for (const acr of [{ value: delegated }, { values: [delegated, 'urn:other'] }]) {
    const asked = asking(acr);
    expect(returned(await ask(new Browser(scene.t), asked)).error).toBe('unmet_authentication_requirements');
    expect(returned(await ask(await letIn(), asked)).code).toBeDefined();
  }
  const either = asking({ values: [delegated, 'urn:latchkey:acr:password'] });
  expect((await ask(new Browser(scene.t), either)).text).toContain('type="password"');
  expect((await ask(await letIn(), asking({ value: 'urn:latchkey:acr:passkey' }))).text).toContain('type="password"');
});

describe('a browser with two sessions', () => {
  it('is signed in as whom the ID token names', async () => {
    const browser = new Browser(scene.t);
    const { id_token } = (await exchange(await enter(browser))).body;
    scene.t.clock.advance(5);
    for (const [name, value] of (await letIn()).cookies) browser.cookies.set(name, value);
    const subjects = [];
    for (const hint of [{}, { id_token_hint: id_token }] as Record<string, string>[]) {
      const { code } = returned(await ask(browser, { prompt: 'none', nonce: 'of the second', ...hint }));
      subjects.push((await claimsOf((await exchange(code!)).body.id_token)).sub);
    }
    expect(subjects).toEqual([scene.user, scene.person.id]);
    const forged = returned(await ask(browser, { prompt: 'none', id_token_hint: `${id_token.slice(0, -6)}AAAAAA` }));
    expect(forged.error).toBe('invalid_request');
  });

  it('of one user is signed in by the later one, so that nobody proves who they are twice', async () => {
    const { t, caller, organizationId } = scene;
    const person = await newPerson(t, organizationId);
    const group = await t.world.group(organizationId);
    await t.world.join(person.id, group);
    await t.world.allow(caller.id, group, 'MANAGE');
    const browser = await letIn(person.id);
    t.clock.advance(100);
    const fresh = { max_age: '60' };
    await enter(browser, fresh, person);
    const { code } = returned(await ask(browser, fresh));
    const claims = await claimsOf((await exchange(code!)).body.id_token);
    expect(claims).toMatchObject({ sub: person.id, acr: 'urn:latchkey:acr:password' });
    expect(claims).not.toHaveProperty('act');
  });
});

it('an application that also calls the API is told when the session ends, too', async () => {
  const application = await newClient(scene.t, scene.organizationId);
  const browser = new Browser(scene.t);
  const page = await signIn(browser, await ask(browser, { scope: 'openid ROLE_USER' }, application));
  const code = await agree(browser, page);
  const { sid } = await claimsOf((await exchange(code, application)).body.id_token, application);
  const recorded = await scene.t.world.write((db) => db.findBy(ApplicationSession, { clientId: application.id }));
  expect(recorded).toMatchObject([{ sid, state: 'LIVE', sessionId: null }]);
});
