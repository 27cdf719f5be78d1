import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { hashSecret, newSecret } from '../src/common/id.js';
import { toInstant } from '../src/database/database.js';
import { instantOfLogin, loginOfToken, readLoginId } from '../src/common/login-id.js';
import { MIGRATIONS } from '../src/schema/migrations.js';
import { RecordEachLoginOnce1797000000000 } from '../src/schema/migrations/1797000000000-RecordEachLoginOnce.js';
import { TokensService } from '../src/tokens/tokens.service.js';
import { cookieOf, PUBLIC_URL, TestApp } from './support/app.js';
import { decode } from './support/forge.js';
import type { TestCaller } from './support/world.js';

const UNDONE = MIGRATIONS.slice(MIGRATIONS.indexOf(RecordEachLoginOnce1797000000000));

/** A database of before logins had their present tables, which the upgrade has to go on with. */
let t: TestApp;
let caller: TestCaller;
let user: string;
let groupId: string;
const now = new Date();

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'VIEW_AUDIT_LOG', 'MANAGE_USERS'] });
  ({ id: user, groupId } = await t.world.userOf(caller));
  const db = t.nest.get(DataSource);
  const isPostgres = db.options.type === 'postgres';
  const writer = isPostgres ? db : await new DataSource(db.options).initialize();
  for (const _ of UNDONE) await writer.undoLastMigration({ transaction: 'each' });
  await insertEarlier(writer, isPostgres);
  await writer.runMigrations({ transaction: 'each' });
  if (writer !== db) await writer.destroy();
});
afterAll(() => t.stop());

const secrets = { live: newSecret(), ended: newSecret(), over: newSecret() };
const tokens = { live: randomUUID(), ended: randomUUID(), over: randomUUID(), unused: randomUUID() };

function at(seconds: number): string {
  return new Date(now.getTime() + seconds * 1000).toISOString().replace('T', ' ').replace('Z', '');
}

async function insertEarlier(db: DataSource, isPostgres: boolean): Promise<void> {
  const insert = (table: string, row: Record<string, unknown>): Promise<unknown> => {
    const names = Object.keys(row);
    const places = names.map((_, index) => (isPostgres ? `$${index + 1}` : '?'));
    const values = Object.values(row).map((value) =>
      typeof value === 'boolean' && !isPostgres ? Number(value) : value,
    );
    return db.query(
      `INSERT INTO "${table}" (${names.map((name) => `"${name}"`).join(', ')}) VALUES (${places.join(', ')})`,
      values,
    );
  };
  const zone = isPostgres ? '+00' : '';
  const token = (id: string, issued: number, expires: number): Promise<unknown> =>
    insert('login_tokens', {
      id,
      user_id: user,
      caller_id: caller.id,
      client_id: caller.clientId,
      group_id: groupId,
      issued_at: at(issued) + zone,
      expires_at: at(expires) + zone,
      secure: false,
      return_to: '/course',
      organization_id: caller.organizationId,
    });
  const session = (
    secret: string,
    tokenId: string,
    created: number,
    expires: number,
    ended: number | null,
  ): Promise<unknown> =>
    insert('sessions', {
      id: hashSecret(secret).slice(0, 22),
      secret_hash: hashSecret(secret),
      user_id: user,
      login_token_id: tokenId,
      secure: false,
      created_at: at(created) + zone,
      last_seen_at: at(created) + zone,
      expires_at: at(expires) + zone,
      ended_at: ended === null ? null : at(ended) + zone,
      device: 'Firefox on Windows',
      organization_id: caller.organizationId,
    });
  await token(tokens.live, -600, -480);
  await session(secrets.live, tokens.live, -590, 40_000, null);
  await token(tokens.ended, -60, 600);
  await session(secrets.ended, tokens.ended, -50, 40_000, -10);
  await token(tokens.over, -90_000, -89_880);
  await session(secrets.over, tokens.over, -89_990, -46_000, null);
  await token(tokens.unused, -30, 600);
}

function issuedAt(seconds: number): number {
  return Math.floor((now.getTime() + seconds * 1000) / 1000);
}

