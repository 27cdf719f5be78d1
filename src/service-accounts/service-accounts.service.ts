import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { newClientId, newId } from '../common/id.js';
import { pageById } from '../http/paging.js';
import { Database } from '../database/database.js';
import { indexUser } from '../users/user-search.js';
import { User } from '../schema/entities/user.entity.js';
import { Client } from '../schema/entities/client.entity.js';
import { ClientsService } from '../clients/clients.service.js';
import type { PageQueryDto } from '../http/paging.js';
import type { NewServiceAccountDto, ServiceAccountDto, ServiceAccountsDto } from './dto/service-account.dto.js';
import { OAuthPolicy } from '../clients/oauth.policy.js';
import { requireServiceAccount } from './require-service-account.js';
import { ServiceAccount } from '../schema/entities/service-account.entity.js';

/**
 * Service accounts, which are staff but not people (docs/api.md, sections 9.3 and 12.4). Methods that take `db` check
 * no permission; the caller has checked it.
 */
@Injectable()
export class ServiceAccountsService {
  constructor(
    @InjectRepository(ServiceAccount) private readonly accounts: Repository<ServiceAccount>,
    private readonly clients: ClientsService,
    private readonly database: Database,
    private readonly policy: OAuthPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Lists the organization's service accounts. @throws DomainError `not_permitted` */
  async list(caller: Caller, query: PageQueryDto): Promise<ServiceAccountsDto> {
    return this.listOf(await this.policy.requireMaySee(caller), query);
  }

  async listOf(organizationId: string, query: PageQueryDto): Promise<ServiceAccountsDto> {
    const all = this.accounts
      .createQueryBuilder('s')
      .innerJoin('s.user', 'u')
      .where('u.organizationId = :organizationId', { organizationId });
    const { ids, pagination } = await pageById(all, 's.userId', query);
    return { serviceAccounts: await this.showAll(ids), pagination };
  }

  /** Finds a service account. @throws DomainError `not_permitted`, `not_found` */
  async get(caller: Caller, id: string): Promise<ServiceAccountDto> {
    await requireServiceAccount(this.accounts.manager, await this.policy.requireMaySee(caller), id);
    return this.show(id);
  }

  /** Creates a service account. @throws DomainError `not_permitted` */
  async create(caller: Caller, { name }: NewServiceAccountDto): Promise<ServiceAccountDto> {
    const id = await this.database.transaction(async (db) =>
      this.insert(db, await this.policy.requireMayChange(db, caller), name, caller),
    );
    return this.show(id);
  }

  /**
   * Creates a service account on the organization's staff, without any rights yet, and the client that it calls with.
   */
  async insert(db: EntityManager, organizationId: string, name: string, by: Caller | null): Promise<string> {
    const [id, clientId, createdAt] = [newId(), newClientId(), this.clock.now()];
    await db.insert(User, {
      id,
      type: 'SERVICE_ACCOUNT',
      status: 'ACTIVE',
      name,
      organizationId,
      staffOrganizationId: organizationId,
      createdAt,
    });
    await indexUser(db, id);
    await db.insert(Client, { id: clientId, name, organizationId, isPublic: true, createdAt });
    await db.insert(ServiceAccount, { userId: id, clientId, createdAt });
    await this.audit.record(db, { event: 'SERVICE_ACCOUNT_CREATED', organizationId, userId: id, by });
    return id;
  }

  /** Deletes a service account. @throws DomainError `not_permitted`, `not_found`, `cannot_delete_self` */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const account = await requireServiceAccount(db, await this.policy.requireMayChange(db, caller), id);
      await this.policy.requireMayDelete(db, caller, account);
      await this.delete(db, account, caller);
    });
  }

  /** Deletes a service account with its keys, its rights, its own client, and everything that came from them. */
  async delete(db: EntityManager, { id, organizationId }: User, by: Caller | null): Promise<void> {
    const { clientId } = await db.findOneByOrFail(ServiceAccount, { userId: id });
    await this.revocation.revokeAllOf(db, 'account', id, by);
    await db.delete(User, { id });
    await this.clients.delete(db, clientId, by);
    await this.audit.record(db, { event: 'SERVICE_ACCOUNT_DELETED', organizationId, userId: id, by });
  }

  private async show(id: string): Promise<ServiceAccountDto> {
    return (await this.showAll([id]))[0]!;
  }

  private async showAll(ids: string[]): Promise<ServiceAccountDto[]> {
    if (ids.length === 0) return [];
    const found = await this.accounts.find({
      where: { userId: In(ids) },
      relations: { user: { organization: true } },
      order: { userId: 'ASC' },
    });
    return found.map(({ user, clientId, createdAt }) => ({
      type: 'SERVICE_ACCOUNT',
      id: user.id,
      name: user.name,
      status: user.status,
      clientId,
      organization: { type: 'ORGANIZATION', id: user.organization!.id, name: user.organization!.name },
      created: toIso(createdAt),
    }));
  }
}
