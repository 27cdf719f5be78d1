import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InjectEntityManager } from '@nestjs/typeorm';
import { ApplicationListsService } from '../../applications/application-lists.service.js';
import type { ApplicationsOfSessionDto } from '../../applications/dto/applications.dto.js';
import { countWhenCommitted } from '../../rights/ended-sessions.js';
import type { EndedRow } from '../../rights/ended-sessions.js';
import { canStartSession, endSessions, isLive, momentAt, SESSIONS } from '../../rights/live-session.js';
import { LOGINS } from '../../rights/grants.js';
import { RevocationService } from '../../rights/revocation.service.js';
import type { Caller } from '../../common/caller.js';
import { addSeconds, Clock, toIso } from '../../common/clock.js';
import { DomainError } from '../../common/errors/errors.js';
import { firstLoginAt, instantOfLogin, isLoginId, readLoginId, toBytes } from '../../common/login-id.js';
import { currentRequestId } from '../../common/request-id.js';
import type { PageQueryDto, PaginationDto } from '../../http/paging.js';
import { MAX_COUNTED, notAPosition } from '../../http/paging.js';
import { LONGEST_LOGIN_TOKEN_SECONDS, Settings } from '../../config/settings.js';
import { Database, fromMilliseconds } from '../../database/database.js';
import type { Parameter, Statement } from '../../database/statement.js';
import { countEnded } from '../../telemetry/metrics.js';
import type { AccountType } from '../../schema/entities/user.entity.js';
import { kindOf } from '../../users/dto/user.dto.js';
import { findUser } from '../../users/find-user.js';
import { parseUserRef } from '../../common/user-ref.js';
import { UsersPolicy } from '../../users/users.policy.js';
import type {
  AccessTokensDto,
  ListedAccessTokenDto,
  ListedSessionDto,
  SessionsDto,
  SessionsQueryDto,
  VisitorDto,
} from '../dto/session-lists.dto.js';

/** The number of the organization with the ID `$1`. */
const NUMBER = `(SELECT n."number" FROM "organization_numbers" n WHERE n."organization_id" = $1)`;
/** Whether the organization `$1` manages the user of the login token `t`. */
const IS_MANAGED = `COALESCE(t."manager_number", t."organization_number") = ${NUMBER}`;

/** A row with a reason means that the session was live until now. */
const END: Statement = {
  name: 'end_session_by_administrator',
  sql: `${endSessions(`"id" = $2 AND EXISTS (SELECT 1 FROM "login_tokens" t WHERE t."id" = $2 AND ${IS_MANAGED})`, {
    now: '$3',
    idleSince: '$4',
    oldest: '$5',
    reason: `'BY_ADMINISTRATOR'`,
    by: { user: '$6', client: '$7' },
    request: '$8',
  })} RETURNING "end_reason" AS "reason"`,
};

const FIND_TOKEN: Statement = {
  name: 'find_managed_login_token',
  sql: `SELECT 1 AS "yes" FROM "login_tokens" t WHERE t."id" = $2 AND ${IS_MANAGED}`,
};

/** A session of the user `$2`. */
const END_OWN: Statement = {
  name: 'end_session_by_its_user',
  sql: `${endSessions(`"id" = $1 AND EXISTS (SELECT 1 FROM "login_tokens" t WHERE t."id" = $1 AND t."user_id" = $2)`, {
    now: '$3',
    idleSince: '$4',
    oldest: '$5',
    reason: `'BY_USER'`,
    request: '$6',
  })} RETURNING "end_reason" AS "reason"`,
};

/** Two ranges of indexes: logins through the organization itself, and through another one. */
const OF_ORGANIZATION = [
  `t."organization_number" = ${NUMBER} AND t."manager_number" IS NULL`,
  `t."manager_number" = ${NUMBER}`,
];
const OF_USER = [`t."user_id" = $1`];

/** What a list of logins reads. The parameters of `condition` begin with `$5`. */
interface Logins {
  from: string;
  columns: string;
  condition: string;
}

