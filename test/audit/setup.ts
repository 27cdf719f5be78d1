import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { AUDIT_EVENTS } from '../../src/schema/entities/audit-events.js';
import type { AuditEventName } from '../../src/schema/entities/audit-events.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { readLoginId } from '../../src/common/login-id.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { decode } from '../support/forge.js';
import type { TestCaller } from '../support/world.js';

export let t: TestApp;
/** Administers everything in the organization. */
export let admin: TestCaller;
/** Lets `user` in by way of `group`. */
export let host: TestCaller;
export let user: string;
export let group: string;
const recorded = new Set<string>();

/** Starts the service for the tests of a file. Each test has an organization of its own. */
export function setUp(): void {
  beforeAll(async () => {
    t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  });
  afterAll(() => t.stop());
  beforeEach(async () => {
    t.clock.reset();
    admin = await t.world.caller({ permissions: [...PERMISSIONS] });
    host = await t.world.caller({ organizationId: admin.organizationId });
    ({ id: user, groupId: group } = await t.world.userOf(host));
  });
}

export type Row = Partial<Omit<AuditEvent, 'id' | 'at'>>;

type Recorded = Row & { key: string };

/** The events that have rows of their own, and then those that are the rows of logins, each the oldest first. */
async function everything(): Promise<Recorded[]> {
  const events = await t.world.write((db) => db.find(AuditEvent, { order: { id: 'ASC' } }));
  const others = events.map((row) =>
    Object.assign(row, {
      key: String(row.id),
      sessionId: row.sessionId ?? (row.event === 'SESSION_ENDED' ? row.tokenId : null),
    }),
  );
  return [...(await logins()), ...others];
}

async function logins(): Promise<Recorded[]> {
  const rows = await t.world.write((db) =>
    db.query<(Omit<Row, 'event'> & { id: Buffer | string; startedAt: number | string | null })[]>(
      `SELECT t."id", t."user_id" AS "userId", d."caller_id" AS "actorId", d."client_id" AS "clientId", d."group_id" AS "groupId",
              d."organization_id" AS "organizationId", s."created_at" AS "startedAt"
       FROM "login_tokens" t JOIN "delegations" d ON d."id" = t."delegation_id" LEFT JOIN "sessions" s ON s."id" = t."id" ORDER BY t."id"`,
    ),
  );
  const event = (row: (typeof rows)[number], name: AuditEventName, sessionId: string | null): Recorded => {
    const { id, userId, actorId, clientId, groupId, organizationId } = row;
    const tokenId = readLoginId(id);
    return {
      key: `${tokenId} ${name}`,
      event: name,
      tokenId,
      sessionId,
      userId,
      actorId,
      clientId,
      groupId,
      organizationId,
    };
  };
  const issued = rows.map((row) => event(row, 'ACCESS_ISSUED', null));
  const started = rows
    .filter(({ startedAt }) => startedAt !== null)
    .map((row) => event(row, 'SESSION_STARTED', readLoginId(row.id)));
  return [...issued, ...started];
}

/** What is recorded by `action`: the columns that are filled in, in the order of time, without the request's ID. */
export async function recordedBy(action: () => Promise<unknown>): Promise<Row[]> {
  const before = new Set((await everything()).map(({ key }) => key));
  await action();
  const rows = (await everything()).filter(({ key }) => !before.has(key));
  return rows.map((row) => {
    recorded.add(row.event!);
    return Object.fromEntries(
      Object.entries(row)
        .filter(([name, value]) => value !== null && !['key', 'id', 'at', 'requestId'].includes(name))
        .map(([name, value]) => [name, name === 'details' ? JSON.parse(value as string) : value]),
    );
  });
}

/** The columns that are the same in most rows: who did it, in whose organization. */
export function by(caller: TestCaller): { organizationId: string; actorId: string; clientId: string } {
  return { organizationId: caller.organizationId, actorId: caller.id, clientId: caller.clientId };
}

export function put(caller: TestCaller, path: string, fields: Record<string, string> = {}): Promise<Answer> {
  return ok(t.send(caller, 'PUT', path, fields));
}

export function remove(caller: TestCaller, path: string): Promise<Answer> {
  return ok(t.send(caller, 'DELETE', path));
}

export async function ok(call: Promise<Answer>): Promise<Answer> {
  const answer = await call;
  if (answer.status >= 400) throw new Error(`${answer.status} ${answer.text}`);
  return answer;
}

export function jtiOf(token: string): string {
  return decode(token).payload.jti as string;
}

type File =
  | 'administration'
  | 'logins'
  | 'authorization-server'
  | '../passkeys'
  | '../revoke-all'
  | '../applications/logout-notices'
  | '../webhooks/administration';

