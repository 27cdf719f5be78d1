import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Not } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { newClientId, newId } from '../../src/common/id.js';
import { Database } from '../../src/database/database.js';
import { insertOrIgnore } from '../../src/database/insert-or-ignore.js';
import { indexGroup } from '../../src/groups/group-search.js';
import { GroupStaff } from '../../src/schema/entities/group-staff.entity.js';
import type { GroupPermission } from '../../src/schema/entities/group-staff.entity.js';
import { Group } from '../../src/schema/entities/group.entity.js';
import { Membership } from '../../src/schema/entities/membership.entity.js';
import { CallerTokensService } from '../../src/clients/caller-tokens.service.js';
import { ClientOrigin } from '../../src/schema/entities/client-origin.entity.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { Origin } from '../../src/schema/entities/origin.entity.js';
import { Organization } from '../../src/schema/entities/organization.entity.js';
import { ThirdParty } from '../../src/schema/entities/third-party.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import type { Permission } from '../../src/schema/entities/account-permission.entity.js';
import { EmailAddress } from '../../src/schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../../src/schema/entities/third-party-id.entity.js';
import { indexUser } from '../../src/users/user-search.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { Delegation } from '../../src/schema/entities/delegation.entity.js';
import { LoginToken } from '../../src/schema/entities/login-token.entity.js';
import { Session } from '../../src/schema/entities/session.entity.js';
import { toBytes } from '../../src/common/login-id.js';
import { rememberSecret } from './canary.js';

/** A caller, with the token that it calls with. */
export interface TestCaller {
  id: string;
  clientId: string;
  organizationId: string;
  token: string;
}

interface UserOptions {
  name?: string;
  status?: User['status'];
  organizationId?: string | null;
  emailAddress?: string;
  /** `[code, id]` */
  thirdPartyId?: [string, string];
}

/** Writes organizations, accounts and groups to the database, with sensible defaults. */
export class World {
  constructor(private readonly app: NestFastifyApplication) {}

