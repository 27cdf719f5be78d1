import { firstLoginAt, toBytes } from '../common/login-id.js';
import { addSeconds } from '../common/clock.js';
import { LONGEST_LOGIN_TOKEN_SECONDS } from '../config/settings.js';
import type { Database } from '../database/database.js';
import type { Parameter, Statement } from '../database/statement.js';
import { LOGIN_COLUMNS, toIssued, toStarted } from '../record-feed/login-rows.js';
import type { LoginRow } from '../record-feed/login-rows.js';
import { RANK } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import type { LoginEvent } from '../record-feed/recorded-events.js';
import { STARTED_AT } from '../record-feed/started-at.js';
import { LOGINS } from '../rights/grants.js';

/** What an event must match. Each field is a range of an index. */
export interface LoginFilter {
  organizationId?: string;
  user?: string;
  actor?: string;
  client?: string;
  group?: string;
  /** The ID of the login. */
  token?: string;
}

/** A range of time, `from` inclusive and `to` exclusive. */
export interface Period {
  from: Date;
  to: Date;
}

const CONDITIONS: Record<keyof LoginFilter, (value: string) => string> = {
  organizationId: (value) =>
    `t."organization_number" = (SELECT n."number" FROM "organization_numbers" n WHERE n."organization_id" = ${value})`,
  user: (value) => `t."user_id" = ${value}`,
  actor: (value) => `d."caller_id" = ${value}`,
  client: (value) => `d."client_id" = ${value}`,
  group: (value) => `d."group_id" = ${value}`,
  token: (value) => `t."id" = ${value}`,
};
const NAMES = Object.keys(CONDITIONS) as (keyof LoginFilter)[];

/** The condition that the given fields match, from `$1` in the order of `CONDITIONS`. */
function matching(filter: LoginFilter): { sql: string; parameters: Parameter[]; name: string } {
  const given = NAMES.filter((name) => filter[name] !== undefined);
  return {
    sql: given.map((name, index) => CONDITIONS[name](`$${index + 1}`)).join(' AND '),
    parameters: given.map((name) => (name === 'token' ? toBytes(filter[name]!) : filter[name]!)),
    name: given.join('_'),
  };
}

/** Statements are made once for each set of fields, because they are prepared once. */
const statements = new Map<string, Statement>();

function statementNamed(name: string, sql: () => string): Statement {
  const known = statements.get(name);
  if (known) return known;
  const made = { name, sql: sql() };
  statements.set(name, made);
  return made;
}

const STARTED = `${LOGINS} JOIN "sessions" s ON s."id" = t."id"`;

/** The tokens that were issued in the period, before the position, the latest first. */
async function findIssued(
  database: Database,
  filter: LoginFilter,
  { from, to }: Period,
  before: Position | null,
  limit: number,
): Promise<LoginEvent[]> {
  const { sql, parameters, name } = matching(filter);
  const [first, end, count] = [1, 2, 3].map((n) => `$${parameters.length + n}`);
  const statement = statementNamed(
    `find_issued_of_${name}`,
    () => `SELECT ${LOGIN_COLUMNS} FROM ${LOGINS}
          WHERE ${sql} AND t."id" >= ${first} AND t."id" < ${end} AND d."is_imported" = FALSE
          ORDER BY t."id" DESC LIMIT ${count}`,
  );
  const bound = before && endOfIssued(before);
  const last = firstLoginAt(to);
  const rows = await database.read<LoginRow>(statement, [
    ...parameters,
    firstLoginAt(from),
    bound && bound.compare(last) < 0 ? bound : last,
    limit,
  ]);
  return rows.map(toIssued);
}

function endOfIssued({ at, rank, id }: Position): Buffer {
  return rank === RANK.ISSUED ? toBytes(id) : firstLoginAt(new Date(at.getTime() + 1));
}

/**
 * The sessions that started in the period, before the position, the latest first. Tokens are found by the time at which
 * they were issued, which is at most a token's lifetime earlier.
 */
