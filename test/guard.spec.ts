import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../src/app/setup.js';
import { newId } from '../src/common/id.js';
import { loadSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { GroupStaff } from '../src/schema/entities/group-staff.entity.js';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { Client } from '../src/schema/entities/client.entity.js';
import { RevokedToken } from '../src/schema/entities/revoked-token.entity.js';
import { ServiceAccountKey } from '../src/schema/entities/service-account-key.entity.js';
import { SigningKey } from '../src/schema/entities/signing-key.entity.js';
import { TokensService } from '../src/tokens/tokens.service.js';
import type { AccessTokenClaims } from '../src/tokens/tokens.service.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { call, outcome, TestApp, testEnvironment } from './support/app.js';
import { decode, forgetFailedAttempts } from './support/forge.js';
import type { TestCaller } from './support/world.js';

/** The longest that an instance may go on with what was taken away. */
const STALENESS_MS = 2_000;

let t: TestApp;
let other: NestFastifyApplication;
let otherUrl: string;
let caller: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  other = await createApp(loadSettings(testEnvironment()), t.clock);
  await other.listen(0, '127.0.0.1');
  otherUrl = await other.getUrl();
});
afterAll(async () => {
  await other.close();
  await t.stop();
});
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller();
  await forgetFailedAttempts(t);
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** An access token of the caller, or with other claims. */
async function tokenWith(claims: Partial<AccessTokenClaims> = {}): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  return t.nest.get(TokensService, { strict: false }).sign('access', {
    sub: caller.id,
    client_id: caller.clientId,
    scope: 'ROLE_USER',
    jti: randomUUID(),
    iat,
    exp: iat + 3600,
    ...claims,
  });
}

/** The caller's own account, asked for at one instance. */
function ask(token: string, url = t.url): ReturnType<typeof call> {
  return call(url, '/api/2.1.1/user', { headers: { authorization: `Bearer ${token}` } });
}

async function serviceAccountKey(): Promise<string> {
  const id = newId();
  await t.world.write((db) =>
    db.insert(ServiceAccountKey, { id, userId: caller.id, algorithm: 'ES256', jwk: '{}', createdAt: new Date() }),
  );
  return id;
}

/** A token of a user whom the caller may let in, and acts for. */
async function delegated(): Promise<string> {
  return tokenWith({ sub: (await t.world.userOf(caller)).id, act: { sub: caller.id } });
}

function actorOf(token: string): string {
  return (decode(token).payload.act as { sub: string }).sub;
}

function revoke(id: string): Promise<unknown> {
  return t.world.write((db) => db.insert(RevokedToken, { id, expiresAt: new Date(Date.now() + 3_600_000) }));
}

interface Loss {
  gone: string;
  token: () => Promise<string>;
  lose: (token: string) => Promise<unknown>;
}

const LOSSES: Loss[] = [
  {
    gone: 'the account is blocked',
    token: tokenWith,
    lose: () => t.world.write((db) => db.update(User, { id: caller.id }, { status: 'BLOCKED' })),
  },
  {
    gone: 'the account is deleted',
    token: tokenWith,
    lose: () => t.world.write((db) => db.delete(User, { id: caller.id })),
  },
  {
    gone: 'the client is deleted',
    token: tokenWith,
    lose: () => t.world.write((db) => db.delete(Client, { id: caller.clientId })),
  },
  {
    gone: 'the token is revoked',
    token: tokenWith,
    lose: (token) => revoke(decode(token).payload.jti as string),
  },
  {
    gone: 'its grant is revoked',
    token: () => tokenWith({ grant_id: randomUUID() }),
    lose: (token) => revoke(decode(token).payload.grant_id as string),
  },
  {
    gone: 'the service account’s key is revoked',
    token: async () => tokenWith({ key_id: await serviceAccountKey() }),
    lose: (token) =>
      t.world.write((db) =>
        db.update(ServiceAccountKey, { id: decode(token).payload.key_id as string }, { revokedAt: new Date() }),
      ),
  },
  {
    gone: 'the service account’s key is deleted',
    token: async () => tokenWith({ key_id: await serviceAccountKey() }),
    lose: (token) =>
      t.world.write((db) => db.delete(ServiceAccountKey, { id: decode(token).payload.key_id as string })),
  },
  {
    gone: 'the service account that acts for the user is blocked',
    token: delegated,
    lose: (token) => t.world.write((db) => db.update(User, { id: actorOf(token) }, { status: 'BLOCKED' })),
  },
  {
    gone: 'the service account that acts for the user is no longer staff',
    token: delegated,
    lose: (token) => t.world.write((db) => db.update(User, { id: actorOf(token) }, { staffOrganizationId: null })),
  },
  {
    gone: 'the service account that acts for the user may let nobody in any more',
    token: delegated,
    lose: (token) => t.world.write((db) => db.delete(AccountPermission, { userId: actorOf(token) })),
  },
  {
    gone: 'the right on the user’s group is taken away',
    token: delegated,
    lose: (token) => t.world.write((db) => db.update(GroupStaff, { userId: actorOf(token) }, { permission: 'VIEW' })),
  },
  {
    gone: 'the user for whom it is has left the group',
    token: delegated,
    lose: (token) => t.world.write((db) => db.delete(Membership, { userId: decode(token).payload.sub as string })),
  },
];

