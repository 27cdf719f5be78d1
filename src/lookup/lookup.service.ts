import { Injectable } from '@nestjs/common';
import { InjectEntityManager } from '@nestjs/typeorm';
import type { EntityManager } from 'typeorm';
import { AuditSearchService } from '../audit-search/audit-search.service.js';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import type { Caller } from '../common/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { isLoginId } from '../common/login-id.js';
import { parseUserRef } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { GroupListsService } from '../groups/group-lists.service.js';
import { Client } from '../schema/entities/client.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { SessionListsService } from '../sessions/live/session-lists.service.js';
import { UsersPolicy } from '../users/users.policy.js';
import type { FoundDto, LookupDto } from './dto/lookup.dto.js';

const CLIENT_ID = /^[\da-f]{32}$/;
const REQUEST_ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** The `jti` of an access token, as the engine makes it. */
const TOKEN_ID = /^[\w-]{43}$/;

/**
 * Finds what an ID from a log names (docs/api.md, section 8.4). The policies of the lists decide what the caller sees.
 * What others have is not found in the same statements as what nobody has.
 */
@Injectable()
export class LookupService {
  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly users: UsersPolicy,
    private readonly clients: OAuthPolicy,
    private readonly groups: GroupListsService,
    private readonly sessions: SessionListsService,
    private readonly record: AuditSearchService,
  ) {}

  /** Finds everything that `text` names and the caller may see. @throws DomainError `not_permitted` */
  async find(caller: Caller, text: string): Promise<LookupDto> {
    await this.users.requireMayList(caller, 'self');
    const id = text.trim();
    const lower = id.toLowerCase();
    // The form decides what an ID can be, so most of them take few look-ups.
    if (isLoginId(lower)) return { found: await this.findLogin(caller, lower) };
    if (REQUEST_ID.test(lower)) return { found: await this.findEvents(caller, 'request', lower) };
    if (TOKEN_ID.test(id)) return { found: await this.findEvents(caller, 'token', id) };
    const clients = CLIENT_ID.test(lower) ? await this.findClient(caller, lower) : [];
    return {
      found: [
        ...(await this.findUser(caller, id)),
        ...clients,
        ...(await this.groups.findNamed(caller, id)).map(({ id, name }): FoundDto => ({ type: 'GROUP', id, name })),
      ],
    };
  }

  private async findUser(caller: Caller, text: string): Promise<FoundDto[]> {
    const ref = refIn(text);
    if (!ref) return [];
    const id = await unlessRefused(this.users.requireMaySee(caller, ref));
    const users = id === null ? [] : await this.db.findBy(User, { id });
    return users.map(({ type, id, name }) => ({ type, id, name }));
  }

  private async findClient(caller: Caller, id: string): Promise<FoundDto[]> {
    const organizationId = await unlessRefused(this.clients.requireMaySee(caller));
    if (organizationId === null) return [];
    const clients = await this.db.findBy(Client, { id, organizationId });
    return clients.map(({ name }) => ({ type: 'CLIENT', id, name }));
  }

  private async findLogin(caller: Caller, id: string): Promise<FoundDto[]> {
    const login = await unlessRefused(this.sessions.findLogin(caller, id));
    const userId = await unlessRefused(this.record.findUserOfLogin(caller, id));
    const found: FoundDto[] = [];
    if (login) found.push({ type: login.isSession ? 'SESSION' : 'ACCESS_TOKEN', id, user: login.user });
    if (userId !== null) found.push({ type: 'LOGIN', id, user: { id: userId } });
    return found;
  }

  private async findEvents(caller: Caller, of: 'request' | 'token', id: string): Promise<FoundDto[]> {
    const isThere = await unlessRefused(this.record.hasEvent(caller, { [of]: id }));
    return isThere ? [{ type: of === 'request' ? 'REQUEST' : 'TOKEN', id }] : [];
  }
}

/** A text that can't be a reference names nobody. */
function refIn(text: string): UserRef | null {
  try {
    return parseUserRef(text);
  } catch {
    return null;
  }
}

/** What a policy refuses is not found. */
async function unlessRefused<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}
