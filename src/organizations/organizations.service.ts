import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Caller } from '../auth/caller.js';
import { DomainError } from '../common/errors/errors.js';
import { UsersPolicy } from '../users/users.policy.js';
import type { OrganizationDto } from './dto/organization.dto.js';
import { Organization } from './organization.entity.js';
import { ThirdParty } from './third-party.entity.js';

@Injectable()
export class OrganizationsService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    @InjectRepository(ThirdParty) private readonly thirdParties: Repository<ThirdParty>,
    private readonly users: UsersPolicy,
  ) {}

  /**
   * The organization on whose staff the caller is; `self` stands for its id.
   *
   * @throws DomainError `not_linked_to_organization`, `not_found`, `not_permitted`
   */
  async get(caller: Caller, id: string): Promise<OrganizationDto> {
    return this.describe(await this.require(caller, id));
  }

  /** @throws DomainError `not_linked_to_organization`, `not_found`, `not_permitted` */
  async require(caller: Caller, id: string): Promise<Organization> {
    const own = await this.users.staffOrganizationOf(caller);
    if (own === null) throw new DomainError('not_linked_to_organization');
    const organization = await this.organizations.findOneBy({ id: id === 'self' ? own : id });
    if (!organization) throw new DomainError('not_found', 'There is no organization with this id.');
    if (organization.id !== own) throw new DomainError('not_permitted');
    return organization;
  }

  private async describe({ id, name, emailAddress, locale }: Organization): Promise<OrganizationDto> {
    const thirdParties = await this.thirdParties.find({ where: { organizationId: id }, order: { code: 'ASC' } });
    return {
      type: 'ORGANIZATION',
      id,
      name,
      emailAddress: emailAddress ?? undefined,
      locale: locale ?? undefined,
      thirdParties: thirdParties.map(({ code }) => code),
    };
  }
}
