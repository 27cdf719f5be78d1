import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CLOCK_SKEW, SECONDS_PER_DAY } from '../common/clock.js';
import { instantOfLogin, readLoginId } from '../common/login-id.js';
import { Settings } from '../config/settings.js';
import { toInstant } from '../database/database.js';
import type { Found } from '../database/history-gate.js';
import { FIND_HISTORY } from '../general-revocation/failovers.service.js';
import { MIGRATIONS } from '../schema/migrations.js';
import type { SigningKey } from '../schema/entities/signing-key.entity.js';
import { KeySeal } from '../tokens/key-seal.js';
import { KEY_PURPOSES } from '../tokens/signing-keys.service.js';
import { findSigning, isLive } from '../tokens/signing-order.js';
import type { ExaminedDatabase } from './examined-database.js';
import { error, ok, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Seconds by which the clocks may differ before somebody should look at it. */
const NOTICEABLE = 5;
/** Seconds of grace for what maintenance does every ten minutes. */
const LAG = 3600;

export async function examineSchema(database: ExaminedDatabase): Promise<Finding[]> {
  const table = database.isPostgres
    ? `SELECT 1 AS "one" FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'migrations'`
    : `SELECT 1 AS "one" FROM sqlite_schema WHERE "type" = 'table' AND "name" = 'migrations'`;
  if ((await database.rows(table)).length === 0)
    return [
      error(
        'schema',
        'The database is not one of Latchkey, or nobody has started the service with it yet.',
        'Check DATABASE_URL or DATABASE_PATH. The first start makes the tables.',
      ),
    ];
  const applied = (await database.rows<{ name: string }>(`SELECT "name" FROM "migrations"`)).map(({ name }) => name);
  const known = new Set(MIGRATIONS.map(({ name }) => name));
  const newer = applied.find((name) => !known.has(name));
  if (newer !== undefined)
    return [
      error('schema', `The database is of a newer version: it has ${newer}.`, 'Start that version of Latchkey again.'),
    ];
  const pending = known.size - applied.length;
  if (pending > 0)
    return [
      warning(
        'schema',
        `${pending} migrations are pending.`,
        'The next start of the service runs them. Make a backup before.',
      ),
    ];
  return [ok('schema', 'The schema is that of this version.')];
}

type KeyRow = Pick<SigningKey, 'kid' | 'purpose' | 'sealedJwk'> &
  Record<'createdAt' | 'signsFrom', Date | string> & {
    retiredAt: Date | string | null;
  };

export async function examineKeys(
  database: ExaminedDatabase,
  settings: Settings,
  hasSecret: boolean,
): Promise<Finding[]> {
  const now = new Date();
  const rows = await database.rows<KeyRow>(
    `SELECT "kid", "purpose", "sealed_jwk" AS "sealedJwk", "created_at" AS "createdAt", "signs_from" AS "signsFrom",
            "retired_at" AS "retiredAt" FROM "signing_keys" ORDER BY "signs_from" DESC`,
  );
  const keys = rows
    .map(({ kid, purpose, sealedJwk, createdAt, signsFrom, retiredAt }) => ({
      kid,
      purpose,
      sealedJwk,
      createdAt: toInstant(createdAt),
      signsFrom: toInstant(signsFrom),
      retiredAt: retiredAt === null ? null : toInstant(retiredAt),
    }))
    .filter((key) => isLive(key, now));
  const missing = KEY_PURPOSES.filter(
    (purpose) =>
      !findSigning(
        keys.filter((key) => key.purpose === purpose),
        now,
      ),
  );
  if (missing.length > 0)
    return [
      warning('keys', `There is no signing key for ${missing.join(', ')}.`, 'The start of the service makes it.'),
    ];
  const secret = hasSecret ? settings.SECRET_KEY : developmentSecretOf(settings);
  const seal = new KeySeal(Object.assign(new Settings(), { SECRET_KEY: secret ?? '' }));
  try {
    for (const { kid, sealedJwk } of keys) seal.open(kid, sealedJwk);
  } catch {
    return [
      error(
        'keys',
        'SECRET_KEY does not open the signing keys in the database.',
        'Set the SECRET_KEY with which the database was used so far.',
      ),
    ];
  }
  const { KEY_ROTATION_DAYS } = settings;
  const newest = Math.min(...KEY_PURPOSES.map((purpose) => youngestOf(keys, purpose)));
  const days = Math.floor((now.getTime() - newest) / 1000 / SECONDS_PER_DAY);
  if (KEY_ROTATION_DAYS > 0 && days > KEY_ROTATION_DAYS)
    return [
      warning(
        'keys',
        `A signing key is ${days} days old, and KEY_ROTATION_DAYS is ${KEY_ROTATION_DAYS}.`,
        'The service rotates keys while it runs. Look for “rotate the signing keys” in its log.',
      ),
    ];
  return [ok('keys', `SECRET_KEY opens all ${keys.length} signing keys.`)];
}

function youngestOf(keys: { purpose: string; createdAt: Date }[], of: string): number {
  return Math.max(...keys.filter(({ purpose }) => purpose === of).map(({ createdAt }) => createdAt.getTime()));
}

function developmentSecretOf({ DATABASE_PATH }: Settings): string | undefined {
  const path = join(dirname(DATABASE_PATH), 'development-secret');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

export async function examineClock(database: ExaminedDatabase): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (database.isPostgres) {
    const before = Date.now();
    const [row] = await database.rows<{ now: Date }>('SELECT clock_timestamp() AS "now"');
    // The answer is from some moment between the question and now.
    const middle = (before + Date.now()) / 2;
    const seconds = Math.abs(row!.now.getTime() - middle) / 1000;
    const text = `The clock of the database differs from that of this machine by ${seconds.toFixed(1)} s.`;
    const advice = 'Let both be set by NTP. Tokens of a machine whose clock is wrong are refused.';
    if (seconds > CLOCK_SKEW) findings.push(error('clock', text, advice));
    else if (seconds > NOTICEABLE) findings.push(warning('clock', text, advice));
    else findings.push(ok('clock', text));
  }
  const [latest] = await database.rows<{ id: Buffer | string }>(
    `SELECT t."id" FROM "login_tokens" t ORDER BY t."id" DESC LIMIT 1`,
  );
  const ahead = latest ? (instantOfLogin(readLoginId(latest.id)).getTime() - Date.now()) / 1000 : 0;
  if (ahead > NOTICEABLE)
    findings.push(
      (ahead > CLOCK_SKEW ? error : warning)(
        'clock',
        `The latest login token is from the future, by ${Math.round(ahead)} s.`,
        'The clock of this machine is behind, or that of another instance is ahead. Let NTP set them.',
      ),
    );
  else if (!database.isPostgres) findings.push(ok('clock', 'No login is from the future.'));
  return findings;
}

function secondsSince(at: Date | string): number {
  return (Date.now() - toInstant(at).getTime()) / 1000;
}

export async function examineRetention(database: ExaminedDatabase, settings: Settings): Promise<Finding[]> {
  const [event] = await database.rows<{ at: Date | string }>(
    `SELECT e."at" FROM "audit_events" e ORDER BY e."id" LIMIT 1`,
  );
  const [record] = await database.rows<{ at: Date | string | null }>(
    `SELECT MIN(r."expires_at") AS "at" FROM "oauth_records" r`,
  );
  const late = [
    event ? secondsSince(event.at) - settings.RETENTION_DAYS * SECONDS_PER_DAY : 0,
    record?.at ? secondsSince(record.at) : 0,
  ];
  const lag = Math.max(...late);
  if (lag <= LAG) return [ok('retention', 'What has expired is deleted.')];
  return [
    warning(
      'retention',
      `Records should have been deleted ${Math.round(lag / 3600)} hours ago.`,
      'The service deletes them every ten minutes while it runs. Look for “delete old records” in its log.',
    ),
  ];
}

export async function examineHistory(database: ExaminedDatabase, { FAILOVER }: Settings): Promise<Finding[]> {
  if (!database.isPostgres) return [];
  const [row] = await database.rows<{ history: string }>(`SELECT h."history" FROM "server_histories" h`);
  if (!row)
    return [
      warning(
        'failover',
        'The database does not say on which history of PostgreSQL it is, so a failover is not noticed.',
        "The next start of the service records it. If it can't, its log says why.",
      ),
    ];
  const [server] = await database.rows<{ isStandby: boolean; standbys: string }>(
    `SELECT pg_is_in_recovery() AS "isStandby", current_setting('synchronous_standby_names') AS "standbys"`,
  );
  if (!server!.isStandby && FAILOVER === 'trust' && server!.standbys === '')
    return [
      warning(
        'failover',
        'FAILOVER=trust says that no commit gets lost, but the server has no synchronous standby.',
        'Set synchronous_standby_names in PostgreSQL, or FAILOVER=revoke. Otherwise used tokens may be good again after a failover.',
      ),
    ];
  const [found] = server!.isStandby ? [] : await database.rows<Found>(FIND_HISTORY);
  if (found && !found.isRecorded)
    return [
      warning(
        'failover',
        `The server has another history than the recorded one: ${found.history} and not ${row.history}, as after a failover or a restore.`,
        FAILOVER === 'trust'
          ? 'The next connection of the service records it. Nothing is revoked, because of FAILOVER=trust.'
          : 'The next connection of the service revokes everything. If nothing was lost, start with FAILOVER=trust.',
      ),
    ];
  return [ok('failover', `The database is on the history ${row.history} (system identifier/timeline) of PostgreSQL.`)];
}
