import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ApplicationSessionsService } from '../../src/applications/application-sessions.service.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { outcome, TestApp } from '../support/app.js';
import { decode } from '../support/forge.js';
import { LogoutReceiver } from '../support/logout-receiver.js';
import { newClient } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

let t: TestApp;
/** Administers everything in the organization, and lets `user` in. */
let admin: TestCaller;
let user: string;
let receiver: LogoutReceiver;
let application: string;

beforeAll(async () => {
  t = await TestApp.start();
  receiver = await LogoutReceiver.start();
});
afterAll(async () => {
  await t.stop();
  await receiver.stop();
});
beforeEach(async () => {
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  ({ id: user } = await t.world.userOf(admin));
  application = await newApplication();
});
afterEach(() => {
  receiver.answer = (response) => response.writeHead(200).end();
  receiver.received.length = 0;
});

async function newApplication(): Promise<string> {
  const { id } = await newClient(t, admin.organizationId);
  await t.world.write((db) => db.update(Client, { id }, { name: 'Moodle', backchannelLogoutUri: receiver.url }));
  return id;
}

/** A session of `user` that has signed in to the applications. */
async function signIn(...clients: string[]): Promise<string> {
  const token = await t.loginToken(admin, user);
  await t.login(token);
  const sessionId = decode(token).payload.jti as string;
  for (const clientId of clients)
    await t.nest.get(ApplicationSessionsService).record({ clientId, userId: user, sessionId, sid: sessionId });
  return sessionId;
}

async function end(sessionId: string): Promise<void> {
  await t.send(admin, 'DELETE', `/session/${sessionId}`);
}

describe('GET session/{id}/applications', () => {
  it('lists where the session has signed its user in, and what became of it', async () => {
    const silent = await newClient(t, admin.organizationId);
    const session = await signIn(application, silent.id);
    const applications = async (): Promise<unknown> =>
      (await t.as(admin)(`/session/${session}/applications`)).body.applications;
    const [moodle, other] = [
      { client: { id: application, name: 'Moodle' }, signedIn: INSTANT },
      { client: { id: silent.id, name: 'Host <system>' }, signedIn: INSTANT },
    ];
    expect(await applications()).toEqual([
      { ...moodle, status: 'LIVE', attempts: 0 },
      { ...other, status: 'LIVE', attempts: 0 },
    ]);
    await end(session);
    await receiver.first(1);
    await setTimeout(300);
    expect(await applications()).toEqual([
      { ...moodle, status: 'NOTIFIED', attempts: 1, ended: INSTANT, lastAttempt: INSTANT },
      { ...other, status: 'ENDED', attempts: 0, ended: INSTANT },
    ]);
  });

  it('is empty for a session that has signed in nowhere', async () => {
    const { status, body } = await t.as(admin)(`/session/${await signIn()}/applications`);
    expect({ status, body }).toEqual({ status: 200, body: { applications: [] } });
  });

  it('needs MANAGE_USERS in the organization that manages the user', async () => {
    const session = await signIn(application);
    const { organizationId } = admin;
    const host = await t.world.caller({ organizationId });
    const elsewhere = await t.world.caller({ permissions: [...PERMISSIONS] });
    const ask = async (caller: TestCaller, id: string): Promise<unknown> =>
      outcome(await t.as(caller)(`/session/${id}/applications`));
    expect(await ask(host, session)).toEqual([403, 'not_permitted']);
    expect(await ask(elsewhere, session)).toEqual([404, 'not_found']);
    expect(await ask(admin, 'nothing')).toEqual([404, 'not_found']);
  });
});

describe('GET client/{id}/logouts', () => {
  it('lists what the application has not confirmed, the latest first, in pages', async () => {
    receiver.answer = (response) => response.writeHead(503).end();
    const sessions: string[] = [];
    for (let n = 0; n < 3; n++) {
      sessions.unshift(await signIn(application));
      await end(sessions[0]!);
      await receiver.first(n + 1);
      await setTimeout(20);
    }
    await setTimeout(300);
    const list = async (query: string): Promise<{ logouts: { session: string }[]; pagination: object }> =>
      (await t.as(admin)(`/client/${application}/logouts?${query}`)).body;
    const { logouts, pagination } = await list('resultSize=2');
    expect(logouts[0]).toEqual({
      user: { id: user, name: 'Noor de Vries' },
      session: sessions[0],
      status: 'DUE',
      attempts: expect.any(Number),
      ended: INSTANT,
      lastAttempt: INSTANT,
      nextAttempt: INSTANT,
      error: 'It answers with status 503.',
    });
    expect(logouts.map(({ session }) => session)).toEqual(sessions.slice(0, 2));
    const last = expect.stringMatching(/^\d+-[\w-]{22}$/);
    expect(pagination).toEqual({ total: 3, lastOnPage: last, moreAvailable: true });
    const { lastOnPage } = pagination as { lastOnPage: string };
    const next = await list(`resultFrom=${lastOnPage}`);
    expect(next.logouts.map(({ session }) => session)).toEqual(sessions.slice(2));
    expect(next.pagination).toEqual({ total: 3, lastOnPage: last, moreAvailable: false });
    receiver.answer = (response) => response.writeHead(200).end();
    t.clock.advance(900);
    for (let n = 0; n < 40 && (await list('')).logouts.length > 0; n++) await setTimeout(50);
    expect(await list('')).toEqual({ logouts: [], pagination: { total: 0, moreAvailable: false } });
    t.clock.reset();
  });

  it('still lists the logout of an account that has been deleted', async () => {
    receiver.answer = (response) => response.writeHead(503).end();
    await signIn(application);
    await t.send(admin, 'DELETE', `/user/${user}`);
    await receiver.first(1);
    const { body } = await t.as(admin)(`/client/${application}/logouts`);
    expect(body.logouts).toEqual([expect.objectContaining({ user: { id: user }, status: 'DUE' })]);
  });

  it('needs MANAGE_SERVICE_ACCOUNTS in the organization of the client', async () => {
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const elsewhere = await t.world.caller({ permissions: [...PERMISSIONS] });
    const ask = async (caller: TestCaller, query = ''): Promise<unknown> =>
      outcome(await t.as(caller)(`/client/${application}/logouts${query}`));
    expect(await ask(host)).toEqual([403, 'not_permitted']);
    expect(await ask(elsewhere)).toEqual([404, 'not_found']);
    expect(await ask(admin, '?resultFrom=nowhere')).toEqual([400, 'invalid_request']);
    expect(await ask(admin, '?resultSize=0')).toEqual([400, 'invalid_result_size']);
  });
});
