import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { ApplicationSessionsService } from '../../src/applications/application-sessions.service.js';
import { LogoutNoticesService } from '../../src/applications/logout-notices.service.js';
import { ApplicationSession } from '../../src/schema/entities/application-session.entity.js';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { SignInsService } from '../../src/sign-ins/sign-ins.service.js';
import type { SignIn } from '../../src/sign-ins/sign-ins.service.js';
import { PasswordsService } from '../../src/users/passwords.service.js';
import { addSeconds } from '../../src/common/clock.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { decode } from '../support/forge.js';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { Instance } from '../support/instance.js';
import { LogoutReceiver } from '../support/logout-receiver.js';
import { authorizeQuery, Browser, newClient, newPerson } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };
const DAY = 24 * 3600;
/** Milliseconds in which nothing happens that would have happened at once. */
const WHILE = 1_200;

let t: TestApp;
/** Administers everything in the organization. */
let admin: TestCaller;
/** Lets `user` in by way of `group`. */
let host: TestCaller;
let user: string;
let group: string;
let receiver: LogoutReceiver;
let application: string;
const others: LogoutReceiver[] = [];

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  ({ id: user, groupId: group } = await t.world.userOf(host));
  receiver = await newReceiver();
  application = await newApplication(receiver.url);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(others.splice(0).map((one) => one.stop()));
  await t.world.write((db) => db.clear(ApplicationSession));
});

async function newReceiver(): Promise<LogoutReceiver> {
  const one = await LogoutReceiver.start();
  others.push(one);
  return one;
}

/** An application of the organization, which receives logout tokens at `url`. */
async function newApplication(url: string | null, more: Partial<Client> = {}): Promise<string> {
  const { id } = await newClient(t, admin.organizationId);
  await t.world.write((db) => db.update(Client, { id }, { backchannelLogoutUri: url, ...more }));
  return id;
}

interface SignedIn {
  cookie: string;
  id: string;
  sid: string;
}

/** A browser in which `userId` is let in and signed in to the applications. */
async function signIn(userId = user, ...clients: string[]): Promise<SignedIn> {
  const token = await t.loginToken(host, userId);
  const answer = await t.login(token);
  const id = decode(token).payload.jti as string;
  for (const clientId of clients.length > 0 ? clients : [application])
    await t.nest.get(ApplicationSessionsService).record({ clientId, userId, sessionId: id, sid: id });
  return { cookie: answer.headers.getSetCookie()[0]!.split(';')[0]!, id, sid: id };
}

function logout({ cookie }: SignedIn): Promise<unknown> {
  return t.call('/logout', { method: 'POST', headers: { cookie, ...SAME_ORIGIN } });
}

/** Keeps this process from looking at what is due, so that another one does. */
function pause(): void {
  jest.spyOn(t.nest.get(LogoutNoticesService) as unknown as { wake: () => void }, 'wake').mockReturnValue();
}

function row(clientId = application): Promise<ApplicationSession> {
  return t.world.write((db) => db.findOneByOrFail(ApplicationSession, { clientId }));
}

/** The row of the application as soon as it is like this. @throws Error after `ms` */
async function rowOnce(
  isRight: (found: ApplicationSession) => boolean,
  clientId = application,
  ms = 2_000,
): Promise<ApplicationSession> {
  const until = performance.now() + ms;
  for (;;) {
    const found = await row(clientId);
    if (isRight(found)) return found;
    if (performance.now() > until) throw new Error(`It is not right within ${ms} ms: ${JSON.stringify(found)}`);
    await setTimeout(10);
  }
}

function rowIn(state: ApplicationSession['state'], clientId = application): Promise<ApplicationSession> {
  return rowOnce((found) => found.state === state, clientId);
}

/** The row after its latest attempt has failed. */
function rowAfter(attempts: number): Promise<ApplicationSession> {
  // The lease is longer than the pauses of the first attempts.
  return rowOnce((found) => found.attempts === attempts && pauseOf(found) !== 30);
}

