import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../src/app/setup.js';
import { loadSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { MaintenanceService } from '../src/maintenance/maintenance.service.js';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { KeyRing } from '../src/tokens/key-ring.js';
import { SigningKey } from '../src/schema/entities/signing-key.entity.js';
import type { KeyPurpose } from '../src/schema/entities/signing-key.entity.js';
import { PUBLISHED_AHEAD, SigningKeysService } from '../src/tokens/signing-keys.service.js';
import { call, outcome, TestApp, testEnvironment } from './support/app.js';
import { runCli } from './support/built-cli.js';
import { compact, decode, forgetFailedAttempts, signerOf } from './support/forge.js';
import { assertionOf, JWT_BEARER, newScene, newServiceAccount, newTokens, requestToken } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Seconds past `exp` at which an access token still counts. */
const SKEW = 60;

let t: TestApp;
let other: NestFastifyApplication;
let urls: string[];
let keys: SigningKeysService;
let caller: TestCaller;
let account: TestServiceAccount;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
  other = await createApp(loadSettings(testEnvironment()), t.clock);
  await other.listen(0, '127.0.0.1');
  urls = [t.url, await other.getUrl()];
  keys = t.nest.get(SigningKeysService, { strict: false });
  caller = await t.world.caller();
  account = await newServiceAccount(t, caller.organizationId);
  user = (await t.world.userOf(caller)).id;
});
afterAll(async () => {
  await other.close();
  await t.stop();
});
beforeEach(async () => {
  t.clock.reset();
  await t.world.write((db) => db.clear(SigningKey));
  await keys.makeMissing();
  // A name that nobody has makes an instance look what keys there are.
  for (const app of [t.nest, other]) await app.get(KeyRing, { strict: false }).find('ACCESS', 'none');
  caller = { ...caller, token: await mint(HOUR) };
  await forgetFailedAttempts(t);
});
afterEach(() => {
  jest.restoreAllMocks();
});

function mint(ttl: number, app = t.nest): Promise<string> {
  return app.get(CallerTokensService, { strict: false }).mint({ by: 'id', id: caller.id }, ttl, caller.clientId);
}

