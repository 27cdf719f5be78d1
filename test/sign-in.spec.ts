import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Database } from '../src/database/database.js';
import { Password } from '../src/schema/entities/password.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { PasswordsService } from '../src/users/passwords.service.js';
import { createApp } from '../src/app/setup.js';
import { loadSettings } from '../src/config/settings.js';
import {
  AttemptsService,
  SIGN_INS_FROM_STRANGERS,
  SIGN_INS_PER_ACCOUNT,
  SIGN_INS_PER_ADDRESS,
} from '../src/limits/attempts.service.js';
import type { DomainError } from '../src/common/errors/errors.js';
import { FailedAttempt } from '../src/schema/entities/failed-attempt.entity.js';
import { BY_ITSELF, call, TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';
import {
  actionOf,
  authorizeQuery,
  Browser,
  newPerson,
  newScene,
  PASSWORD,
  REDIRECT_URI,
  requestToken,
} from './support/oauth.js';
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

/** What an attempt makes the service do: statements by their names (a write also reads on PostgreSQL), and looks at hashes by their parameters. */
async function costOfSignIn(
  email: string,
  password: string,
): Promise<{ status: number; statements: string[]; hashes: string[] }> {
  const browser = new Browser(t);
  const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
  const statements: string[] = [];
  const hashes: string[] = [];
  const database = t.nest.get(Database);
  for (const method of ['read', 'write'] as const) {
    const run = database[method].bind(database);
    jest.spyOn(database, method).mockImplementation((statement, parameters) => {
      if (!BY_ITSELF.has(statement.name)) statements.push(statement.name);
      return run(statement, parameters) as Promise<never[]>;
    });
  }
  const source = t.nest.get(DataSource);
  const createQueryRunner = source.createQueryRunner.bind(source);
  jest.spyOn(source, 'createQueryRunner').mockImplementation((mode) => {
    statements.push('of TypeORM');
    return createQueryRunner(mode);
  });
  const passwords = t.nest.get(PasswordsService, { strict: false });
  const matches = passwords.matches.bind(passwords);
  jest.spyOn(passwords, 'matches').mockImplementation((hash, given) => {
    hashes.push(hash.split('$').slice(0, 4).join('$'));
    return matches(hash, given);
  });
  const { status } = await browser.open(actionOf(page), { email, password });
  jest.restoreAllMocks();
  return { status, statements, hashes };
}

/** A page and its headers, without what is different in every sign-in. */
function faceOf({ status, headers, text }: Answer, email: string): unknown {
  const shown = [...headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name));
  return {
    status,
    headers: Object.fromEntries(shown),
    text: text.replaceAll(/interaction\/[\w-]+/g, 'interaction').replaceAll(email, ''),
  };
}