  write<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    return this.app.get(Database).transaction(work);
  }

  /** The records of a user's login tokens, the oldest first. */
  loginTokensOf(userId: string): Promise<LoginToken[]> {
    return this.write((db) => db.find(LoginToken, { where: { userId }, order: { id: 'ASC' } }));
  }

  /** The record of the login token with this `jti`. */
  loginToken(id: string): Promise<LoginToken | null> {
    return this.write((db) => db.findOneBy(LoginToken, { id: toBytes(id) }));
  }

  /** Through whom and what the login token was issued. */
  delegationOf({ delegationId }: LoginToken): Promise<Delegation> {
    return this.write((db) => db.findOneByOrFail(Delegation, { id: delegationId }));
  }

  /** How many sessions a user's login tokens have started. */
  async sessionsOf(userId: string): Promise<number> {
    return (await this.sessionsOfUser(userId)).length;
  }

  sessionsOfUser(userId: string): Promise<Session[]> {
    return this.write((db) =>
      db
        .createQueryBuilder(Session, 's')
        .innerJoin(LoginToken, 't', 't.id = s.id')
        .where('t.userId = :userId', { userId })
        .getMany(),
    );
  }

  /** The sessions that the login token with this `jti` has started: one at most. */
  sessionsOfToken(id: string): Promise<Session[]> {
    return this.write((db) => db.findBy(Session, { id: toBytes(id) }));
  }

  /** Ends a user's sessions as a logout does. */
  async endSessions(userId: string): Promise<void> {
    await this.write((db) =>
      db.query(
        `UPDATE "sessions" SET "ends_at" = ${Date.now() - 1}, "end_reason" = 'LOGOUT' WHERE "id" IN (SELECT t."id" FROM "login_tokens" t WHERE t."user_id" = '${userId}')`,
      ),
    );
  }

  /** Revokes a user's login tokens. */
  async revokeLoginTokens(userId: string): Promise<void> {
    await this.write((db) =>
      db.query(`UPDATE "login_tokens" SET "revoked_at" = ${Date.now()} WHERE "user_id" = '${userId}'`),
    );
  }

  /** Lets logins of the last day be deleted, for tests whose clock is ahead of the database's. */
  async allowDeletionOfLogins(): Promise<void> {
    await this.write(async (db) => {
      for (const table of ['login_tokens', 'sessions']) {
        const isPostgres = db.dataSource.options.type === 'postgres';
        await db.query(`DROP TRIGGER IF EXISTS "${table}_delete"${isPostgres ? ` ON "${table}"` : ''}`);
      }
    });
  }

  async organization(name = 'Academy'): Promise<string> {
    const id = newId();
    await this.write((db) =>
      db.insert(Organization, {
        id,
        name,
        emailAddress: 'office@academy.example',
        locale: 'nl',
        createdAt: new Date(),
      }),
    );
    return id;
  }

  /** A third party's code is unique, so each call makes a new one. */
  async thirdParty(organizationId: string): Promise<string> {
    const code = `TP-${randomBytes(4).toString('hex')}`;
    await this.write((db) => db.insert(ThirdParty, { code, organizationId }));
    return code;
  }

  async user({
    name = 'Noor de Vries',
    status = 'ACTIVE',
    organizationId = null,
    emailAddress,
    thirdPartyId,
  }: UserOptions = {}): Promise<string> {
    const id = newId();
    await this.write(async (db) => {
      await db.insert(User, { id, type: 'USER', name, status, organizationId, createdAt: new Date() });
      if (emailAddress) await db.insert(EmailAddress, { address: emailAddress, userId: id, isPrimary: true });
      if (thirdPartyId)
        await db.insert(ThirdPartyId, { thirdParty: thirdPartyId[0], externalId: thirdPartyId[1], userId: id });
      await indexUser(db, id);
    });
    return id;
  }

  async group(organizationId: string, name = 'Class 2B'): Promise<string> {
    const id = newId();
    const now = new Date();
    await this.write(async (db) => {
      await db.insert(Group, {
        id,
        organizationId,
        name,
        description: name,
        customReference: null,
        createdAt: now,
        lastEditedAt: now,
      });
      await indexGroup(db, id);
    });
    return id;
  }

  async join(userId: string, groupId: string, status: Membership['status'] = 'JOINED'): Promise<void> {
    const now = new Date();
    await this.write((db) =>
      db.insert(Membership, {
        userId,
        groupId,
        status,
        invitedAt: status === 'INVITED' ? now : null,
        joinedAt: status === 'JOINED' ? now : null,
      }),
    );
  }

  async leave(userId: string, groupId: string): Promise<void> {
    await this.write((db) => db.delete(Membership, { userId, groupId }));
  }

  async allow(userId: string, groupId: string, permission: GroupPermission): Promise<void> {
    await this.write((db) => db.insert(GroupStaff, { userId, groupId, permission }));
  }

  async grant(userId: string, ...permissions: Permission[]): Promise<void> {
    await this.write((db) =>
      db.insert(
        AccountPermission,
        permissions.map((permission) => ({ userId, permission })),
      ),
    );
  }

  /** Makes an organization the origin's owner, whoever owned it before. */
  async origin(organizationId: string, origin: string): Promise<void> {
    await this.write(async (db) => {
      await db.delete(Origin, { origin, organizationId: Not(organizationId) });
      await insertOrIgnore(db, Origin, { origin, organizationId, proof: 'OPERATOR', since: new Date() });
    });
  }

  /** A client with origins that its organization owns. */
  async client(organizationId: string, ...origins: string[]): Promise<string> {
    const id = newClientId();
    for (const origin of origins) await this.origin(organizationId, origin);
    await this.write(async (db) => {
      await db.insert(Client, { id, name: 'Host', organizationId, createdAt: new Date() });
      if (origins.length > 0)
        await db.insert(
          ClientOrigin,
          origins.map((origin) => ({ clientId: id, origin, organizationId })),
        );
    });
    return id;
  }

  /** A staff user of `organizationId` with a client and a token. By default, the caller may obtain login tokens. */
  async caller({
    organizationId,
    permissions = ['OBTAIN_ACCESS_TOKENS'],
    origins = [],
  }: { organizationId?: string; permissions?: Permission[]; origins?: string[] } = {}): Promise<TestCaller> {
    const organization = organizationId ?? (await this.organization());
    const id = await this.user({ name: 'Host system', organizationId: organization });
    await this.write((db) => db.update(User, { id }, { staffOrganizationId: organization }));
    if (permissions.length > 0) await this.grant(id, ...permissions);
    const clientId = await this.client(organization, ...origins);
    const token = await this.app.get(CallerTokensService).mint({ by: 'id', id }, 3600, clientId);
    rememberSecret(token);
    return { id, clientId, organizationId: organization, token };
  }

  /** A user whom `caller` may let in, through a new group. */
  async userOf(caller: TestCaller, options: UserOptions = {}): Promise<{ id: string; groupId: string }> {
    const id = await this.user({ organizationId: caller.organizationId, ...options });
    const groupId = await this.group(caller.organizationId);
    await this.join(id, groupId);
    await this.allow(caller.id, groupId, 'MANAGE');
    return { id, groupId };
  }
}