/**
 * Statements for one page of logins, the latest first, and for their number, up to `$4`. They read the logins in
 * `ranges` of indexes, which depend on `$1`, that began after `$2` and before `$3`.
 */
function listing(name: string, ranges: string[], { from, columns, condition }: Logins): PageStatements {
  const rows = (select: string, before: string, limit: string): string =>
    ranges
      .map(
        (range, index) =>
          `SELECT * FROM (SELECT ${select} FROM ${from}
             WHERE ${range} AND t."id" > $2 ${before} AND ${condition}
             ${limit}) range${index}`,
      )
      .join(' UNION ALL ');
  const page = rows('t."id"', 'AND t."id" < $3', 'ORDER BY t."id" DESC LIMIT $4');
  return {
    page: {
      name: `list_${name}`,
      sql: `SELECT t."id", t."expires_at" AS "tokenExpiresAt", u."id" AS "userId", u."name" AS "userName", c."id" AS "actorId", c."name" AS "actorName",
              c."type" AS "actorType", d."client_id" AS "clientId", o."id" AS "organizationId", o."name" AS "organizationName" ${columns}
            FROM ${from} JOIN "users" u ON u."id" = t."user_id" JOIN "users" c ON c."id" = d."caller_id"
            JOIN "organizations" o ON o."id" = c."staff_organization_id"
            WHERE t."id" IN (${page}) ORDER BY t."id" DESC LIMIT $4`,
    },
    count: {
      name: `count_${name}`,
      sql: `SELECT COUNT(*) AS "total" FROM (SELECT 1 FROM (${rows('1', 'AND t."id" < $3', 'LIMIT $4')}) found LIMIT $4) counted`,
    },
  };
}

/** The logins of the users of the organization `$1`; with `ofUser` those of the one whose ID is the parameter `user`. */
function listingOfUsers(name: string, logins: Logins, user: string): Listing {
  const ofUser = OF_ORGANIZATION.map((range) => `${range} AND t."user_id" = ${user}`);
  return {
    ofAll: listing(name, OF_ORGANIZATION, logins),
    ofUser: listing(`${name}_of_user`, ofUser, logins),
  };
}

interface PageStatements {
  page: Statement;
  count: Statement;
}

interface Listing {
  ofAll: PageStatements;
  ofUser: PageStatements;
}

const SESSIONS_NOW: Logins = {
  from: SESSIONS,
  columns: `, s."created_at" AS "createdAt", s."last_seen_at" AS "lastSeenAt", s."ends_at" AS "endsAt", s."device"`,
  condition: isLive({ now: '$5', idleSince: '$6', oldest: '$2' }),
};

const LIVE_SESSIONS = listingOfUsers('sessions', SESSIONS_NOW, '$7');

const OWN_SESSIONS = listing('sessions_of_caller', OF_USER, SESSIONS_NOW);

/** Whether the login token can still start a session. */
function isOutstanding(now: string): string {
  return `${canStartSession(now)} AND NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."id" = t."id")`;
}

const OUTSTANDING_TOKENS = listingOfUsers(
  'access_tokens',
  {
    from: LOGINS,
    columns: '',
    condition: isOutstanding('$5'),
  },
  '$6',
);

const VISITOR = `SELECT u."id", u."name" FROM`;
const OF_VISITOR = `JOIN "users" u ON u."id" = t."user_id" WHERE t."id" = $2 AND ${IS_MANAGED}`;

const FIND_LIVE: Statement = {
  name: 'find_live_session_of_users',
  sql: `${VISITOR} ${SESSIONS} ${OF_VISITOR} AND ${isLive({ now: '$3', idleSince: '$4', oldest: '$5' })}`,
};

const FIND_OUTSTANDING: Statement = {
  name: 'find_access_token_of_users',
  sql: `${VISITOR} ${LOGINS} ${OF_VISITOR} AND ${isOutstanding('$3')}`,
};

/** What the ID of a login names as long as it counts: the session, or before that the login token. */
export interface FoundLogin {
  isSession: boolean;
  user: VisitorDto;
}

