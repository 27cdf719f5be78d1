import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { CallerTokensService } from '../../src/clients/caller-tokens.service.js';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { cookieOf, outcome, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { PROXIES } from '../support/asking-proxies.js';
import { runCommand } from '../support/command-line.js';
import type { TestCaller } from '../support/world.js';

const STALENESS_MS = 2000;
const SITE = 'https://learn.a.example';
const FRAME = { 'sec-fetch-dest': 'iframe' };
const WINDOW = { accept: 'text/html', 'sec-fetch-dest': 'document' };

let t: TestApp;
/** The organization whose site it is, and another one. */
let owner: TestCaller;
let stranger: TestCaller;
let strangersUser: string;

beforeAll(async () => {
  t = await TestApp.start({ PUBLIC_URL: 'https://latchkey.test', TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => t.stop());
beforeEach(async () => {
  owner = await t.world.caller({ origins: [SITE] });
  stranger = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_SERVICE_ACCOUNTS'] });
  ({ id: strangersUser } = await t.world.userOf(stranger));
});

/** The same staff, signed in with a client of the other organization. */
async function byClientOfOwner(): Promise<TestCaller> {
  const { clientId } = owner;
  const token = await t.nest.get(CallerTokensService).mint({ by: 'id', id: stranger.id }, 3600, clientId);
  return { ...stranger, clientId, token };
}

function onSite(uri: string, headers: Record<string, string> = {}): Promise<Answer> {
  return PROXIES.traefik(t.url, { site: SITE, uri, headers });
}

async function soon(answer: () => Promise<Answer>, status: number): Promise<void> {
  const end = Date.now() + STALENESS_MS;
  while ((await answer()).status !== status) expect(Date.now()).toBeLessThan(end);
  expect((await answer()).status).toBe(status);
}

describe('S36: no organization gets a session onto a site, a link or a frame of another', () => {
  it('by registering the origin of the site for a client of its own', async () => {
    const fields = { name: 'Host', origins: SITE };
    expect(outcome(await t.send(stranger, 'POST', '/clients', fields))).toEqual([400, 'origin_not_owned']);
    const changed = await t.send(stranger, 'PUT', `/client/${stranger.clientId}`, { origins: SITE });
    expect(outcome(changed)).toEqual([400, 'origin_not_owned']);
    expect((await t.send(stranger, 'POST', '/origins', { origin: SITE })).body.status).toBe('CLAIMED');
    expect(outcome(await t.send(stranger, 'POST', '/clients', fields))).toEqual([400, 'origin_not_owned']);
    const path = `/origin/${encodeURIComponent(SITE)}`;
    expect((await t.send(stranger, 'DELETE', path)).status).toBe(200);
    expect(outcome(await t.send(stranger, 'DELETE', path))).toEqual([404, 'not_found']);
    const cookie = await t.signIn(owner, (await t.world.userOf(owner)).id);
    expect((await onSite('/', { cookie })).status).toBe(200);
  });

  it('by a row that somebody puts into the database', async () => {
    const { clientId, organizationId } = stranger;
    for (const organization of [organizationId, owner.organizationId])
      await expect(
        t.world.write((db) => db.insert(ClientOrigin, { clientId, origin: SITE, organizationId: organization })),
      ).rejects.toThrow(/foreign key/i);
  });

  it('by returnTo, embed or a token in the address of a page, also with a client of the other organization', async () => {
    for (const caller of [stranger, await byClientOfOwner()]) {
      for (const query of [`returnTo=${SITE}/course`, `embed=${SITE}`])
        expect(outcome(await t.as(caller)(`/access/${strangersUser}?${query}`))).toEqual([400, 'incorrect_field']);
      const token = await t.loginToken(caller, strangersUser);
      const answer = await onSite(`/course?oauth_token=${token}`, { ...WINDOW, accept: 'application/json' });
      expect([...outcome(answer), answer.headers.getSetCookie()]).toEqual([403, 'not_authorized', []]);
      expect((await onSite('/', { cookie: cookieOf(await t.login(token)) })).status).toBe(401);
    }
  });

  it('by having the operator register the origin for it in passing', async () => {
    const args = ['clients', 'create', `--organization=${stranger.organizationId}`, '--name=Host', '--origin', SITE];
    expect(await runCommand(t, ...args)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('belongs to another organization'),
    });
  });

  it('by a session, link or frame from when the site was its own', async () => {
    const origin = 'https://sold.example';
    const host = await t.world.caller({ origins: [origin] });
    const { id } = await t.world.userOf(host);
    const link = await t.loginToken(host, id, `?returnTo=${origin}/course`);
    const frame = await t.loginToken(host, id, `?embed=${origin}`);
    const [cookie, embedded] = [
      await t.signIn(host, id),
      cookieOf(await t.login(await t.loginToken(host, id, `?embed=${origin}`), FRAME)),
    ];
    const visit = (): Promise<Answer> => PROXIES.traefik(t.url, { site: origin, headers: { cookie } });
    const inFrame = (): Promise<Answer> => t.call('/session', { headers: { ...FRAME, cookie: embedded } });
    expect([(await visit()).status, (await inFrame()).status]).toEqual([200, 200]);
    expect((await runCommand(t, 'origins', 'add', origin, '-o', owner.organizationId)).code).toBe(0);
    await soon(visit, 401);
    await soon(inFrame, 401);
    // The session itself goes on where it may.
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
    expect(outcome(await t.login(link))).toEqual([401, 'invalid_token']);
    const answer = await t.login(frame, { ...FRAME, accept: 'text/html' });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('and one that the client itself gives up does not come back with the origin', async () => {
    const { id } = await t.world.userOf(owner);
    const embedded = cookieOf(await t.login(await t.loginToken(owner, id, `?embed=${SITE}`), FRAME));
    const admin = await t.world.caller({
      organizationId: owner.organizationId,
      permissions: ['MANAGE_SERVICE_ACCOUNTS'],
    });
    for (const origins of ['', SITE])
      expect((await t.send(admin, 'PUT', `/client/${owner.clientId}`, { origins })).status).toBe(200);
    const answer = await t.call('/session', { headers: { ...FRAME, cookie: embedded } });
    expect(outcome(answer)).toEqual([401, 'not_authenticated']);
    const [event] = await t.nest
      .get(Database)
      .transaction((db) =>
        db.query<{ details: string }[]>(
          `SELECT "details" FROM "audit_events" WHERE "event" = 'SESSION_ENDED' AND "user_id" = '${id}'`,
        ),
      );
    expect(JSON.parse(event!.details)).toEqual({ reason: 'RIGHT_REVOKED' });
  });
});