/** Seconds from the latest attempt to the next one. */
function pauseOf({ nextAt, lastAttemptAt }: ApplicationSession): number {
  return Math.floor((Number(nextAt) - Number(lastAttemptAt)) / 1000);
}

async function ok(call: Promise<Answer>): Promise<void> {
  const { status, text } = await call;
  if (status >= 400) throw new Error(`${status} ${text}`);
}

function put(path: string, fields: Record<string, string>): Promise<void> {
  return ok(t.send(admin, 'PUT', path, fields));
}

function remove(path: string): Promise<void> {
  return ok(t.send(admin, 'DELETE', path));
}

describe('a logout token', () => {
  it.each([
    { algorithm: 'RS256', namesSession: true },
    { algorithm: 'ES256', namesSession: true },
    { algorithm: 'EdDSA', namesSession: false },
  ] as const)(
    'is signed with $algorithm and has the claims of the specification',
    async ({ algorithm, namesSession }) => {
      application = await newApplication(receiver.url, {
        idTokenSignedResponseAlg: algorithm,
        backchannelLogoutSessionRequired: namesSession,
      });
      const session = await signIn();
      await logout(session);
      const [logged] = await receiver.first(1);
      const { body } = await t.call('/oauth/keys');
      const { payload, protectedHeader } = await jwtVerify(logged!.token, createLocalJWKSet(body), {
        issuer: PUBLIC_URL,
        audience: application,
        typ: 'logout+jwt',
        currentDate: t.clock.now(),
      });
      expect([logged!.method, logged!.contentType]).toEqual(['POST', 'application/x-www-form-urlencoded']);
      expect(protectedHeader).toEqual({ alg: algorithm, typ: 'logout+jwt', kid: expect.any(String) });
      expect(payload).toEqual({
        iss: PUBLIC_URL,
        sub: user,
        aud: application,
        iat: expect.any(Number),
        exp: payload.iat! + 120,
        jti: expect.any(String),
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
        ...(namesSession && { sid: session.sid }),
      });
      expect(await rowIn('NOTIFIED')).toMatchObject({ attempts: 1, nextAt: null, lastError: null });
    },
  );
});