/** The file beside this one whose tests record the event. */
const RECORDED_IN: Record<AuditEventName, File> = {
  ACCESS_ISSUED: 'logins',
  ACCESS_REASON_GIVEN: 'logins',
  ACCESS_REFUSED: 'logins',
  ACCESS_REVOKED: 'logins',
  SESSION_STARTED: 'logins',
  SESSION_REFUSED: 'logins',
  SESSION_ENDED: 'logins',
  LOGOUT_NOTICE_FAILED: '../applications/logout-notices',
  ACCOUNT_CREATED: 'administration',
  ACCOUNT_CHANGED: 'administration',
  ACCOUNT_BLOCKED: 'administration',
  ACCOUNT_UNBLOCKED: 'administration',
  ACCOUNT_DELETED: 'administration',
  ACCOUNTS_IMPORTED: 'administration',
  EMAIL_ADDRESS_ADDED: 'administration',
  EMAIL_ADDRESS_LINK_MADE: 'administration',
  EMAIL_ADDRESS_VERIFIED: 'administration',
  EMAIL_ADDRESS_REMOVED: 'administration',
  THIRD_PARTY_ID_ASSIGNED: 'administration',
  THIRD_PARTY_ID_REMOVED: 'administration',
  PERMISSION_GRANTED: 'administration',
  PERMISSION_REVOKED: 'administration',
  ORGANIZATION_CREATED: 'administration',
  THIRD_PARTY_ADDED: 'administration',
  STAFF_APPOINTED: 'administration',
  STAFF_DISMISSED: 'administration',
  GROUP_CREATED: 'administration',
  GROUP_CHANGED: 'administration',
  GROUP_DELETED: 'administration',
  GROUP_RIGHT_GRANTED: 'administration',
  GROUP_RIGHT_REVOKED: 'administration',
  MEMBER_JOINED: 'administration',
  MEMBER_INVITED: 'administration',
  MEMBER_CHANGED: 'administration',
  MEMBER_REMOVED: 'administration',
  INVITATION_ACCEPTED: 'administration',
  INVITATION_DECLINED: 'administration',
  CLIENT_CREATED: 'administration',
  CLIENT_CHANGED: 'administration',
  CLIENT_DELETED: 'administration',
  CLIENT_SECRET_ADDED: 'administration',
  CLIENT_SECRET_REMOVED: 'administration',
  WEBHOOK_CREATED: '../webhooks/administration',
  WEBHOOK_CHANGED: '../webhooks/administration',
  WEBHOOK_KEY_ADDED: '../webhooks/administration',
  WEBHOOK_REPLAYED: '../webhooks/administration',
  WEBHOOK_DISABLED: '../webhooks/administration',
  WEBHOOK_DELETED: '../webhooks/administration',
  ORIGIN_ADDED: 'administration',
  ORIGIN_REMOVED: 'administration',
  SERVICE_ACCOUNT_CREATED: 'administration',
  SERVICE_ACCOUNT_DELETED: 'administration',
  SERVICE_ACCOUNT_KEY_ADDED: 'administration',
  SERVICE_ACCOUNT_KEY_REVOKED: 'administration',
  PASSWORD_SET: 'authorization-server',
  PASSWORD_LINK_MADE: 'authorization-server',
  PASSKEY_ADDED: '../passkeys',
  PASSKEY_REMOVED: '../passkeys',
  RECOVERY_CODES_MADE: '../passkeys',
  RECOVERY_CODE_USED: '../passkeys',
  PASSKEYS_REQUIRED: '../passkeys',
  PASSKEYS_NOT_REQUIRED: '../passkeys',
  SIGN_IN_SUCCEEDED: 'authorization-server',
  SIGN_IN_FAILED: 'authorization-server',
  CONSENT_GIVEN: 'authorization-server',
  CONSENT_DENIED: 'authorization-server',
  TOKEN_ISSUED: 'authorization-server',
  TOKEN_REFRESHED: 'authorization-server',
  TOKEN_REVOKED: 'authorization-server',
  TOKEN_REPLAYED: 'authorization-server',
  ASSERTION_USED: 'authorization-server',
  ASSERTION_REFUSED: 'authorization-server',
  SIGNING_KEY_ADDED: 'administration',
  SIGNING_KEY_REVOKED: 'administration',
  ALL_REVOKED: '../revoke-all',
};

/** The last test of a file: the tests above it have recorded every event that `RECORDED_IN` gives to the file. */
export function itHasRecordedAllOf(file: File): void {
  it('every event that belongs in this file was recorded by one of the tests above', () => {
    const own = AUDIT_EVENTS.filter((event) => RECORDED_IN[event] === file);
    expect(own.filter((event) => !recorded.has(event))).toEqual([]);
  });
}