function tokenOf(jti: string, iat: number): Promise<string> {
  return t.nest.get(TokensService, { strict: false }).sign('login', {
    sub: user,
    jti,
    iat,
    exp: issuedAt(600),
    client_id: caller.clientId,
    authorities: ['ROLE_USER'],
    scope: ['ROLE_USER'],
    act: { sub: caller.id },
  });
}

const who = async (secret: string): Promise<number> =>
  (await t.call('/session', { headers: { cookie: `latchkey=${secret}` } })).status;

it('a live session stays, with the cookie that its browser has, and sessions that were over stay over', async () => {
  expect([await who(secrets.live), await who(secrets.ended), await who(secrets.over)]).toEqual([200, 401, 401]);
});

it('a token that is out starts one session, and a used one none, under the jti that they have', async () => {
  const unused = await tokenOf(tokens.unused, issuedAt(-30));
  const started = await t.login(unused);
  expect([started.status, started.headers.get('location')]).toEqual([303, '/course']);
  expect((await t.call('/session', { headers: { cookie: cookieOf(started) } })).status).toBe(200);
  expect((await t.login(unused)).body.id).toBe('token_used');
  expect((await t.login(await tokenOf(tokens.ended, issuedAt(-60)))).body.id).toBe('token_used');
});

it('keeps what still counts, and no more', async () => {
  const ids = (await t.world.loginTokensOf(user)).map(({ id }) => readLoginId(id));
  const kept = [
    loginOfToken({ jti: tokens.live, iat: issuedAt(-600) }),
    loginOfToken({ jti: tokens.ended, iat: issuedAt(-60) }),
    loginOfToken({ jti: tokens.unused, iat: issuedAt(-30) }),
  ];
  expect(ids).toEqual(kept);
  const { body } = await t.as(caller)('/sessions');
  expect(body.sessions.map(({ id }: { id: string }) => id)).toContain(kept[0]);
});

it('has each event once in the record: those of before had rows of their own', async () => {
  const { body } = await t.as(caller)(`/audit?user=${user}&resultSize=100`);
  const events = body.events.map(({ event, token }: { event: string; token: string }) => `${event} ${token}`);
  expect(new Set(events).size).toBe(events.length);
  const own = loginOfToken({ jti: tokens.unused, iat: issuedAt(-30) });
  expect(events).toContain(`SESSION_STARTED ${own}`);
  expect(events).not.toContain(`ACCESS_ISSUED ${own}`);
});

it('still knows the last login of somebody who has not come since', async () => {
  const { body } = await t.as(caller)(`/user/${user}`);
  expect(Date.parse(body.lastLogin)).toBeGreaterThanOrEqual(now.getTime() - 90_000_000);
});

it('ends with its cookie', async () => {
  const headers = { cookie: `latchkey=${secrets.live}`, origin: PUBLIC_URL };
  expect((await t.call('/logout', { method: 'POST', headers })).status).toBeLessThan(400);
  expect(await who(secrets.live)).toBe(401);
});

it('going back keeps the events of logins, with their instants', async () => {
  const token = await t.loginToken(caller, user);
  const id = decode(token).payload.jti as string;
  const startedAt = t.clock.now().getTime();
  expect((await t.login(token)).status).toBe(303);
  const db = t.nest.get(DataSource);
  const writer = db.options.type === 'postgres' ? db : await new DataSource(db.options).initialize();
  for (const _ of UNDONE) await writer.undoLastMigration({ transaction: 'each' });
  const rows = await writer.query<{ event: string; at: Date | string; token_id: string; actor_id: string }[]>(
    `SELECT "event", "at", "token_id", "actor_id" FROM "audit_events" WHERE "token_id" = '${id}' ORDER BY "at", "event"`,
  );
  await writer.runMigrations({ transaction: 'each' });
  if (writer !== db) await writer.destroy();
  expect(rows.map(({ event, actor_id }) => [event, actor_id])).toEqual([
    ['ACCESS_ISSUED', caller.id],
    ['SESSION_STARTED', caller.id],
  ]);
  expect(toInstant(rows[0]!.at)).toEqual(instantOfLogin(id));
  expect(toInstant(rows[1]!.at).getTime()).toBeGreaterThanOrEqual(startedAt);
});