/** A login, with whoever let the user in. They are still on the staff: logins of anybody who left it have ended. */
interface LoginRow {
  id: Buffer | string;
  tokenExpiresAt: number | string;
  userId: string;
  userName: string;
  actorId: string;
  actorName: string;
  actorType: AccountType;
  clientId: string;
  organizationId: string;
  organizationName: string;
}

interface SessionRow extends LoginRow {
  createdAt: number | string;
  lastSeenAt: number | string;
  endsAt: number | string;
  device: string | null;
}

/**
 * The sessions and login tokens of an organization's own users, for its administrators, and everybody's own sessions
 * (docs/api.md, section 11.1).
 */
@Injectable()
export class SessionListsService {
  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
    private readonly applications: ApplicationListsService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Lists the live sessions. @throws DomainError `not_permitted`, `missing_field`, `nonexistent_user`, `no_access` */
  async list(caller: Caller, query: SessionsQueryDto): Promise<SessionsDto> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const { rows, pagination } = await this.page(LIVE_SESSIONS, caller, query, oldest, [now, idleSince]);
    return { sessions: rows.map((row) => describeSession(row as SessionRow)), pagination };
  }

  /** Ends a session, on every instance. @throws DomainError `not_permitted`, `not_found` */
  async end(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayEndSessions(db, caller);
      if (!isLoginId(id)) throw noSession();
      const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
      const ender = [caller.userId, caller.clientId, currentRequestId()];
      const parameters = [organizationId, toBytes(id), now, idleSince, oldest, ...ender];
      const ended = await this.database.within<EndedRow>(db, END, parameters);
      if (!ended[0]?.reason) throw noSession();
      countWhenCommitted(db, ended);
    });
  }

  /**
   * Lists the applications that a session has signed in to, also after its end. @throws DomainError `not_permitted`,
   * `not_found`
   */
  async listApplications(caller: Caller, id: string): Promise<ApplicationsOfSessionDto> {
    const organizationId = await this.policy.requireMaySeeSessions(caller);
    const [managed] = await this.database.read(FIND_TOKEN, [organizationId, toBytes(id)]);
    if (!managed) throw noSession();
    return this.applications.listOfSession(id);
  }

  /** Finds what the lists show under this ID. @throws DomainError `not_permitted` */
  async findLogin(caller: Caller, id: string): Promise<FoundLogin | null> {
    const organizationId = await this.policy.requireMaySeeSessions(caller);
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const named = [organizationId, toBytes(id), now];
    const [session] = await this.database.read<VisitorDto>(FIND_LIVE, [...named, idleSince, oldest]);
    const [token] = await this.database.read<VisitorDto>(FIND_OUTSTANDING, named);
    const user = session ?? token;
    return user ? { isSession: session !== undefined, user: { id: user.id, name: user.name } } : null;
  }

  /** Lists the caller's own live sessions, whichever organization has started them. */
  async listOwn({ userId }: Caller, query: PageQueryDto): Promise<SessionsDto> {
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const { rows, pagination } = await this.read(OWN_SESSIONS, query, userId, oldest, [now, idleSince]);
    return { sessions: rows.map((row) => describeSession(row as SessionRow)), pagination };
  }

  /** Ends one of the caller's own sessions, on every instance. @throws DomainError `not_found` */
  async endOwn({ userId }: Caller, id: string): Promise<void> {
    if (!isLoginId(id)) throw noSession();
    const { now, idleSince, oldest } = momentAt(this.clock.now(), this.settings);
    const ended = await this.database.write<EndedRow>(END_OWN, [
      toBytes(id),
      userId,
      now,
      idleSince,
      oldest,
      currentRequestId(),
    ]);
    if (!ended[0]?.reason) throw noSession();
    countEnded(ended);
  }

  /** Lists the login tokens that can still start a session. @throws DomainError as `list` does */
  async listTokens(caller: Caller, query: SessionsQueryDto): Promise<AccessTokensDto> {
    const now = this.clock.now();
    const oldest = firstLoginAt(addSeconds(now, -LONGEST_LOGIN_TOKEN_SECONDS));
    const page = await this.page(OUTSTANDING_TOKENS, caller, query, oldest, [now.getTime()]);
    return { accessTokens: page.rows.map(describeToken), pagination: page.pagination };
  }

  /**
   * Revokes a login token. It can no longer start a session, and a session that it has started ends. @throws
   * DomainError `not_permitted`, `not_found`
   */
  async revokeToken(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayEndSessions(db, caller);
      const isManaged =
        isLoginId(id) && (await this.database.within(db, FIND_TOKEN, [organizationId, toBytes(id)])).length > 0;
      if (!isManaged || !(await this.revocation.revokeToken(db, id, caller, 'BY_ADMINISTRATOR')))
        throw new DomainError('not_found', 'There is no such login token.');
    });
  }

  /** One page of the organization's own users, or of one of them. */
  private async page(
    { ofAll, ofUser }: Listing,
    caller: Caller,
    query: SessionsQueryDto,
    oldest: Buffer,
    moment: Parameter[],
  ): Promise<{ rows: LoginRow[]; pagination: PaginationDto }> {
    const organizationId = await this.policy.requireMaySeeSessions(caller);
    const userId = await this.managed(caller, organizationId, query.user);
    return userId === null
      ? this.read(ofAll, query, organizationId, oldest, moment)
      : this.read(ofUser, query, organizationId, oldest, [...moment, userId]);
  }

  /** One page of the logins of `subject`, which began after `oldest`. */
  private async read(
    statements: PageStatements,
    { resultFrom, resultSize }: PageQueryDto,
    subject: string,
    oldest: Buffer,
    others: Parameter[],
  ): Promise<{ rows: LoginRow[]; pagination: PaginationDto }> {
    const found = await this.database.read<LoginRow>(statements.page, [
      subject,
      oldest,
      readPosition(resultFrom),
      resultSize + 1,
      ...others,
    ]);
    const [counted] = await this.database.read<{ total: number | string }>(statements.count, [
      subject,
      oldest,
      LATEST,
      MAX_COUNTED,
      ...others,
    ]);
    const rows = found.slice(0, resultSize);
    const last = rows.at(-1);
    return {
      rows,
      pagination: {
        total: Number(counted!.total),
        lastOnPage: last && readLoginId(last.id),
        moreAvailable: found.length > resultSize,
      },
    };
  }

  private async managed(caller: Caller, organizationId: string, reference: string | undefined): Promise<string | null> {
    if (reference === undefined) return null;
    const user = await findUser(this.db, caller, parseUserRef(reference));
    return this.policy.requireManaged(organizationId, user).id;
  }
}

