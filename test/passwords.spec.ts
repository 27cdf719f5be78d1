import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hashSecret, newId } from '../src/common/id.js';
import { SIGN_INS_PER_ACCOUNT } from '../src/limits/attempts.service.js';
import { FailedAttempt } from '../src/schema/entities/failed-attempt.entity.js';
import { PasswordLink } from '../src/schema/entities/password-link.entity.js';
import { PasswordLinksService } from '../src/users/password-links.service.js';
import { PasswordsService } from '../src/users/passwords.service.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, PUBLIC_URL, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { Browser, newPerson, PASSWORD } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

const NEXT = 'seventeen purple otters';

let t: TestApp;
let admin: TestCaller;
let person: { id: string; emailAddress: string };

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  await t.world.write((db) => db.clear(FailedAttempt));
  admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
  person = await newPerson(t, admin.organizationId);
});

async function canSignIn(password: string, email = person.emailAddress): Promise<boolean> {
  return (await new Browser(t).open('/oauth/account/login', { email, password })).status === 200;
}

async function signedIn(): Promise<Browser> {
  const browser = new Browser(t);
  await browser.open('/oauth/account/login', { email: person.emailAddress, password: PASSWORD });
  return browser;
}

function titleOf({ text }: Answer): string | undefined {
  return /<h1>([^<]*)/.exec(text)?.[1];
}

function alertOf({ text }: Answer): string | undefined {
  return /role="alert">([^<]*)/.exec(text)?.[1];
}

/** A new link, as a path. */
async function newLink(who = person.id): Promise<string> {
  const { status, body, text } = await t.send(admin, 'POST', `/user/${who}/password-link`);
  if (status !== 200) throw new Error(text);
  return body.url.replace(PUBLIC_URL, '');
}

function follow(link: string, password = NEXT, again = password): Promise<Answer> {
  return new Browser(t).open(link, { password, again });
}

describe('one’s own password', () => {
  it('is changed with the current one, in this browser, and everybody else is signed out', async () => {
    const [browser, other] = [await signedIn(), await signedIn()];
    const answer = await browser.open('/oauth/account/password', { current: PASSWORD, password: NEXT, again: NEXT });
    expect(titleOf(answer)).toBe('Your password has been changed');
    expect([await canSignIn(PASSWORD), await canSignIn(NEXT)]).toEqual([false, true]);
    expect([titleOf(await browser.open('/oauth/account')), titleOf(await other.open('/oauth/account'))]).toEqual([
      'Your account',
      'Sign in',
    ]);
  });

  it.each([
    { fault: 'the current one is wrong', fields: { current: 'wrong', password: NEXT, again: NEXT } },
    { fault: 'the two are not the same', fields: { current: PASSWORD, password: NEXT, again: `${NEXT}!` } },
    { fault: 'it is too short', fields: { current: PASSWORD, password: 'Zq8vTn2rLw5yKx', again: 'Zq8vTn2rLw5yKx' } },
    {
      fault: 'it is a common one',
      fields: { current: PASSWORD, password: 'passwordpassword', again: 'passwordpassword' },
    },
  ])('stays if $fault', async ({ fields }) => {
    const answer = await (await signedIn()).open('/oauth/account/password', fields);
    expect([answer.status, alertOf(answer)]).toEqual([400, expect.stringMatching(/\w/)]);
    expect([await canSignIn(PASSWORD), await canSignIn(NEXT)]).toEqual([true, false]);
  });

  it('stays for whoever is not signed in, and for forms of other sites', async () => {
    const fields = { current: PASSWORD, password: NEXT, again: NEXT };
    expect(titleOf(await new Browser(t).open('/oauth/account/password', fields))).toBe('Sign in');
    const { status } = await t.call('/oauth/account/password', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    });
    expect([status, await canSignIn(PASSWORD)]).toEqual([403, true]);
  });

  it('S33: is guessed so many times at most, also in a browser that is signed in', async () => {
    const browser = await signedIn();
    const fields = { current: 'wrong', password: NEXT, again: NEXT };
    for (let i = 0; i < SIGN_INS_PER_ACCOUNT; i++)
      expect((await browser.open('/oauth/account/password', fields)).status).toBe(400);
    expect((await browser.open('/oauth/account/password', { ...fields, current: PASSWORD })).status).toBe(429);
  });

  it.each([
    'passwordpassword',
    '123456789012345',
    'qwertyuiopasdfgh',
    'iloveyouiloveyou',
    '1qaz2wsx3edc4rfv',
    'aaaaaaaaaaaaaaaaaaaa',
    'administrator123',
    'abcdefghijklmnopqrstuvwxyz',
  ])('is not %s, also for an operator', async (password) => {
    await expect(t.nest.get(PasswordsService, { strict: false }).set(person.id, password)).rejects.toMatchObject({
      id: 'invalid_password',
    });
  });

  it('is not the own address or name', async () => {
    const passwords = t.nest.get(PasswordsService, { strict: false });
    await t.world.write((db) => db.update(User, { id: person.id }, { name: 'Wilhelmina Featherstonehaugh' }));
    for (const password of [person.emailAddress, 'wilhelminafeatherstonehaugh'])
      await expect(passwords.set(person.id, password)).rejects.toMatchObject({ id: 'invalid_password' });
  });
});

