import { Injectable } from '@nestjs/common';
import { InjectEntityManager } from '@nestjs/typeorm';
import type { EntityManager } from 'typeorm';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import { requireClient } from '../clients/require-client.js';
import type { Caller } from '../common/caller.js';
import { toIso } from '../common/clock.js';
import { readLoginId, toBytes } from '../common/login-id.js';
import { Database, fromMilliseconds } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { MAX_COUNTED, notAPosition } from '../http/paging.js';
import type { PageQueryDto } from '../http/paging.js';
import type { ApplicationSession } from '../schema/entities/application-session.entity.js';
import type {
  ApplicationOfSessionDto,
  ApplicationsOfSessionDto,
  UnconfirmedLogoutDto,
  UnconfirmedLogoutsDto,
} from './dto/applications.dto.js';

const COLUMNS = `a."id", a."state", a."created_at" AS "createdAt", a."ended_at" AS "endedAt", a."attempts",
  a."last_attempt_at" AS "lastAttemptAt", a."next_at" AS "nextAt", a."last_error" AS "lastError"`;

/** A session signs in to few applications, so the list has no pages. */
const LIST_OF_SESSION: Statement = {
  name: 'list_applications_of_session',
  sql: `SELECT ${COLUMNS}, c."id" AS "clientId", c."name" AS "clientName"
        FROM "application_sessions" a JOIN "clients" c ON c."id" = a."client_id"
        WHERE a."session_id" = $1 ORDER BY a."created_at", a."id" LIMIT 1000`,
};

/** Logouts of the client `$1` that were sent and not confirmed. */
const UNCONFIRMED = `FROM "application_sessions" a LEFT JOIN "users" u ON u."id" = a."user_id"
  WHERE a."client_id" = $1 AND a."state" IN ('DUE', 'FAILED')`;

const LIST_UNCONFIRMED: Statement = {
  name: 'list_unconfirmed_logouts',
  sql: `SELECT ${COLUMNS}, a."session_id" AS "sessionId", a."user_id" AS "userId", u."name" AS "userName" ${UNCONFIRMED}
          AND (a."ended_at" < $2 OR (a."ended_at" = $2 AND a."id" < $3))
        ORDER BY a."ended_at" DESC, a."id" DESC LIMIT $4`,
};

const COUNT_UNCONFIRMED: Statement = {
  name: 'count_unconfirmed_logouts',
  sql: `SELECT COUNT(*) AS "total" FROM (SELECT 1 ${UNCONFIRMED} LIMIT ${MAX_COUNTED}) counted`,
};

type Row = Pick<
  ApplicationSession,
  'id' | 'state' | 'createdAt' | 'endedAt' | 'attempts' | 'lastAttemptAt' | 'nextAt' | 'lastError'
>;

interface OfSession extends Row {
  clientId: string;
  clientName: string;
}

interface OfClient extends Row {
  sessionId: Buffer | string | null;
  userId: string;
  userName: string | null;
}

/** A position in the list of a client: when the session ended, in milliseconds, and the row. */
const POSITION = /^(\d{1,15})-([\w-]{22})$/;
/** Later than every row. */
const LATEST = 1e15;

/** What administrators see of the applications that sessions sign in to (docs/api.md, section 11.4). */
@Injectable()
export class ApplicationListsService {
  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly database: Database,
    private readonly policy: OAuthPolicy,
  ) {}

  /** The applications that a session has signed in to, in that order. Whether the caller may see it, others decide. */
  async listOfSession(id: string): Promise<ApplicationsOfSessionDto> {
    const rows = await this.database.read<OfSession>(LIST_OF_SESSION, [toBytes(id)]);
    return { applications: rows.map(describeApplication) };
  }

  /**
   * The logouts that an application has not confirmed, the latest first. @throws DomainError `not_permitted`,
   * `not_found`, `invalid_request`
   */
  async listUnconfirmed(
    caller: Caller,
    clientId: string,
    { resultFrom, resultSize }: PageQueryDto,
  ): Promise<UnconfirmedLogoutsDto> {
    const organizationId = await this.policy.requireMaySee(caller);
    await requireClient(this.db, organizationId, clientId);
    const [at, after] = readPosition(resultFrom);
    const found = await this.database.read<OfClient>(LIST_UNCONFIRMED, [clientId, at, after, resultSize + 1]);
    const [counted] = await this.database.read<{ total: number | string }>(COUNT_UNCONFIRMED, [clientId]);
    const rows = found.slice(0, resultSize);
    const last = rows.at(-1);
    return {
      logouts: rows.map(describeLogout),
      pagination: {
        total: Number(counted!.total),
        lastOnPage: last && `${last.endedAt}-${last.id}`,
        moreAvailable: found.length > resultSize,
      },
    };
  }
}

function readPosition(resultFrom: string | undefined): [at: number, id: string] {
  const [, at, id] = POSITION.exec(resultFrom ?? '') ?? [];
  if (resultFrom && !id) throw notAPosition();
  return id ? [Number(at), id] : [LATEST, ''];
}

function describeApplication(row: OfSession): ApplicationOfSessionDto {
  return {
    client: { id: row.clientId, name: row.clientName },
    signedIn: toIso(fromMilliseconds(row.createdAt)),
    ...describe(row),
  };
}

function describeLogout(row: OfClient): UnconfirmedLogoutDto {
  return {
    user: { id: row.userId, name: row.userName ?? undefined },
    session: row.sessionId === null ? undefined : readLoginId(row.sessionId),
    ...describe(row),
  };
}

function describe({
  state,
  endedAt,
  attempts,
  lastAttemptAt,
  nextAt,
  lastError,
}: Row): Omit<UnconfirmedLogoutDto, 'user'> {
  return {
    status: state,
    ended: toIsoOrNothing(endedAt),
    attempts,
    lastAttempt: toIsoOrNothing(lastAttemptAt),
    nextAttempt: state === 'DUE' ? toIsoOrNothing(nextAt) : undefined,
    error: lastError ?? undefined,
  };
}

function toIsoOrNothing(milliseconds: number | string | null): string | undefined {
  return milliseconds === null ? undefined : toIso(fromMilliseconds(milliseconds));
}
