import { isIPv4 } from 'node:net';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { hashSecret, newClientId, newId, newSecret } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { StartError } from '../config/start-error.js';
import { Database } from '../database/database.js';
import { indexGroup } from '../groups/group-search.js';
import { GroupStaff } from '../schema/entities/group-staff.entity.js';
import { Group } from '../schema/entities/group.entity.js';
import { Membership } from '../schema/entities/membership.entity.js';
import { CallerTokensService } from '../clients/caller-tokens.service.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { ClientOrigin } from '../schema/entities/client-origin.entity.js';
import { ClientRedirectUri } from '../schema/entities/client-redirect-uri.entity.js';
import { ClientSecret } from '../schema/entities/client-secret.entity.js';
import { Client } from '../schema/entities/client.entity.js';
import { Origin } from '../schema/entities/origin.entity.js';
import { ServiceAccountKey } from '../schema/entities/service-account-key.entity.js';
import { EXPLORER_CLIENT, OAUTH2_REDIRECT } from '../clients/explorer-client.js';
import { newKeyPair } from '../service-accounts/service-account-keys.service.js';
import { ServiceAccount } from '../schema/entities/service-account.entity.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';
import { AccountPermission, PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';
import { startOf } from '../record-feed/position.js';
import { PasswordsService } from '../users/passwords.service.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { indexUser } from '../users/user-search.js';
import { User } from '../schema/entities/user.entity.js';
import { WebhookKeysService } from '../webhooks/webhook-keys.service.js';

const ADMINISTRATOR = 'admin@demo.example';
const FIRST_USER = 'anna@demo.example';
const THIRD_PARTY = 'LMS';
/** For development only: it is printed at every start. */
const PASSWORD = 'demo administrator';
const CALLER_TOKEN_SECONDS = SECONDS_PER_DAY;

interface DemoUser {
  id?: string;
  name: string;
  emailAddress: string;
  thirdPartyId?: string;
  /** An address that has not been verified yet. */
  unverified?: string;
  /** The permissions of an account on the staff. */
  staff?: Permission[];
}

/** The IDs in the API's examples are the same everywhere, so that a pasted example works. */
const USERS: DemoUser[] = [
  {
    name: 'Demo Administrator',
    emailAddress: ADMINISTRATOR,
    staff: PERMISSIONS.filter((name) => name !== 'MANAGE_ALL_GROUPS'),
  },
  {
    id: 'Zk1cVq0rTtWm8sQXq3bVxg',
    name: 'Anna Jansen',
    emailAddress: FIRST_USER,
    thirdPartyId: '4711',
    unverified: 'anna@home.example',
  },
  { name: 'Björn Åkesson', emailAddress: 'bjorn@demo.example', thirdPartyId: 'staff/björn', staff: [] },
  { name: 'Chloé Dubois', emailAddress: 'chloe@demo.example', thirdPartyId: '4713' },
  { name: 'Dana Evers', emailAddress: 'dana@demo.example', staff: ['CREATE_GROUPS'] },
];

const GROUPS = [
  {
    id: 'b4nWmQ2hR8q0k5m1tYx7Jw',
    name: 'Course: First aid',
    members: [FIRST_USER, 'bjorn@demo.example'],
    viewer: 'dana@demo.example',
  },
  { id: newId(), name: 'Course: Fire safety', members: ['chloe@demo.example'] },
];

/** Another organization, which has invited the administrator, so that there is an invitation to answer. */
const PARTNER = { organization: 'Demo Partner', groupId: 'pX9sKd3LwQ7vB2nR5tYh0A', group: 'Exchange' };

/** The address of the demo organization's site. */
const HOST_ORIGIN = 'http://localhost:4000';

/** A client that the examples change and delete. Nobody has its secret or private key. */
const PORTAL = {
  name: 'Learning portal',
  clientId: 'd3e0a1c2b3f4958677a8b9cadbecfd0e',
  secretId: 'Cs9sdXkQwT2m8sQXq3bVxg',
  accountId: 'Sa7vKq2LwT0m8sQXq3bVxg',
  keyId: 'Kq3vKq2LwT0m8sQXq3bVxg',
};

const WEBHOOK = { id: 'Wh6vKq2LwT0m8sQXq3bVxg', url: `${HOST_ORIGIN}/webhooks`, description: 'Access reports' };

/** A small organization to try the service with. It is created in an empty database in development. */
@Injectable()
export class DemoService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    private readonly database: Database,
    private readonly callerTokens: CallerTokensService,
    private readonly passwords: PasswordsService,
    private readonly webhookKeys: WebhookKeysService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Everybody knows the demo's password, so the demo must be reachable from this machine only.
   *
   * @throws StartError if there is a demo that others could reach
   */
  async requireOutOfReach(): Promise<void> {
    const { NODE_ENV, HOST } = this.settings;
    const isOnlyHere = NODE_ENV === 'development' && isLoopback(HOST);
    if (isOnlyHere || NODE_ENV === 'test' || !(await this.hasKnownPassword())) return;
    throw new StartError(
      'The database has the demo organization, whose password is public. Start the service in development on a loopback address (HOST=localhost), or use another database.',
    );
  }

  private async hasKnownPassword(): Promise<boolean> {
    return (await this.passwords.check(ADMINISTRATOR, PASSWORD)).passwordFrom !== null;
  }

  /** What a newcomer needs first: the addresses, and one command that runs a complete login. */
  async welcome(): Promise<string> {
    if (!isLoopback(this.settings.HOST))
      return `\n  There is no demo organization: its password is known, and HOST=${this.settings.HOST} is not a loopback address.\n  Create your own organization: npm run latchkey -- organizations create --help\n\n`;
    if ((await this.organizations.count()) === 0) {
      const administratorId = await this.database.transaction((db) => this.seed(db));
      await this.passwords.setKnown(administratorId, PASSWORD);
    }
    const url = this.settings.PUBLIC_URL;
    await this.allowSwaggerUi(url);
    const token = await this.callerTokens
      .mint({ by: 'emailAddress', address: ADMINISTRATOR }, CALLER_TOKEN_SECONDS)
      .catch(() => null);
    if (!token) return `\n  Latchkey   ${url}\n  Console    ${url}/console\n  Swagger UI ${url}/docs\n\n`;
    return `
  Latchkey   ${url}
  Console    ${url}/console, sign in as ${ADMINISTRATOR} with the password: ${PASSWORD}
  Swagger UI ${url}/docs, for the same account

  Let ${FIRST_USER} in: run this, and open the "url" of the answer in a browser.

curl -H 'Authorization: Bearer ${token}' ${url}/api/2.1.1/access/${FIRST_USER}

`;
  }

  /** The public URL may differ at every start. */
  private async allowSwaggerUi(url: string): Promise<void> {
    const clientId = EXPLORER_CLIENT;
    await this.database.transaction(async (db) => {
      if (await db.existsBy(Client, { id: clientId }))
        await insertOrIgnore(db, ClientRedirectUri, { clientId, uri: url + OAUTH2_REDIRECT });
    });
  }

  private async seed(db: EntityManager): Promise<string> {
    const organizationId = await this.addOrganization(db, 'Demo Academy', 'kWlTj0xqQ1m7Yc5fGZ0s2A');
    await db.insert(ThirdParty, { code: THIRD_PARTY, organizationId });
    const ids = new Map<string, string>();
    for (const user of USERS) ids.set(user.emailAddress, await this.addUser(db, organizationId, user));
    const administratorId = ids.get(ADMINISTRATOR)!;
    for (const { id, name, members, viewer } of GROUPS) {
      await this.addGroup(db, organizationId, id, name);
      await db.insert(GroupStaff, { userId: administratorId, groupId: id, permission: 'MANAGE' });
      if (viewer) await db.insert(GroupStaff, { userId: ids.get(viewer)!, groupId: id, permission: 'VIEW' });
      for (const member of members) await this.addMember(db, ids.get(member)!, id, 'JOINED');
    }
    await this.addClients(db, organizationId);
    await this.addServiceAccount(db, organizationId);
    await this.addWebhook(db, organizationId);
    const partnerId = await this.addOrganization(db, PARTNER.organization, newId());
    await this.addGroup(db, partnerId, PARTNER.groupId, PARTNER.group);
    await this.addMember(db, administratorId, PARTNER.groupId, 'INVITED');
    return administratorId;
  }

  private async addOrganization(db: EntityManager, name: string, id: string): Promise<string> {
    const emailAddress = 'office@demo.example';
    await db.insert(Organization, { id, name, emailAddress, locale: 'en', createdAt: this.clock.now() });
    return id;
  }

  private async addClients(db: EntityManager, organizationId: string): Promise<void> {
    const clientId = newClientId();
    const now = this.clock.now();
    // A host that was written for Drillster can be tried with this client unchanged.
    const host = { id: clientId, name: 'Demo host system', organizationId, compatibility: 'drillster' } as const;
    await db.insert(Client, { ...host, createdAt: now });
    await db.insert(Origin, { origin: HOST_ORIGIN, organizationId, proof: 'OPERATOR', since: now });
    await db.insert(ClientOrigin, { clientId, origin: HOST_ORIGIN, organizationId });
    // The first client must be the one that the printed token is for.
    const createdAt = addSeconds(now, 1);
    const swaggerUi = { id: EXPLORER_CLIENT, name: 'Swagger UI', organizationId, isPublic: true };
    await db.insert(Client, { ...swaggerUi, createdAt });
    const { clientId: id, name, secretId } = PORTAL;
    await db.insert(Client, { id, name, organizationId, createdAt });
    await db.insert(ClientSecret, { id: secretId, clientId: id, secretHash: hashSecret(newSecret()), createdAt });
  }

  private async addServiceAccount(db: EntityManager, organizationId: string): Promise<void> {
    const { accountId: userId, name, keyId } = PORTAL;
    const [clientId, createdAt] = [newClientId(), addSeconds(this.clock.now(), 1)];
    const account = { id: userId, type: 'SERVICE_ACCOUNT', status: 'ACTIVE', name, organizationId } as const;
    await db.insert(User, { ...account, staffOrganizationId: organizationId, createdAt });
    await indexUser(db, userId);
    await db.insert(Client, { id: clientId, name, organizationId, isPublic: true, createdAt });
    await db.insert(ServiceAccount, { userId, clientId, createdAt });
    const { key, algorithm } = newKeyPair();
    const jwk = JSON.stringify(key.export({ format: 'jwk' }));
    await db.insert(ServiceAccountKey, { id: keyId, userId, algorithm, jwk, createdAt, revokedAt: null });
  }

  /** It is disabled, because nobody answers at its address. */
  private async addWebhook(db: EntityManager, organizationId: string): Promise<void> {
    const now = this.clock.now();
    const { at: cursorAt, rank: cursorRank, id: cursorId } = startOf(now);
    await db.insert(WebhookEndpoint, {
      ...WEBHOOK,
      organizationId,
      events: ['SESSION_STARTED', 'SESSION_ENDED'],
      createdAt: now,
      status: 'DISABLED',
      disabledReason: 'BY_ADMINISTRATOR',
      cursorAt,
      cursorRank,
      cursorId,
    });
    await this.webhookKeys.add(db, WEBHOOK.id, 'ED25519');
  }

  private async addGroup(db: EntityManager, organizationId: string, id: string, name: string): Promise<void> {
    const now = this.clock.now();
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
  }

  private async addMember(
    db: EntityManager,
    userId: string,
    groupId: string,
    status: Membership['status'],
  ): Promise<void> {
    const now = this.clock.now();
    const [joinedAt, invitedAt] = status === 'JOINED' ? [now, null] : [null, now];
    await db.insert(Membership, { userId, groupId, status, invitedAt, joinedAt });
  }

  private async addUser(
    db: EntityManager,
    organizationId: string,
    { id = newId(), name, emailAddress, thirdPartyId, unverified, staff }: DemoUser,
  ): Promise<string> {
    await db.insert(User, {
      id,
      type: 'USER',
      status: 'ACTIVE',
      name,
      locale: 'en',
      organizationId,
      staffOrganizationId: staff ? organizationId : null,
      createdAt: this.clock.now(),
    });
    await db.insert(EmailAddress, { address: emailAddress, userId: id, isPrimary: true });
    if (thirdPartyId) await db.insert(ThirdPartyId, { thirdParty: THIRD_PARTY, externalId: thirdPartyId, userId: id });
    if (unverified) await db.insert(UnverifiedEmailAddress, { userId: id, address: unverified, isPrimary: false });
    for (const permission of staff ?? []) await db.insert(AccountPermission, { userId: id, permission });
    await indexUser(db, id);
    return id;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