function setStatus(status: User['status']): Promise<unknown> {
  return t.world.write((db) => db.update(User, { id: caller.id }, { status }));
}

describe('S28: a token', () => {
  it.each(LOSSES)('is refused on every instance within two seconds when $gone', async ({ token: make, lose }) => {
    const token = await make();
    for (const url of [t.url, otherUrl]) expect((await ask(token, url)).status).toBe(200);
    await lose(token);
    const end = Date.now() + STALENESS_MS;
    for (const url of [t.url, otherUrl])
      while ((await ask(token, url)).status !== 401) expect(Date.now()).toBeLessThan(end);
    const { status, body, headers } = await ask(token);
    expect({ status, id: body.id, challenge: headers.get('www-authenticate') }).toEqual({
      status: 401,
      id: 'not_authenticated',
      challenge: expect.stringMatching(/^Bearer realm="latchkey", error="invalid_token", error_description="/),
    });
  });

  it.each(LOSSES)('is refused at once by an instance that sees it for the first time when $gone', async (loss) => {
    const token = await loss.token();
    await loss.lose(token);
    expect(outcome(await ask(token))).toEqual([401, 'not_authenticated']);
  });

  it('of a key that is retired at once is refused within two seconds', async () => {
    const token = await tokenWith();
    expect((await ask(token)).status).toBe(200);
    const { kid } = decode(token).header as { kid: string };
    const set = (retiredAt: Date | null): Promise<unknown> =>
      t.world.write((db) => db.update(SigningKey, { kid }, { retiredAt }));
    await set(new Date());
    t.clock.advance(2);
    expect(outcome(await ask(token))).toEqual([401, 'not_authenticated']);
    await set(null);
    expect((await ask(token)).status).toBe(200);
  });

  it('counts again once its account is active again', async () => {
    const token = await tokenWith();
    await setStatus('BLOCKED');
    expect((await ask(token)).status).toBe(401);
    await setStatus('ACTIVE');
    expect((await ask(token)).status).toBe(200);
  });

  it('that was revoked is no wrong guess: its address is not told to wait', async () => {
    const token = await tokenWith();
    await revoke(decode(token).payload.jti as string);
    await ask(token);
    expect(await t.world.write((db) => db.query('SELECT * FROM "failed_attempts"'))).toEqual([]);
  });

  it.each([
    { what: 'an empty grant', claims: { grant_id: '' } },
    { what: 'a key that is no text', claims: { key_id: 4711 } },
    { what: 'no key', claims: { key_id: null } },
    { what: 'an actor that is no object', claims: { act: 'somebody' } },
    { what: 'an actor without a name', claims: { act: {} } },
    { what: 'nobody as actor', claims: { act: null } },
  ])('S9: with $what is refused', async ({ claims }) => {
    expect(outcome(await ask(await tokenWith(claims as never)))).toEqual([401, 'not_authenticated']);
  });
});

/** How often the guard asks the database while `work` runs. */
async function readsDuring(work: () => Promise<unknown>): Promise<number> {
  const read = jest.spyOn(t.nest.get(Database), 'read');
  await work();
  return read.mock.calls.filter(([{ name }]) => name === 'is_token_live').length;
}

describe('the database', () => {
  it('is not asked about a token that it was asked about just now', async () => {
    const token = await tokenWith();
    await ask(token);
    const now = t.clock.now();
    jest.spyOn(t.clock, 'now').mockImplementation(() => now);
    const reads = await readsDuring(async () => {
      for (let i = 0; i < 20; i++) expect((await ask(token)).status).toBe(200);
    });
    expect(reads).toBe(0);
  });

  it('is asked for each of many callers at once, and each gets their own answer', async () => {
    const callers = await Promise.all(Array.from({ length: 20 }, () => t.world.caller()));
    const answers = await Promise.all([...callers, ...callers].map((one) => t.as(one)('/user')));
    expect(answers.map(({ body }) => body.id)).toEqual([...callers, ...callers].map(({ id }) => id));
  });

  it('is asked again after the clock was set back', async () => {
    const token = await tokenWith();
    await ask(token);
    t.clock.advance(-30);
    expect(await readsDuring(() => ask(token))).toBe(1);
  });

  it('lets nobody in while it can’t be asked', async () => {
    const [fresh, stale] = [await tokenWith(), await tokenWith()];
    await ask(stale);
    t.clock.advance(2);
    jest
      .spyOn(t.nest.get(Database), 'read')
      .mockRejectedValue(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    for (const token of [fresh, stale]) expect(outcome(await ask(token))).toEqual([503, 'unavailable']);
    jest.restoreAllMocks();
    for (const token of [fresh, stale]) expect((await ask(token)).status).toBe(200);
  });

  it('has the last word in the policies, also while the guard still believes the token', async () => {
    const { id } = await t.world.userOf(caller);
    const now = t.clock.now().getTime();
    jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(now));
    expect((await t.as(caller)(`/access/${id}`)).status).toBe(200);
    await t.world.write((db) => db.update(User, { id: caller.id }, { status: 'BLOCKED' }));
    expect(outcome(await t.as(caller)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });
});
