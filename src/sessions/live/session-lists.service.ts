import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { ObjectLiteral, Repository, SelectQueryBuilder } from 'typeorm';
import { endSessions, canStartSession, isLive } from '../../rights/live-session.js';
import { LoginToken } from '../../schema/entities/login-token.entity.js';
import { RevocationService } from '../../rights/revocation.service.js';
import type { Caller } from '../../common/caller.js';
import { Clock, toIso } from '../../common/clock.js';
import { DomainError } from '../../common/errors/errors.js';
import { pageByTime } from '../../http/paging.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
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
} from '../dto/session-lists.dto.js';
import { Session } from '../../schema/entities/session.entity.js';

/** The relations that show where a session or a login token came from. */
const ORIGIN = { user: true, caller: { staffOrganization: true } } as const;

/** A row with a reason means that the session was live until now. */
const END: Statement = {
  name: 'end_session_by_administrator',
  sql: `${endSessions('"id" = $1 AND "organization_id" = $2', {
    now: '$3',
    idleSince: '$4',
    reason: `'BY_ADMINISTRATOR'`,
    by: { user: '$5', client: '$6' },
  })} RETURNING "end_reason" AS "reason"`,
};

/** The sessions and login tokens of an organization's own users, for its administrators (docs/api.md, section 11.1). */
@Injectable()
export class SessionListsService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    @InjectRepository(LoginToken) private readonly tokens: Repository<LoginToken>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly revocation: RevocationService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Lists the live sessions. @throws DomainError `not_permitted`, `missing_field`, `nonexistent_user`, `no_access` */
  async list(caller: Caller, query: SessionsQueryDto): Promise<SessionsDto> {
    const now = this.clock.now();
    const list = this.sessions.createQueryBuilder('s');
    await this.restrict(list, 's', caller, query.user);
    list
      .innerJoin('s.loginToken', 't')
      .andWhere(isLive('s', 't', { now: ':now', idleSince: ':idleSince' }))
      .setParameters({ now, idleSince: this.settings.idleSince(now) });
    const page = await pageByTime(list, { at: 's.expiresAt', id: 's.id' }, query);
    const found = await this.sessions.find({
      where: { id: In(page.ids) },
      relations: { loginToken: ORIGIN },
      order: { expiresAt: 'DESC', id: 'DESC' },
    });
    return { sessions: found.map(describeSession), pagination: page.pagination };
  }

  /** Ends a session, on every instance. @throws DomainError `not_permitted`, `not_found` */
  async end(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayEndSessions(db, caller);
      const now = this.clock.now();
      const parameters = [id, organizationId, now, this.settings.idleSince(now), caller.userId, caller.clientId];
      const [ended] = await this.database.within<{ reason: string | null }>(db, END, parameters);
      if (!ended?.reason) throw new DomainError('not_found', 'There is no such session.');
    });
  }

  /** Lists the login tokens that can still start a session. @throws DomainError as `list` does */
  async listTokens(caller: Caller, query: SessionsQueryDto): Promise<AccessTokensDto> {
    const list = this.tokens.createQueryBuilder('t');
    await this.restrict(list, 't', caller, query.user);
    list
      .andWhere(canStartSession('t', ':now'), { now: this.clock.now() })
      .andWhere(`NOT EXISTS (SELECT 1 FROM "sessions" s WHERE s."login_token_id" = t."id")`);
    const { ids, pagination } = await pageByTime(list, { at: 't.expiresAt', id: 't.id' }, query);
    const found = await this.tokens.find({
      where: { id: In(ids) },
      relations: ORIGIN,
      order: { expiresAt: 'DESC', id: 'DESC' },
    });
    return { accessTokens: found.map(describeToken), pagination };
  }

  /**
   * Revokes a login token. It can no longer start a session, and a session that it has started ends. @throws
   * DomainError `not_permitted`, `not_found`
   */
  async revokeToken(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const organizationId = await this.policy.requireMayEndSessions(db, caller);
      const token = await db.findOneBy(LoginToken, { id, organizationId });
      if (!token || !(await this.revocation.revokeToken(db, id, caller, 'BY_ADMINISTRATOR')))
        throw new DomainError('not_found', 'There is no such login token.');
    });
  }

  /** Restricts a list to the organization's own users, or to one of them. */
  private async restrict(
    list: SelectQueryBuilder<ObjectLiteral>,
    alias: 's' | 't',
    caller: Caller,
    reference: string | undefined,
  ): Promise<void> {
    const organizationId = await this.policy.requireMaySeeSessions(caller);
    list.where(`${alias}.organizationId = :organizationId`, { organizationId });
    if (reference === undefined) return;
    const user = await findUser(this.sessions.manager, caller, parseUserRef(reference));
    const { id } = this.policy.requireManaged(organizationId, user);
    list.andWhere(`${alias}.userId = :userId`, { userId: id });
  }
}

function describeSession(session: Session): ListedSessionDto {
  return {
    id: session.id,
    ...describeOrigin(session.loginToken),
    device: session.device ?? undefined,
    created: toIso(session.createdAt),
    lastSeen: toIso(session.lastSeenAt),
    expires: toIso(session.expiresAt),
  };
}

function describeToken(token: LoginToken): ListedAccessTokenDto {
  return {
    id: token.id,
    ...describeOrigin(token),
    created: toIso(token.issuedAt),
    expires: toIso(token.expiresAt),
  };
}

/** Who let the user in. They are still on the staff: sessions and tokens of anybody who left it have ended. */
function describeOrigin({ user, caller, clientId }: LoginToken): Pick<ListedSessionDto, 'user' | 'actor'> {
  const { id, name } = caller.staffOrganization!;
  return {
    user: { id: user.id, name: user.name },
    actor: {
      ...kindOf(caller),
      id: caller.id,
      name: caller.name,
      clientId,
      organization: { type: 'ORGANIZATION', id, name },
    },
  };
}
