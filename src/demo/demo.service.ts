import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { Clock } from '../common/clock.js';
import { newClientId, newId } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { indexGroup } from '../groups/group-search.js';
import { GroupStaff } from '../groups/group-staff.entity.js';
import { Group } from '../groups/group.entity.js';
import { Membership } from '../groups/membership.entity.js';
import { CallerTokensService } from '../oauth/caller-tokens.service.js';
import { ClientOrigin } from '../oauth/client-origin.entity.js';
import { Client } from '../oauth/client.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { ThirdParty } from '../organizations/third-party.entity.js';
import { AccountPermission, PERMISSIONS } from '../users/account-permission.entity.js';
import { EmailAddress } from '../users/email-address.entity.js';
import { ThirdPartyId } from '../users/third-party-id.entity.js';
import { indexUser } from '../users/user-search.js';
import { User } from '../users/user.entity.js';

const ADMINISTRATOR = 'admin@demo.example';
const FIRST_USER = 'anna@demo.example';
const THIRD_PARTY = 'LMS';
const CALLER_TOKEN_SECONDS = 24 * 60 * 60;

const USERS = [
  { name: 'Anna Jansen', emailAddress: FIRST_USER, thirdPartyId: '4711', group: 'Course: First aid' },
  {
    name: 'Björn Åkesson',
    emailAddress: 'bjorn@demo.example',
    thirdPartyId: 'staff/björn',
    group: 'Course: First aid',
  },
  { name: 'Chloé Dubois', emailAddress: 'chloe@demo.example', thirdPartyId: '4713', group: 'Course: Fire safety' },
];

/** A small organization to try the service with, made on an empty database in development. */
@Injectable()
export class DemoService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    private readonly database: Database,
    private readonly callerTokens: CallerTokensService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** What a newcomer needs first: the addresses, and one command that does the whole job. */
  async welcome(): Promise<string> {
    if ((await this.organizations.count()) === 0) await this.database.transaction((db) => this.seed(db));
    const url = this.settings.PUBLIC_URL;
    const token = await this.callerTokens
      .mint({ by: 'emailAddress', address: ADMINISTRATOR }, CALLER_TOKEN_SECONDS)
      .catch(() => null);
    if (!token) return `\n  Latchkey   ${url}\n  Swagger UI ${url}/docs\n\n`;
    return `
  Latchkey   ${url}
  Swagger UI ${url}/docs

  Let ${FIRST_USER} in: run this, and open the "url" of the answer in a browser.

curl -H 'Authorization: Bearer ${token}' ${url}/api/2.1.1/access/${FIRST_USER}

`;
  }

  private async seed(db: EntityManager): Promise<void> {
    const now = this.clock.now();
    const organizationId = newId();
    await db.insert(Organization, {
      id: organizationId,
      name: 'Demo Academy',
      emailAddress: 'office@demo.example',
      locale: 'en',
      createdAt: now,
    });
    await db.insert(ThirdParty, { code: THIRD_PARTY, organizationId });
    const administratorId = await this.addUser(db, organizationId, {
      name: 'Demo Administrator',
      emailAddress: ADMINISTRATOR,
    });
    await db.update(User, { id: administratorId }, { staffOrganizationId: organizationId });
    await db.insert(
      AccountPermission,
      PERMISSIONS.filter((name) => name !== 'MANAGE_ALL_GROUPS').map((permission) => ({
        userId: administratorId,
        permission,
      })),
    );
    await this.addClient(db, organizationId);
    for (const group of new Set(USERS.map((user) => user.group))) {
      await this.addGroup(db, organizationId, administratorId, group);
    }
  }

  private async addClient(db: EntityManager, organizationId: string): Promise<void> {
    const clientId = newClientId();
    await db.insert(Client, { id: clientId, name: 'Demo host system', organizationId, createdAt: this.clock.now() });
    await db.insert(ClientOrigin, { clientId, origin: 'http://localhost:4000' });
  }

  private async addGroup(
    db: EntityManager,
    organizationId: string,
    administratorId: string,
    name: string,
  ): Promise<void> {
    const now = this.clock.now();
    const groupId = newId();
    await db.insert(Group, {
      id: groupId,
      organizationId,
      name,
      description: name,
      customReference: null,
      createdAt: now,
      lastEditedAt: now,
    });
    await db.insert(GroupStaff, { userId: administratorId, groupId, permission: 'MANAGE' });
    await indexGroup(db, groupId);
    for (const user of USERS.filter(({ group }) => group === name)) {
      const userId = await this.addUser(db, organizationId, user);
      await db.insert(ThirdPartyId, { thirdParty: THIRD_PARTY, externalId: user.thirdPartyId, userId });
      await indexUser(db, userId);
      await db.insert(Membership, { userId, groupId, status: 'JOINED', invitedAt: null, joinedAt: now });
    }
  }

  private async addUser(
    db: EntityManager,
    organizationId: string,
    { name, emailAddress }: { name: string; emailAddress: string },
  ): Promise<string> {
    const id = newId();
    await db.insert(User, {
      id,
      type: 'USER',
      status: 'ACTIVE',
      name,
      locale: 'en',
      organizationId,
      createdAt: this.clock.now(),
    });
    await db.insert(EmailAddress, { address: emailAddress, userId: id, isPrimary: true });
    await indexUser(db, id);
    return id;
  }
}