/** After every login. */
const LATEST = Buffer.alloc(16, 0xff);

function readPosition(resultFrom: string | undefined): Buffer {
  if (!resultFrom) return LATEST;
  if (!isLoginId(resultFrom)) throw notAPosition();
  return toBytes(resultFrom);
}

function noSession(): DomainError {
  return new DomainError('not_found', 'There is no such session.');
}

function describeSession(row: SessionRow): ListedSessionDto {
  return {
    id: readLoginId(row.id),
    ...describeOrigin(row),
    device: row.device ?? undefined,
    created: toIso(fromMilliseconds(row.createdAt)),
    lastSeen: toIso(fromMilliseconds(row.lastSeenAt)),
    expires: toIso(fromMilliseconds(row.endsAt)),
  };
}

function describeToken(row: LoginRow): ListedAccessTokenDto {
  const id = readLoginId(row.id);
  return {
    id,
    ...describeOrigin(row),
    created: toIso(instantOfLogin(id)),
    expires: toIso(fromMilliseconds(row.tokenExpiresAt)),
  };
}

function describeOrigin(row: LoginRow): Pick<ListedSessionDto, 'user' | 'actor'> {
  return {
    user: { id: row.userId, name: row.userName },
    actor: {
      ...kindOf({ type: row.actorType }),
      id: row.actorId,
      name: row.actorName,
      clientId: row.clientId,
      organization: { type: 'ORGANIZATION', id: row.organizationId, name: row.organizationName },
    },
  };
}
