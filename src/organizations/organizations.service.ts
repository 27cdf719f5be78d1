import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { isThirdPartyCode } from '../common/user-ref.js';
import { UsersPolicy } from '../users/users.policy.js';
import type { OrganizationFieldsDto } from './dto/organization-fields.dto.js';
import type { OrganizationDto } from './dto/organization.dto.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';

@Injectable()
export class OrganizationsService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    @InjectRepository(ThirdParty) private readonly thirdParties: Repository<ThirdParty>,
    private readonly users: UsersPolicy,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Whether there is an organization: without one, nobody can do anything yet. */
  existsAny(): Promise<boolean> {
    return this.organizations.exists();
  }

  /**
   * Finds the organization on whose staff the caller is. `self` stands for its ID.
   *
   * @throws DomainError `not_linked_to_organization`, `not_found`, `not_permitted`
   */
  async get(caller: Caller, id: string): Promise<OrganizationDto> {
    return this.toDto(await this.require(caller, id));
  }

  /** Finds the caller's organization. @throws DomainError `not_linked_to_organization`, `not_found`, `not_permitted` */
  async require(caller: Caller, id: string): Promise<Organization> {
    const own = await this.users.staffOrganizationOf(caller);
    if (own === null) throw new DomainError('not_linked_to_organization');
    // The error does not reveal whether there is another organization with this ID.
    if (id !== 'self' && id !== own) throw new DomainError('not_permitted');
    return this.organizations.findOneByOrFail({ id: own });
  }

  /**
   * Changes the settings of the caller's organization. @throws DomainError `not_linked_to_organization`,
   * `not_permitted`, `incorrect_field`
   */
  async change(caller: Caller, id: string, { requiresPasskeys }: OrganizationFieldsDto): Promise<OrganizationDto> {
    const { id: organizationId } = await this.require(caller, id);
    await this.database.transaction(async (db) => {
      await this.users.requireStaffManager(db, caller, organizationId);
      await this.requirePasskeys(db, organizationId, requiresPasskeys, caller);
    });
    return this.get(caller, organizationId);
  }

  /**
   * Lets the organization's staff sign in with a passkey only, or with a password alone again. Somebody without a
   * passkey adds one first. @throws DomainError `incorrect_field` where browsers can't make passkeys
   */
  async requirePasskeys(db: EntityManager, id: string, isRequired: boolean, by: Caller | null): Promise<void> {
    if (isRequired && !this.settings.allowsPasskeys)
      throw new DomainError('incorrect_field', 'Passkeys need a public URL with https and a host name.');
    const changed = await db.update(
      Organization,
      { id, requiresPasskeys: !isRequired },
      { requiresPasskeys: isRequired },
    );
    if (changed.affected !== 1) return;
    const event = isRequired ? 'PASSKEYS_REQUIRED' : 'PASSKEYS_NOT_REQUIRED';
    await this.audit.record(db, { event, organizationId: id, by });
  }

  /** Creates an organization without any staff. Only the operator can. @throws Error if the name is taken */
  async insert(
    db: EntityManager,
    { name, emailAddress, locale }: Pick<Organization, 'name' | 'emailAddress' | 'locale'>,
  ): Promise<string> {
    if (await db.existsBy(Organization, { name }))
      throw new Error(`There is already an organization ${JSON.stringify(name)}.`);
    const id = newId();
    await db.insert(Organization, { id, name, emailAddress, locale, createdAt: this.clock.now() });
    await this.audit.record(db, { event: 'ORGANIZATION_CREATED', organizationId: id, by: null });
    return id;
  }

  /**
   * Adds a third party to the organization. Its code must be unique. @throws Error if the code is malformed or taken
   */
  async addThirdParty(db: EntityManager, organizationId: string, code: string): Promise<void> {
    if (!isThirdPartyCode(code))
      throw new Error(
        'A code must have 1 to 64 letters, digits, "_", "." and "-", and must start with a letter or digit.',
      );
    const isNew = !(await db.existsBy(ThirdParty, { code }));
    await insertOrIgnore(db, ThirdParty, { code, organizationId });
    const { organizationId: holder } = await db.findOneByOrFail(ThirdParty, { code });
    if (holder !== organizationId) throw new Error(`Another organization already has the third party ${code}.`);
    if (!isNew) return;
    const details = { thirdParty: code };
    await this.audit.record(db, { event: 'THIRD_PARTY_ADDED', organizationId, by: null, details });
  }

  private async toDto({ id, name, emailAddress, locale, requiresPasskeys }: Organization): Promise<OrganizationDto> {
    const thirdParties = await this.thirdParties.find({ where: { organizationId: id }, order: { code: 'ASC' } });
    return {
      type: 'ORGANIZATION',
      id,
      name,
      emailAddress: emailAddress ?? undefined,
      locale: locale ?? undefined,
      thirdParties: thirdParties.map(({ code }) => code),
      requiresPasskeys,
    };
  }
}
