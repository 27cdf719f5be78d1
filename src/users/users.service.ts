import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { FindOptionsWhere, Repository } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { UserDto } from './dto/user.dto.js';
import type { UserRef } from './user-ref.js';
import { User } from './user.entity.js';
import { UsersPolicy } from './users.policy.js';

/** A session of a user starts with a login, so the newest of them is the last login. */
const LAST_LOGIN: Statement = {
  name: 'last_login',
  sql: `SELECT MAX(s."created_at") AS "lastLogin" FROM "sessions" s WHERE s."user_id" = $1`,
};

/** A reference that means the same whoever says it. */
export type NamingRef = Exclude<UserRef, { by: 'self' }>;

@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
  ) {}

  /** @throws DomainError `nonexistent_user`, `no_access` */
  async get(caller: Caller, ref: UserRef): Promise<UserDto> {
    const user = await this.find(ref.by === 'self' ? { by: 'id', id: caller.userId } : ref);
    await this.policy.requireMaySee(caller, user);
    if (!user) throw new DomainError('nonexistent_user');
    return this.describe(user);
  }

  /** The user with their organizations, e-mail addresses and third-party IDs. */
  async find(ref: NamingRef): Promise<User | null> {
    const found = await this.users.findOne({ where: whereIs(ref), select: { id: true } });
    return found && this.findById(found.id);
  }

  findById(id: string): Promise<User | null> {
    return this.users.findOne({
      where: { id },
      relations: { organization: true, staffOrganization: true, emailAddresses: true, thirdPartyIds: true },
    });
  }

  /** How the API shows a user that was loaded with its relations. */
  async describe(user: User): Promise<UserDto> {
    const [row] = await this.database.read<{ lastLogin: Date | string | null }>(LAST_LOGIN, [user.id]);
    const created = toIso(user.createdAt);
    return {
      type: 'USER',
      id: user.id,
      name: user.name,
      realName: user.name,
      emailAddress: user.emailAddresses.find(({ isPrimary }) => isPrimary)?.address,
      locale: user.locale ?? undefined,
      timeZone: user.timeZone ?? undefined,
      description: user.description ?? undefined,
      domicile: user.domicile ?? undefined,
      yearOfBirth: user.yearOfBirth ?? undefined,
      organization: user.organization
        ? { type: 'ORGANIZATION', id: user.organization.id, name: user.organization.name }
        : undefined,
      created,
      memberSince: created,
      lastLogin: row?.lastLogin ? toIso(toInstant(row.lastLogin)) : undefined,
      thirdPartyIds: user.thirdPartyIds.map(({ thirdParty, externalId }) => ({ thirdParty, id: externalId })),
      status: user.status,
    };
  }
}

function whereIs(ref: NamingRef): FindOptionsWhere<User> {
  switch (ref.by) {
    case 'id':
      return { id: ref.id };
    case 'emailAddress':
      return { emailAddresses: { address: ref.address } };
    case 'thirdPartyId':
      return { thirdPartyIds: { thirdParty: ref.thirdParty, externalId: ref.id } };
  }
}