describe('a link for a password', () => {
  it('sets it once, and ends what was signed in for', async () => {
    const browser = await signedIn();
    const link = await newLink();
    expect(titleOf(await t.call(link))).toBe('Set your password');
    expect(titleOf(await follow(link))).toBe('Your password has been set');
    expect([await canSignIn(PASSWORD), await canSignIn(NEXT)]).toEqual([false, true]);
    expect(titleOf(await browser.open('/oauth/account'))).toBe('Sign in');
    for (const again of [await follow(link), await t.call(link)]) expect(again.status).toBe(401);
  });

  it('S1: of twenty at once, one sets it', async () => {
    const link = await newLink();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => follow(link, `${NEXT} number ${i}`)));
    const set = answers.map(({ status }, i) => (status === 200 ? i : -1)).filter((i) => i >= 0);
    expect(set).toHaveLength(1);
    expect(await canSignIn(`${NEXT} number ${set[0]}`)).toBe(true);
  });

  it('S20: is not used up by looking at it, by a prefetch, or by a form of another site', async () => {
    const link = await newLink();
    for (const headers of [{}, { 'sec-purpose': 'prefetch' }, { 'sec-fetch-dest': 'image' }] as Record<
      string,
      string
    >[])
      await t.call(link, { headers });
    await t.call(link, { method: 'HEAD' });
    const body = new URLSearchParams({ password: NEXT, again: NEXT }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'cross-site' };
    expect((await t.call(link, { method: 'POST', headers, body })).status).toBe(403);
    expect(titleOf(await follow(link))).toBe('Your password has been set');
  });

  it.each([
    { fault: 'the two are not the same', password: NEXT, again: `${NEXT}!` },
    { fault: 'it is common', password: 'passwordpassword', again: 'passwordpassword' },
  ])('is not used up if $fault', async ({ password, again }) => {
    const link = await newLink();
    const answer = await follow(link, password, again);
    expect([answer.status, alertOf(answer)]).toEqual([400, expect.stringMatching(/\w/)]);
    expect(titleOf(await follow(link))).toBe('Your password has been set');
  });

  it('is good for a day, and until the next one or another password', async () => {
    const late = await newLink();
    t.clock.advance(86_401);
    expect((await follow(late)).status).toBe(401);
    t.clock.reset();
    const replaced = await newLink();
    const current = await newLink();
    expect((await follow(replaced)).status).toBe(401);
    await t.nest.get(PasswordsService, { strict: false }).set(person.id, 'another long password');
    expect((await follow(current)).status).toBe(401);
  });

  it.each([
    {
      what: 'the address changed to which it was sent',
      fields: [{ emailAddress: `new.${newId().toLowerCase()}@x.example` }],
    },
    {
      what: 'the account was blocked, also when it is active again',
      fields: [{ status: 'BLOCKED' }, { status: 'ACTIVE' }],
    },
  ])('is no good after $what', async ({ fields }) => {
    const link = await newLink();
    expect((await t.call(link)).status).toBe(200);
    for (const one of fields) expect((await t.send(admin, 'PUT', `/user/${person.id}`, one)).status).toBe(200);
    expect((await t.call(link)).status).toBe(401);
    expect((await t.call(await newLink())).status).toBe(200);
  });

  it('S5: is stored as a hash, and forgotten once it has expired', async () => {
    const token = (await newLink()).split('=')[1]!;
    const row = await t.world.write((db) => db.findOneByOrFail(PasswordLink, { userId: person.id }));
    expect(row.tokenHash).toBe(hashSecret(token));
    expect(JSON.stringify(row)).not.toContain(token);
    t.clock.advance(86_401);
    await t.nest.get(PasswordLinksService, { strict: false }).prune();
    expect(await t.world.write((db) => db.countBy(PasswordLink, { userId: person.id }))).toBe(0);
  });

  it('S19: tells its token to nobody: not in the page, not in a Referer', async () => {
    const link = await newLink();
    const { text, headers } = await t.call(link);
    expect(text).not.toContain(link.split('=')[1]);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    { of: 'nobody', who: () => 'nobody@nowhere.example', answer: [404, 'nonexistent_user'] },
    { of: 'an account of another organization', who: () => t.world.user(), answer: [404, 'nonexistent_user'] },
    { of: 'oneself', who: () => admin.id, answer: [403, 'no_access'] },
    {
      of: 'an account without an e-mail address',
      who: () => t.world.user({ organizationId: admin.organizationId, emailAddress: null } as never),
      answer: [400, 'email_address_not_specified'],
    },
    {
      of: 'an account that may do more',
      who: async () => (await t.world.grant(person.id, 'MANAGE_STAFF'), person.id),
      answer: [403, 'no_access'],
    },
  ])('is not made for $of', async ({ who, answer }) => {
    expect(outcome(await t.send(admin, 'POST', `/user/${await who()}/password-link`))).toEqual(answer);
  });

  it('S37: is not made without MANAGE_USERS, and not good once whoever made it could not make it any more', async () => {
    const other = await t.world.caller({ organizationId: admin.organizationId, permissions: ['CREATE_GROUPS'] });
    expect(outcome(await t.send(other, 'POST', `/user/${person.id}/password-link`))).toEqual([403, 'no_access']);
    const link = await newLink();
    await t.world.grant(person.id, 'MANAGE_STAFF');
    expect((await follow(link)).status).toBe(401);
    const next = await newPerson(t, admin.organizationId);
    const second = await newLink(next.id);
    await t.world.write((db) => db.update(User, { id: admin.id }, { status: 'BLOCKED' }));
    expect((await follow(second)).status).toBe(401);
    expect([await canSignIn(NEXT), await canSignIn(NEXT, next.emailAddress)]).toEqual([false, false]);
  });

  it('S37: is not made for whoever has a right on a group that the caller lacks, and is not good once they have it', async () => {
    await t.world.write((db) => db.update(User, { id: person.id }, { staffOrganizationId: admin.organizationId }));
    const link = await newLink();
    const group = await t.world.group(admin.organizationId);
    await t.world.allow(person.id, group, 'MANAGE');
    expect((await follow(link)).status).toBe(401);
    const path = `/user/${person.id}/password-link`;
    expect(outcome(await t.send(admin, 'POST', path))).toEqual([403, 'no_access']);
    await t.world.allow(admin.id, group, 'MANAGE');
    expect((await t.send(admin, 'POST', path)).status).toBe(200);
  });

  it('is recorded, and so is the password that it sets', async () => {
    const auditor = await t.world.caller({ organizationId: admin.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    await follow(await newLink());
    const { body } = await t.as(auditor)(`/audit?user=${person.id}`);
    const events = body.events.map(({ event, actor }: { event: string; actor?: string }) => [event, actor]);
    expect(events).toContainEqual(['PASSWORD_LINK_MADE', admin.id]);
    expect(events).toContainEqual(['PASSWORD_SET', person.id]);
  });
});