async function findStarted(
  database: Database,
  filter: LoginFilter,
  { from, to }: Period,
  before: Position | null,
  limit: number,
): Promise<LoginEvent[]> {
  const { sql, parameters, name } = matching(filter);
  const [first, end, since, at, id, count] = [1, 2, 3, 4, 5, 6].map((n) => `$${parameters.length + n}`);
  const statement = statementNamed(
    `find_started_of_${name}`,
    () => `SELECT ${LOGIN_COLUMNS}, s."created_at" AS "createdAt" FROM ${STARTED}
          WHERE ${sql} AND t."id" >= ${first} AND t."id" < ${end} AND s."has_old_cookie" = FALSE
            AND ${STARTED_AT} >= ${since} AND (${STARTED_AT}, s."id") < (${at}, ${id})
          ORDER BY ${STARTED_AT} DESC, s."id" DESC LIMIT ${count}`,
  );
  const bound = before && before.at < to ? endOfStarted(before) : { at: to, id: NONE };
  const rows = await database.read<LoginRow>(statement, [
    ...parameters,
    firstLoginAt(addSeconds(from, -LONGEST_LOGIN_TOKEN_SECONDS)),
    firstLoginAt(new Date(bound.at.getTime() + 1)),
    from.getTime(),
    bound.at.getTime(),
    bound.id,
    limit,
  ]);
  return rows.map(toStarted);
}

const NONE = Buffer.alloc(16);
const EVERY = Buffer.alloc(16, 0xff);

function endOfStarted({ at, rank, id }: Position): { at: Date; id: Buffer } {
  if (rank === RANK.STARTED) return { at, id: toBytes(id) };
  return { at, id: rank === RANK.ISSUED ? NONE : EVERY };
}

const FIND = { ACCESS_ISSUED: findIssued, SESSION_STARTED: findStarted } as const;

/** The events of one kind in the period, before the position, the latest first. */
export function findLogins(
  database: Database,
  event: LoginEvent['event'],
  ...about: [LoginFilter, Period, before: Position | null, limit: number]
): Promise<LoginEvent[]> {
  return FIND[event](database, ...about);
}

/** How many events of one kind are in the period, up to a limit. */
export async function countLogins(
  database: Database,
  event: LoginEvent['event'],
  filter: LoginFilter,
  { from, to }: Period,
  limit: number,
): Promise<number> {
  const { sql, parameters, name } = matching(filter);
  const [first, end, count, since, until] = [1, 2, 3, 4, 5].map((n) => `$${parameters.length + n}`);
  const isIssued = event === 'ACCESS_ISSUED';
  const own = isIssued
    ? 'd."is_imported" = FALSE'
    : `s."has_old_cookie" = FALSE AND ${STARTED_AT} >= ${since} AND ${STARTED_AT} < ${until}`;
  const statement = statementNamed(
    `count_${event}_of_${name}`,
    () => `SELECT COUNT(*) AS "total" FROM (
            SELECT 1 FROM ${isIssued ? LOGINS : STARTED}
            WHERE ${sql} AND t."id" >= ${first} AND t."id" < ${end} AND ${own} LIMIT ${count}) counted`,
  );
  const [row] = await database.read<{ total: number | string }>(statement, [
    ...parameters,
    firstLoginAt(isIssued ? from : addSeconds(from, -LONGEST_LOGIN_TOKEN_SECONDS)),
    firstLoginAt(to),
    limit,
    ...(isIssued ? [] : [from.getTime(), to.getTime()]),
  ]);
  return Number(row!.total);
}

const FIND_ONE: Statement = {
  name: 'find_login_in_record',
  sql: `SELECT t."user_id" AS "userId" FROM ${LOGINS}
        WHERE ${matching({ organizationId: '' }).sql} AND t."id" = $2 AND d."is_imported" = FALSE`,
};

/** The user of a login in the record of an organization. */
export async function findUserOfLogin(database: Database, organizationId: string, id: string): Promise<string | null> {
  const [row] = await database.read<{ userId: string }>(FIND_ONE, [organizationId, toBytes(id)]);
  return row?.userId ?? null;
}