describe('an application is told within two seconds', () => {
  it.each<{ cause: string; end: (session: SignedIn) => Promise<unknown> }>([
    { cause: 'the visitor logs out', end: (session) => logout(session) },
    {
      cause: 'the visitor ends the session on another device',
      end: async ({ id }) => {
        const { cookie } = await signIn(user, await newApplication(null));
        return t.call(`/login/sessions/${id}/end`, { method: 'POST', headers: { cookie, ...SAME_ORIGIN } });
      },
    },
    {
      cause: 'another session replaces it',
      end: async ({ cookie }) => {
        const { id: other } = await t.world.userOf(host);
        return t.login(await t.loginToken(host, other, '?session=switch'), { cookie });
      },
    },
    { cause: 'an administrator ends it', end: ({ id }) => remove(`/session/${id}`) },
    { cause: 'an administrator takes its login token back', end: ({ id }) => remove(`/access-token/${id}`) },
    { cause: 'the account is blocked', end: () => put(`/user/${user}`, { status: 'BLOCKED' }) },
    { cause: 'the account is deleted', end: () => remove(`/user/${user}`) },
    {
      cause: 'the account of whoever let the user in is blocked',
      end: () => put(`/user/${host.id}`, { status: 'BLOCKED' }),
    },
    { cause: 'the membership is taken away', end: () => remove(`/group/${group}/members/${user}`) },
    { cause: 'the group is deleted', end: () => remove(`/group/${group}`) },
    { cause: 'the right on the group is taken away', end: () => remove(`/group/${group}/staff/${host.id}/MANAGE`) },
    { cause: 'the permission is taken away', end: () => remove(`/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`) },
    { cause: 'the client that let the user in is deleted', end: () => remove(`/client/${host.clientId}`) },
    {
      cause: 'the session is idle for too long',
      end: async () => t.passIdleTime(),
    },
    { cause: 'the session reaches its longest lifetime', end: async () => t.clock.advance(43_201) },
  ])('when $cause', async ({ end }) => {
    const session = await signIn();
    await end(session);
    const [logged] = await receiver.first(1);
    expect(logged!.claims).toMatchObject({ sub: user, aud: application, sid: session.sid });
    await rowIn('NOTIFIED');
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a right that ends', () => {
  it('ends the session at the application at its time, whenever the time was set', async () => {
    await signIn();
    // The row is looked at, so that only the change below can tell when the session ends.
    t.clock.advance(11);
    await setTimeout(WHILE);
    await put(`/group/${group}/members/${user}`, { validUntil: addSeconds(t.clock.now(), 120).toISOString() });
    await setTimeout(WHILE);
    expect(receiver.received).toEqual([]);
    t.clock.advance(121);
    await receiver.first(1);
  });
});

describe('a session that goes on', () => {
  it('is left alone, however long it is used', async () => {
    const { cookie } = await signIn();
    for (let minutes = 0; minutes < 120; minutes += 20) {
      t.clock.advance(20 * 60);
      expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
      await setTimeout(600);
    }
    expect([await row(), receiver.received]).toEqual([expect.objectContaining({ state: 'LIVE', attempts: 0 }), []]);
  });

  it('is found by the application although another one of the user has ended', async () => {
    const [one, two] = [await signIn(), await signIn()];
    await logout(one);
    await receiver.first(1);
    await setTimeout(WHILE);
    expect(receiver.sids).toEqual([one.sid]);
    await logout(two);
    expect((await receiver.first(2))[1]!.claims.sid).toBe(two.sid);
  });
});

describe('a sign-in session', () => {
  let browser: Browser;
  let person: { id: string; emailAddress: string };
  beforeEach(async () => {
    person = await newPerson(t, admin.organizationId);
    browser = new Browser(t);
    await browser.authorize(authorizeQuery(await newClient(t, admin.organizationId)), person.emailAddress);
    const [{ uid }] = (await t.nest.get(SignInsService, { strict: false }).list(person.id)) as [SignIn];
    await t.nest
      .get(ApplicationSessionsService)
      .record({ clientId: application, userId: person.id, signInUid: uid, sid: 'sid of the engine' });
  });

  it.each<{ cause: string; end: () => Promise<unknown> }>([
    { cause: 'the person signs out', end: () => browser.open('/logout', {}) },
    { cause: 'the account is blocked', end: () => put(`/user/${person.id}`, { status: 'BLOCKED' }) },
    {
      cause: 'the password changes',
      end: () => t.nest.get(PasswordsService, { strict: false }).set(person.id, 'an entirely new password'),
    },
    { cause: 'it is idle for too long', end: async () => t.passIdleTime() },
  ])('is ended at the application within two seconds when $cause', async ({ end }) => {
    await end();
    const [logged] = await receiver.first(1);
    expect(logged!.claims).toMatchObject({ sub: person.id, aud: application, sid: 'sid of the engine' });
  });

  it('goes on when the person signs in again in it', async () => {
    const client = await newClient(t, admin.organizationId);
    await browser.authorize(authorizeQuery(client, { prompt: 'login' }), person.emailAddress);
    await setTimeout(WHILE);
    t.clock.advance(600);
    await setTimeout(WHILE);
    expect([await row(), receiver.received]).toEqual([expect.objectContaining({ state: 'LIVE' }), []]);
  });
});

describe('an application that does not confirm', () => {
  it('gets a new token after each pause, which grows, until it confirms', async () => {
    receiver.answer = (response) => response.writeHead(503).end('{"error":"busy"}');
    await logout(await signIn());
    const pauses: number[] = [];
    for (let attempts = 1; attempts <= 12; attempts++) {
      const failed = await rowAfter(attempts);
      expect(failed).toMatchObject({ state: 'DUE', lastError: 'It answers with status 503.' });
      pauses.push(pauseOf(failed));
      if (attempts === 12) receiver.answer = (response) => response.writeHead(204).end();
      t.clock.advance(pauseOf(failed) + 1);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    expect(await rowIn('NOTIFIED')).toMatchObject({ attempts: 13, lastError: null });
    expect(new Set(receiver.received.map(({ claims }) => claims.jti)).size).toBe(13);
  }, 60_000);

  it('is given up after a day, which is recorded', async () => {
    receiver.answer = (response) => response.writeHead(400).end();
    const { id } = await signIn();
    await remove(`/session/${id}`);
    await rowAfter(1);
    t.clock.advance(DAY);
    expect(await rowIn('FAILED')).toMatchObject({ nextAt: null, lastError: 'It answers with status 400.' });
    t.clock.advance(DAY);
    await setTimeout(WHILE);
    expect(receiver.received).toHaveLength(2);
    const events = await t.world.write((db) => db.findBy(AuditEvent, { event: 'LOGOUT_NOTICE_FAILED', userId: user }));
    expect(events).toEqual([
      expect.objectContaining({
        organizationId: admin.organizationId,
        actorId: null,
        clientId: null,
        tokenId: id,
      }),
    ]);
    expect(JSON.parse(String(events[0]!.details))).toEqual({ client: application });
  });

  it.each([
    {
      what: 'a redirect',
      answer: (response: ServerResponse) => response.writeHead(307, { location: receiver.url }).end(),
      error: 'It answers with status 307.',
    },
    {
      what: 'a status that is no confirmation',
      answer: (response: ServerResponse) => response.writeHead(202).end(),
      error: 'It answers with status 202.',
    },
    {
      what: 'an answer that breaks off',
      answer: (response: ServerResponse) => response.destroy(),
      error: /^It can't be reached: /,
    },
  ])('$what does not count as one that does', async ({ answer, error }) => {
    receiver.answer = answer;
    await logout(await signIn());
    await receiver.first(1);
    await receiver.first(2, 4_000);
    expect(receiver.received[1]!.at - receiver.received[0]!.at).toBeGreaterThan(900);
    expect(await row()).toMatchObject({ state: 'DUE', lastError: expect.stringMatching(error) });
  });

  it('holds up no other: a hundred sessions at one that never answers, and one elsewhere', async () => {
    const silent = await newReceiver();
    silent.answer = () => undefined;
    const silentApplication = await newApplication(silent.url);
    for (let n = 0; n < 100; n++) await signIn(user, silentApplication);
    const last = await signIn(user, silentApplication, application);
    await put(`/user/${user}`, { status: 'BLOCKED' });
    expect((await receiver.first(1))[0]!.claims.sid).toBe(last.sid);
    await setTimeout(WHILE);
    expect(silent.received).toHaveLength(4);
  });
});

describe('an application without an address for logout tokens', () => {
  it('is known to have had the session', async () => {
    const clientId = await newApplication(null);
    await logout(await signIn(user, clientId));
    expect(await rowIn('ENDED', clientId)).toMatchObject({ attempts: 0, nextAt: null, endedAt: expect.anything() });
  });
});

describe('a session that is recorded again', () => {
  it('is live again, because the application has got a code', async () => {
    const session = await signIn();
    await logout(session);
    await receiver.first(1);
    await rowIn('NOTIFIED');
    await t.nest
      .get(ApplicationSessionsService)
      .record({ clientId: application, userId: user, sessionId: session.id, sid: session.sid });
    expect(await row()).toMatchObject({ state: 'LIVE', attempts: 0, endedAt: null });
    t.clock.advance(11);
    await receiver.first(2);
  });

  it('has one row for each application', async () => {
    const other = await newApplication(receiver.url);
    const { id } = await signIn(user, application, other, application);
    await remove(`/session/${id}`);
    const tokens = await receiver.first(2);
    await setTimeout(WHILE);
    expect(receiver.received).toHaveLength(2);
    expect(tokens.map(({ claims }) => claims.aud).toSorted()).toEqual([application, other].toSorted());
  });
});

describe('several instances', () => {
  it('send each token once', async () => {
    const instances = [await TestApp.startOnSameDatabase(), await TestApp.startOnSameDatabase()];
    try {
      const sessions: SignedIn[] = [];
      for (let n = 0; n < 40; n++) sessions.push(await signIn());
      await put(`/user/${user}`, { status: 'BLOCKED' });
      await receiver.first(40, 5_000);
      await setTimeout(WHILE);
      expect(receiver.sids).toEqual(sessions.map(({ sid }) => sid).toSorted());
    } finally {
      for (const { nest } of instances) await nest.close();
    }
  });

  it('that end wait for the answers to what they have sent', async () => {
    const other = await TestApp.startOnSameDatabase();
    const responses: ServerResponse[] = [];
    receiver.answer = (response) => void responses.push(response);
    const sessions: SignedIn[] = [];
    for (let n = 0; n < 8; n++) sessions.push(await signIn());
    await put(`/user/${user}`, { status: 'BLOCKED' });
    await receiver.first(8);
    const closed = other.nest.close();
    expect(await Promise.race([closed, setTimeout(WHILE, 'waits')])).toBe('waits');
    for (const response of responses) response.writeHead(200).end();
    await closed;
    await setTimeout(WHILE);
    const rows = await t.world.write((db) => db.find(ApplicationSession));
    expect(rows.map(({ state, attempts }) => [state, attempts])).toEqual(sessions.map(() => ['NOTIFIED', 1]));
  });

  it('that are killed lose nothing: another one sends the tokens again', async () => {
    let isDead = true;
    receiver.answer = (response) => {
      if (!isDead) response.writeHead(200).end();
    };
    pause();
    const instance = await Instance.start();
    const session = await signIn();
    await logout(session);
    await receiver.first(1, 5_000);
    await instance.stop('SIGKILL');
    expect(await row()).toMatchObject({ state: 'DUE', attempts: 1 });
    isDead = false;
    jest.restoreAllMocks();
    t.clock.advance(25);
    await setTimeout(WHILE);
    expect(receiver.received).toHaveLength(1);
    t.clock.advance(6);
    await rowIn('NOTIFIED');
    expect(receiver.sids).toEqual([session.sid, session.sid]);
  });
});

describe('in production', () => {
  it.each([
    { networks: '10.0.0.0/8', state: 'DUE', error: 'The site has no public address.', count: 0 },
    { networks: '127.0.0.0/8', state: 'NOTIFIED', error: null, count: 1 },
  ] as const)(
    'a private address is asked only if the operator allows it: $networks',
    async ({ networks, state, error, count }) => {
      pause();
      const { nest } = await TestApp.startOnSameDatabase({
        NODE_ENV: 'production',
        PUBLIC_URL: 'https://latchkey.test',
        ORIGIN_PROOF_NETWORKS: networks,
      });
      try {
        await logout(await signIn());
        await rowIn(state);
        await setTimeout(WHILE);
        expect(await row()).toMatchObject({ state, lastError: error });
        expect(receiver.received).toHaveLength(count);
      } finally {
        await nest.close();
      }
    },
  );
});

describe('what is over', () => {
  it('is deleted with the rest of the record, and what is not is kept', async () => {
    const [notices, live] = [t.nest.get(LogoutNoticesService), await newApplication(null)];
    await logout(await signIn());
    await rowIn('NOTIFIED');
    await signIn(user, live);
    t.clock.advance(400 * DAY - 60);
    await notices.prune();
    expect(await row()).toMatchObject({ state: 'NOTIFIED' });
    t.clock.advance(120);
    await notices.prune();
    const rows = await t.world.write((db) => db.find(ApplicationSession));
    expect(rows.map(({ clientId }) => clientId)).toEqual([live]);
  });
});
