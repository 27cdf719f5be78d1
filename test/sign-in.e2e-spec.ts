import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Password } from '../src/users/password.entity.js';
import { User } from '../src/users/user.entity.js';
import { SIGN_INS_PER_ACCOUNT } from '../src/auth/attempts.service.js';
import { FailedAttempt } from '../src/auth/failed-attempt.entity.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { actionOf, authorizeQuery, Browser, newPerson, newScene, PASSWORD } from './support/oauth.js';
import type { Scene } from './support/oauth.js';

let t: TestApp;
let scene: Scene;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
});
afterAll(() => t.stop());
afterEach(() => t.world.write((db) => db.clear(FailedAttempt)));

async function tryToSignIn(email: string, password: string): Promise<Answer> {
  const browser = new Browser(t);
  const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
  return browser.open(actionOf(page), { email, password });
}

/** A page without what is different in every sign-in. */
function faceOf({ status, text }: Answer, email: string): unknown {
  return { status, text: text.replaceAll(/interaction\/[\w-]+/g, 'interaction').replaceAll(email, '') };
}

describe('signing in', () => {
  it('works with the e-mail address in any case', async () => {
    const { emailAddress } = scene.person;
    expect((await tryToSignIn(emailAddress.toUpperCase(), PASSWORD)).text).toContain('Allow access?');
  });

  it('looks the same for a wrong password, an unknown address, and an account without a password or blocked', async () => {
    const blocked = await newPerson(t, scene.organizationId);
    await t.world.write((db) => db.update(User, { id: blocked.id }, { status: 'BLOCKED' }));
    const without = await newPerson(t, scene.organizationId);
    await t.world.write((db) => db.delete(Password, { userId: without.id }));
    const [wrong, ...others] = await Promise.all(
      [
        [scene.person.emailAddress, 'another long password'],
        ['nobody@nowhere.example', PASSWORD],
        [blocked.emailAddress, PASSWORD],
        [without.emailAddress, PASSWORD],
      ].map(async ([email, password]) => faceOf(await tryToSignIn(email!, password!), email!)),
    );
    expect(wrong).toMatchObject({ status: 401, text: expect.stringContaining('is wrong') });
    for (const other of others) expect(other).toEqual(wrong);
  });

  it('S33: is limited for each account, the right password too, and counts anew after a success', async () => {
    const { emailAddress } = await newPerson(t, scene.organizationId);
    for (let i = 1; i < SIGN_INS_PER_ACCOUNT; i++) await tryToSignIn(emailAddress, 'wrong');
    expect((await tryToSignIn(emailAddress, PASSWORD)).status).toBe(200);
    for (let i = 0; i < SIGN_INS_PER_ACCOUNT; i++) expect((await tryToSignIn(emailAddress, 'wrong')).status).toBe(401);
    const { status, headers } = await tryToSignIn(emailAddress, PASSWORD);
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('S24: is accepted from the page itself only', async () => {
    const page = await new Browser(t).open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const { status } = await t.call(actionOf(page), {
      method: 'POST',
      headers: { 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ email: scene.person.emailAddress, password: PASSWORD }).toString(),
    });
    expect(status).toBe(403);
  });

  it('says what to do on a page of a sign-in that has ended', async () => {
    const { status, text } = await t.call('/oauth/interaction/nothing', { headers: { accept: 'text/html' } });
    expect(status).toBe(400);
    expect(text).toContain('start again');
  });

  it('keeps argon2id hashes', async () => {
    const { hash } = await t.world.write((db) => db.findOneByOrFail(Password, { userId: scene.person.id }));
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});