async function statuses(token: string): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}` };
  return Promise.all(urls.map(async (url) => (await call(url, '/api/2.1.1/user', { headers })).status));
}

/** The names of the published keys of access tokens, at each instance. */
async function published(): Promise<string[][]> {
  const answers = await Promise.all(urls.map((url) => call(url, '/oauth/keys')));
  const idKeys = (await keys.list()).filter(({ purpose }) => purpose.startsWith('ID_'));
  const ofIdTokens = new Set(idKeys.map(({ kid }) => kid));
  return answers.map(({ body }) =>
    body.keys
      .map(({ kid }: { kid: string }) => kid)
      .filter((kid: string) => !ofIdTokens.has(kid))
      .toSorted(),
  );
}

function kidOf(token: string): unknown {
  return decode(token).header.kid;
}

function countOf(purpose: KeyPurpose): Promise<number> {
  return t.world.write((db) => db.countBy(SigningKey, { purpose }));
}

function login(url: string, token: string): ReturnType<typeof call> {
  return call(url, `/login?token=${token}`, { headers: { accept: 'application/json' } });
}

/** Both services at once, again and again. */
function onBoth<T>(work: (service: SigningKeysService) => Promise<T>): Promise<T[]> {
  const services = [keys, other.get(SigningKeysService, { strict: false })];
  return Promise.all([...services, ...services, ...services].map(work));
}

describe('a rotation', () => {
  it('publishes the new key a quarter of an hour before it signs, for longer than others may keep the key set', async () => {
    const before = kidOf(await mint(HOUR));
    const kid = await keys.rotate('ACCESS');
    t.clock.advance(2);
    const both = [before, kid].toSorted();
    expect(await published()).toEqual([both, both]);
    const { headers } = await t.call('/oauth/keys');
    const maxAge = Number(/^public, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
    expect(maxAge).toBeLessThan(PUBLISHED_AHEAD);

    t.clock.advance(PUBLISHED_AHEAD - 10);
    for (const app of [t.nest, other]) expect(kidOf(await mint(HOUR, app))).toBe(before);
    t.clock.advance(10);
    for (const app of [t.nest, other]) expect(kidOf(await mint(HOUR, app))).toBe(kid);
  });

  it('lets the tokens of the old key be good to their end, and then the key is gone', async () => {
    const key = t.nest.get(KeyRing, { strict: false }).signing('ACCESS');
    const kid = await keys.rotate('ACCESS');
    t.clock.advance(PUBLISHED_AHEAD - 5);
    const last = await mint(HOUR);
    expect(kidOf(last)).toBe(key.kid);
    t.clock.advance(HOUR + SKEW - 5);
    expect(await statuses(last)).toEqual([200, 200]);
    expect((await published())[0]).toEqual([key.kid, kid].toSorted());
    t.clock.advance(SKEW + 13);
    expect(await statuses(last)).toEqual([401, 401]);
    expect(await published()).toEqual([[kid], [kid]]);
    const { header, payload } = decode(last);
    const forged = compact(header, { ...payload, exp: (payload.exp as number) + DAY }, signerOf(key.signing));
    expect(await statuses(forged)).toEqual([401, 401]);
  });

  it('keeps a key for the thirty days of a token from the command line, also of one that is made just before', async () => {
    const before = await mint(30 * DAY);
    const kid = await keys.rotate('ACCESS');
    t.clock.advance(PUBLISHED_AHEAD - 1);
    const between = await mint(30 * DAY, other);
    expect([kidOf(before), kidOf(between)]).toEqual([kidOf(before), kidOf(before)]);
    t.clock.advance(30 * DAY - 2);
    expect(await statuses(between)).toEqual([200, 200]);
    t.clock.advance(3 * SKEW);
    expect(await statuses(between)).toEqual([401, 401]);
    expect(await published()).toEqual([[kid], [kid]]);
  });

  it('works for the keys of login tokens, which are never published', async () => {
    const first = await t.loginToken(caller, user);
    const old = t.nest.get(KeyRing, { strict: false }).signing('LOGIN');
    const kid = await keys.rotate('LOGIN');
    t.clock.advance(60);
    expect((await login(urls[1]!, first)).status).toBe(303);
    t.clock.advance(PUBLISHED_AHEAD);
    const second = await t.loginToken(caller, user);
    expect(kidOf(second)).toBe(kid);
    expect((await login(urls[1]!, second)).status).toBe(303);
    expect((await published()).flat()).not.toContain(kid);

    t.clock.advance(HOUR + 2 * SKEW + 5);
    const third = await t.loginToken({ ...caller, token: await mint(HOUR) }, user);
    const { header, payload } = decode(third);
    const forged = compact({ ...header, kid: old.kid }, payload, signerOf(old.signing));
    for (const url of urls) expect(outcome(await login(url, forged))).toEqual([401, 'invalid_token']);
    expect((await login(urls[1]!, third)).status).toBe(303);
  });

  it('reaches the authorization server, which signs with the new key', async () => {
    const kid = await keys.rotate('ACCESS');
    t.clock.advance(PUBLISHED_AHEAD);
    for (const url of urls) {
      const assertion = await assertionOf(t, account);
      const { body } = await requestToken(url, { grant_type: JWT_BEARER, assertion });
      expect(kidOf(body.access_token)).toBe(kid);
      expect(await statuses(body.access_token)).toEqual([200, 200]);
    }
  });

  it.each(['LOGIN', 'ACCESS'] as const)('of %s keys by several instances at once makes one key', async (purpose) => {
    const kids = await onBoth((service) => service.rotate(purpose));
    expect(new Set(kids).size).toBe(1);
    expect(await countOf(purpose)).toBe(2);
  });
});

describe('KEY_ROTATION_DAYS', () => {
  it('rotates keys that are older, once for all instances', async () => {
    t.clock.advance(90 * DAY - 60);
    await onBoth((service) => service.rotateDue());
    expect([await countOf('ACCESS'), await countOf('LOGIN')]).toEqual([1, 1]);
    t.clock.advance(60);
    await onBoth((service) => service.rotateDue());
    expect([await countOf('ACCESS'), await countOf('LOGIN')]).toEqual([2, 2]);
    t.clock.advance(PUBLISHED_AHEAD);
    await onBoth((service) => service.rotateDue());
    expect([await countOf('ACCESS'), await countOf('LOGIN')]).toEqual([2, 2]);
  });

  it('is looked at by the maintenance that every instance does', async () => {
    t.clock.advance(91 * DAY);
    await Promise.all([t.nest, other].map((app) => app.get(MaintenanceService, { strict: false }).run()));
    expect([await countOf('ACCESS'), await countOf('LOGIN')]).toEqual([2, 2]);
  });

  it('is how old they get', async () => {
    const settings = loadSettings(testEnvironment({ KEY_ROTATION_DAYS: '7' }));
    const app = await createApp(settings, t.clock);
    const rotate = (): Promise<void> => app.get(SigningKeysService, { strict: false }).rotateDue();
    t.clock.advance(7 * DAY - 60);
    await rotate();
    expect(await countOf('ACCESS')).toBe(1);
    t.clock.advance(60);
    await rotate();
    await app.close();
    expect(await countOf('ACCESS')).toBe(2);
  });

  it('0 rotates nothing by itself', async () => {
    const settings = loadSettings(testEnvironment({ KEY_ROTATION_DAYS: '0' }));
    const app = await createApp(settings, t.clock);
    t.clock.advance(4000 * DAY);
    await app.get(SigningKeysService, { strict: false }).rotateDue();
    await app.close();
    expect(await countOf('ACCESS')).toBe(1);
  });
});

describe('a key that leaked', () => {
  it('fails no request that is under way while it is replaced; the next one is signed with the new key', async () => {
    const database = t.nest.get(Database);
    const real = database.read.bind(database);
    const before = t.nest.get(KeyRing, { strict: false }).signing('ACCESS').kid;
    const scene = await newScene(t);
    let tokens = await newTokens(scene);
    const reading = jest.spyOn(database, 'read').mockImplementation(async (statement, parameters) => {
      if (statement.name === 'find_oauth_record') {
        reading.mockRestore();
        await keys.replace('ACCESS');
        await t.nest.get(KeyRing, { strict: false }).find('ACCESS', 'a name that makes it read the keys again');
      }
      return real(statement, parameters);
    });
    const ask = async (): Promise<[number, unknown]> => {
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
      const { status, body } = await requestToken(t.url, fields, scene.client);
      tokens = body;
      return [status, body.access_token && kidOf(body.access_token)];
    };
    expect(await ask()).toEqual([200, before]);
    expect(await ask()).toEqual([200, t.nest.get(KeyRing, { strict: false }).signing('ACCESS').kid]);
    expect((await published())[0]).not.toContain(before);
  });

  it('S28: is replaced at once: what it signed is refused within two seconds, what the new one signs is accepted', async () => {
    const token = await mint(HOUR);
    expect(await statuses(token)).toEqual([200, 200]);
    const kid = await keys.replace('ACCESS');
    const end = Date.now() + 2000;
    while ((await statuses(token)).some((status) => status !== 401)) expect(Date.now()).toBeLessThan(end);
    const renewed = await mint(HOUR, other);
    expect(kidOf(renewed)).toBe(kid);
    expect(await statuses(renewed)).toEqual([200, 200]);
    expect(await published()).toEqual([[kid], [kid]]);
  });

  it('is replaced by one key, however many ask at once', async () => {
    const kids = await onBoth((service) => service.replace('LOGIN'));
    expect(new Set(kids).size).toBe(1);
    expect(await countOf('LOGIN')).toBe(2);
  });

  it('S28: revoked while it signs, gets a successor that signs at once', async () => {
    const token = await mint(HOUR);
    await keys.revoke(kidOf(token) as string);
    t.clock.advance(2);
    expect(await statuses(token)).toEqual([401, 401]);
    const renewed = await mint(HOUR);
    expect(kidOf(renewed)).not.toBe(kidOf(token));
    expect(await statuses(renewed)).toEqual([200, 200]);
  });

  it('revoked before it signs, never does, and leaves no gap', async () => {
    const before = await mint(HOUR);
    const waiting = await keys.rotate('ACCESS');
    await keys.revoke(waiting);
    for (const seconds of [2, PUBLISHED_AHEAD, 30 * DAY]) {
      t.clock.advance(seconds);
      const token = await mint(HOUR);
      expect(kidOf(token)).not.toBe(waiting);
      expect(await statuses(token)).toEqual([200, 200]);
    }
    expect((await published()).flat()).not.toContain(kidOf(before));
  });

  it('revoked after it was rotated, leaves the others alone', async () => {
    const old = await mint(HOUR);
    await keys.rotate('ACCESS');
    t.clock.advance(PUBLISHED_AHEAD);
    const young = await mint(HOUR);
    await keys.revoke(kidOf(old) as string);
    t.clock.advance(2);
    expect(await statuses(old)).toEqual([401, 401]);
    expect(await statuses(young)).toEqual([200, 200]);
    expect(await countOf('ACCESS')).toBe(2);
  });

  it('of login tokens, revoked, lets nobody in, on any instance', async () => {
    const token = await t.loginToken(caller, user);
    await keys.revoke(kidOf(token) as string);
    t.clock.advance(2);
    for (const url of urls) {
      expect(outcome(await login(url, token))).toEqual([401, 'invalid_token']);
    }
  });

  it('is no key to promise thirty days to', async () => {
    const kid = kidOf(await mint(HOUR)) as string;
    await keys.revoke(kid);
    await expect(keys.keepFor(kid, new Date(Date.now() + DAY))).rejects.toThrow('taken away');
    await expect(keys.revoke('AAAAAAAAAAAAAAAAAAAAAA')).rejects.toThrow('There is no signing key');
  });
});

/** How often the keys are read while `work` runs. */
async function readingsDuring(work: () => Promise<unknown>): Promise<number> {
  const read = jest.spyOn(t.nest.get(Database), 'read');
  await work();
  return read.mock.calls.filter(([{ name }]) => name === 'load_signing_keys').length;
}

describe('the database', () => {
  it('is read ten times a second at most for tokens that name made-up keys', async () => {
    const { header, payload } = decode(await mint(HOUR));
    const forged = Array.from({ length: 50 }, (_, i) =>
      compact({ ...header, kid: `made-up-${i}` }, payload, () => 'AA'),
    );
    const startedAt = performance.now();
    const readings = await readingsDuring(() =>
      Promise.all(forged.map(async (token) => expect((await t.as({ token })('/user')).status).toBe(401))),
    );
    expect(readings).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 100);
  });

  it('makes the service sign nothing while it can’t say which keys there are', async () => {
    const token = await mint(HOUR);
    expect(await statuses(token)).toEqual([200, 200]);
    t.clock.advance(2);
    const database = t.nest.get(Database);
    const real = database.read.bind(database);
    jest
      .spyOn(database, 'read')
      .mockImplementation((statement, parameters) =>
        statement.name === 'load_signing_keys'
          ? Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
          : real(statement, parameters),
      );
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(outcome(await t.as({ token })(`/access/${user}`))).toEqual([503, 'unavailable']);
    jest.restoreAllMocks();
    expect((await t.as({ token })(`/access/${user}`)).status).toBe(200);
  });
});

/** What the command line says of each key. */
async function columns(): Promise<Record<string, string>> {
  const { code, stdout } = await runCli('keys', 'list');
  expect(code).toBe(0);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  return Object.fromEntries(rows.map(([kid, purpose, algorithm, state]) => [kid!, `${purpose} ${algorithm} ${state}`]));
}

describe('npm run latchkey -- keys', () => {
  it('rotates, replaces, revokes and lists', async () => {
    const before = Object.fromEntries((await keys.list()).map(({ kid, purpose }) => [purpose, kid]));
    const waiting = (await runCli('keys', 'rotate', '--purpose', 'access')).stdout.trim();
    expect(await columns()).toEqual({
      [before.ACCESS!]: 'access ES256 signs',
      [waiting]: 'access ES256 waits',
      [before.ID_EDDSA!]: 'id_eddsa EdDSA signs',
      [before.ID_ES256!]: 'id_es256 ES256 signs',
      [before.ID_RS256!]: 'id_rs256 RS256 signs',
      [before.LOGIN!]: 'login HS256 signs',
    });
    const replaced = (await runCli('keys', 'rotate', '--now')).stdout.trim().split('\n');
    expect(await runCli('keys', 'revoke', replaced[1]!)).toMatchObject({ code: 0 });
    const { [replaced[0]!]: login, ...others } = await columns();
    expect(login).toBe('login HS256 signs');
    expect(Object.values(others).toSorted()).toEqual([
      'access ES256 retired',
      'access ES256 retired',
      'access ES256 retired',
      'access ES256 signs',
      'id_eddsa EdDSA retired',
      'id_eddsa EdDSA signs',
      'id_es256 ES256 retired',
      'id_es256 ES256 signs',
      'id_rs256 RS256 retired',
      'id_rs256 RS256 signs',
      'login HS256 retired',
    ]);
  }, 120_000);

  it('says what it does not know', async () => {
    const { code, stderr } = await runCli('keys', 'revoke', 'nothing');
    expect([code, stderr]).toEqual([1, expect.stringContaining('latchkey: There is no signing key nothing.')]);
    expect(await runCli('keys', 'rotate', '--purpose', 'both')).toMatchObject({ code: 1 });
  }, 60_000);
});

describe('retired keys', () => {
  it('are forgotten after thirty days', async () => {
    const kid = kidOf(await mint(HOUR));
    await keys.replace('ACCESS');
    const known = async (): Promise<boolean> => (await keys.list()).some((key) => key.kid === kid);
    t.clock.advance(30 * DAY - 60);
    await keys.prune();
    expect(await known()).toBe(true);
    t.clock.advance(120);
    await keys.prune();
    expect(await known()).toBe(false);
  });
});