describe('signing in', () => {
  it.each([
    { gone: 'blocked', lose: (id: string) => t.world.write((db) => db.update(User, { id }, { status: 'BLOCKED' })) },
    { gone: 'deleted', lose: (id: string) => t.world.write((db) => db.delete(User, { id })) },
  ])('is asked for where somebody is signed in who was $gone, and then works for anybody', async ({ lose }) => {
    const [former, next] = [await newPerson(t, scene.organizationId), await newPerson(t, scene.organizationId)];
    const browser = new Browser(t);
    await browser.authorize(authorizeQuery(scene.client), former.emailAddress);
    await lose(former.id);
    const { status, text } = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    expect([status, text]).toEqual([200, expect.stringContaining('<h1>Sign in</h1>')]);
    const target = await browser.authorize(authorizeQuery(scene.client), next.emailAddress);
    const fields = {
      grant_type: 'authorization_code',
      code: target.searchParams.get('code')!,
      redirect_uri: REDIRECT_URI,
    };
    const { body } = await requestToken(t.url, fields, scene.client);
    expect((await t.as({ token: body.access_token })('/user')).body.id).toBe(next.id);
  });

  it('is asked for where somebody who signs in is blocked before the browser comes back', async () => {
    const person = await newPerson(t, scene.organizationId);
    const browser = new Browser({
      call: async (path, options) => {
        if (path.startsWith('/oauth/authorize/'))
          await t.world.write((db) => db.update(User, { id: person.id }, { status: 'BLOCKED' }));
        return t.call(path, options);
      },
    });
    const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const { status, text } = await browser.open(actionOf(page), { email: person.emailAddress, password: PASSWORD });
    expect([status, text]).toEqual([200, expect.stringContaining('<h1>Sign in</h1>')]);
  });

  it('is asked for again where the password is set while the one before is looked at, and no sooner', async () => {
    const person = await newPerson(t, scene.organizationId);
    const browser = new Browser(t);
    const passwords = t.nest.get(PasswordsService, { strict: false });
    const real = passwords.matches.bind(passwords);
    const looking = jest.spyOn(passwords, 'matches').mockImplementationOnce(async (hashed, password) => {
      const isRight = await real(hashed, password);
      await passwords.set(person.id, 'another long password');
      return isRight;
    });
    const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
    const again = await browser.open(actionOf(page), { email: person.emailAddress, password: PASSWORD });
    looking.mockRestore();
    expect(again.text).toContain('<h1>Sign in</h1>');
    const fields = { email: person.emailAddress, password: 'another long password' };
    expect((await browser.open(actionOf(again), fields)).text).toContain('<h1>Allow access?</h1>');
  });

  it('is told to be required where nobody may be asked', async () => {
    const person = await newPerson(t, scene.organizationId);
    const browser = new Browser(t);
    await browser.authorize(authorizeQuery(scene.client), person.emailAddress);
    await t.world.write((db) => db.update(User, { id: person.id }, { status: 'BLOCKED' }));
    const { headers } = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client, { prompt: 'none' })}`);
    expect(new URL(headers.get('location')!).searchParams.get('error')).toBe('login_required');
  });

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
    // Somebody has signed in from here before: further attempts are slow, and no more than that.
    t.clock.advance(15);
    expect((await tryToSignIn(emailAddress, 'wrong')).status).toBe(401);
    const { status, headers } = await tryToSignIn(emailAddress, PASSWORD);
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(15);
    t.clock.advance(15);
    expect((await tryToSignIn(emailAddress, PASSWORD)).status).toBe(200);
  });

  it('S33: counts attempts on an account from everywhere, over two instances', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    await other.listen(0, '127.0.0.1');
    const urls = [t.url, await other.getUrl()];
    const { emailAddress } = await newPerson(t, scene.organizationId);
    const statuses = await Promise.all(
      Array.from({ length: SIGN_INS_PER_ACCOUNT + 6 }, async (_, i) => {
        const browser = new Browser({ call: (path, options) => call(urls[i % 2]!, path, options) });
        const page = await browser.open(`/oauth/authorize?${authorizeQuery(scene.client)}`);
        return (await browser.open(actionOf(page), { email: emailAddress, password: 'wrong' })).status;
      }),
    );
    await other.close();
    expect(statuses.filter((status) => status === 401)).toHaveLength(SIGN_INS_PER_ACCOUNT);
    expect(statuses.filter((status) => status === 429)).toHaveLength(6);
  });

  it('S33: wrong passwords from elsewhere shut nobody out, and not those who have signed in from here before', async () => {
    const other = await createApp(loadSettings(testEnvironment()), t.clock);
    const attempts = [t.nest, other].map((app) => app.get(AttemptsService, { strict: false }));
    const account = 'owner@victim.example';
    let sent = 0;
    const outcomeOf = (address: string): Promise<string> =>
      attempts[sent++ % 2]!.countSignIn(account, address).then(
        () => 'counted',
        (error: DomainError) => error.id,
      );
    await attempts[0]!.rememberSignIn(account, '192.0.2.77');
    // From one network, from another, and from many at once.
    const one = await Promise.all(Array.from({ length: SIGN_INS_PER_ACCOUNT + 5 }, () => outcomeOf('198.51.100.1')));
    expect(one.filter((outcome) => outcome === 'counted')).toHaveLength(SIGN_INS_PER_ACCOUNT);
    expect(await outcomeOf('198.51.100.2')).toBe('counted');
    const many = await Promise.all(
      Array.from({ length: SIGN_INS_FROM_STRANGERS + 10 }, (_, i) => outcomeOf(`203.0.113.${i}`)),
    );
    expect(many.filter((outcome) => outcome === 'counted')).toHaveLength(
      SIGN_INS_FROM_STRANGERS - SIGN_INS_PER_ACCOUNT - 1,
    );
    expect(await outcomeOf('198.51.100.3')).toBe('too_many_requests');
    expect(await outcomeOf('192.0.2.77')).toBe('counted');
    await other.close();
  });

  it('S33: counts attempts from an address on whatever accounts, over two instances', async () => {
    const other = await createApp(loadSettings(testEnvironment()));
    const attempts = [t.nest, other].map((app) => app.get(AttemptsService, { strict: false }));
    const outcomes = await Promise.allSettled(
      Array.from({ length: SIGN_INS_PER_ADDRESS + 10 }, (_, i) =>
        attempts[i % 2]!.countSignIn(`somebody-${i}@else.example`, '192.0.2.7'),
      ),
    );
    await other.close();
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
    await attempts[0]!.countSignIn('somebody@else.example', '192.0.2.8');
  });

  it('S33: counts nothing for an account that an address over its limit tries', async () => {
    const attempts = t.nest.get(AttemptsService, { strict: false });
    const outcomeOf = (account: string, address: string): Promise<string> =>
      attempts.countSignIn(account, address).then(
        () => 'counted',
        (error: DomainError) => error.id,
      );
    for (let i = 0; i < SIGN_INS_PER_ADDRESS; i++) await outcomeOf(`somebody-${i}@else.example`, '192.0.2.9');
    const victims = ['one@victim.example', 'two@victim.example'];
    for (const victim of victims)
      for (let i = 0; i <= SIGN_INS_PER_ACCOUNT; i++)
        expect(await outcomeOf(victim, '192.0.2.9')).toBe('too_many_requests');
    for (const victim of victims) expect(await outcomeOf(victim, '192.0.2.10')).toBe('counted');
  });

  it('S33: counts the addresses of one IPv6 network as one', async () => {
    const attempts = t.nest.get(AttemptsService, { strict: false });
    const outcomes = await Promise.allSettled(
      Array.from({ length: SIGN_INS_PER_ADDRESS + 10 }, (_, i) =>
        attempts.countSignIn(`somebody-${i}@else.example`, `2001:db8:0:1::${i.toString(16)}`),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
    await attempts.countSignIn('somebody@else.example', '2001:db8:0:2::1');
  });

  it('S29: costs the same statements and one look at a hash of the same parameters, whoever tries', async () => {
    const blocked = await newPerson(t, scene.organizationId);
    await t.world.write((db) => db.update(User, { id: blocked.id }, { status: 'BLOCKED' }));
    const without = await newPerson(t, scene.organizationId);
    await t.world.write((db) => db.delete(Password, { userId: without.id }));
    const costs = [];
    for (const [email, password] of [
      [scene.person.emailAddress, 'another long password'],
      ['nobody@nowhere.example', PASSWORD],
      [blocked.emailAddress, PASSWORD],
      [without.emailAddress, PASSWORD],
      [without.emailAddress, 'nobody has this password'],
    ])
      costs.push(await costOfSignIn(email!, password!));
    const [wrong, ...others] = costs;
    expect(wrong).toEqual({
      status: 401,
      statements: expect.arrayContaining(['find_password']),
      hashes: ['$argon2id$v=19$m=19456,t=2,p=1'],
    });
    for (const other of others) expect(other).toEqual(wrong);
    expect((await costOfSignIn(scene.person.emailAddress, PASSWORD)).hashes).toEqual(wrong!.hashes);
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
