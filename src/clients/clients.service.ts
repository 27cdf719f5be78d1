import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Not } from 'typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { RevocationService } from '../rights/revocation.service.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { DomainError } from '../common/errors/errors.js';
import { newClientId } from '../common/id.js';
import { pageById } from '../http/paging.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { setApplicationFields } from './application-fields.js';
import { requireLegalOrigins, requireLegalRedirectUris } from './client-addresses.js';
import { ClientOrigin } from '../schema/entities/client-origin.entity.js';
import { ClientRedirectUri } from '../schema/entities/client-redirect-uri.entity.js';
import { ClientSecret } from '../schema/entities/client-secret.entity.js';
import { addSecret, shownSecret } from './client-secrets.service.js';
import { Client } from '../schema/entities/client.entity.js';
import { CONSOLE_NAME, consoleClientOf } from './console-client.js';
import { EXPLORER_CLIENT, OAUTH2_REDIRECT } from './explorer-client.js';
import type { Compatibility } from '../schema/entities/client.entity.js';
import type { ClientChangesDto, NewClientDto } from './dto/client-fields.dto.js';
import type { PageQueryDto } from '../http/paging.js';
import type { ClientDto, ClientsDto, CreatedClientDto, JwksDto } from './dto/client.dto.js';
import { Origin } from '../schema/entities/origin.entity.js';
import { OriginsService } from './origins.service.js';
import { OAuthPolicy } from './oauth.policy.js';
import { OAuthRecord } from '../schema/entities/oauth-record.entity.js';
import { readJwks } from '../tokens/public-keys.js';
import { requireClient } from './require-client.js';
import { ServiceAccount } from '../schema/entities/service-account.entity.js';

type FilledClient = Pick<Client, 'id' | 'isPublic' | 'organizationId' | 'compatibility'>;

const SHOWN = { organization: true, origins: true, redirectUris: true } as const;

const ORIGINS_OF_CALLER: Statement = {
  name: 'find_origins_of_caller',
  sql: `SELECT o."origin" FROM "client_origins" o JOIN "users" u ON u."staff_organization_id" = o."organization_id"
        WHERE o."client_id" = $1 AND u."id" = $2`,
};

/**
 * The applications that call the API or sign users in (docs/api.md, section 9.1). Methods that take `db` check no permission; the caller
 * has checked it.
 */
@Injectable()
export class ClientsService {
  constructor(
    @InjectRepository(Client) private readonly clients: Repository<Client>,
    private readonly database: Database,
    private readonly origins: OriginsService,
    private readonly policy: OAuthPolicy,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  find(id: string): Promise<Client | null> {
    return this.clients.findOneBy({ id });
  }

  /** The first client that an organization registered, or `null`. */
  findFirstOf(organizationId: string): Promise<Client | null> {
    return this.clients.findOne({ where: { organizationId }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /**
   * The origins to which the caller may lead users through its client: those of the client that belong to the
   * organization on whose staff the caller is.
   */
  async originsOf({ clientId, userId }: Pick<Caller, 'clientId' | 'userId'>): Promise<string[]> {
    const rows = await this.database.read<{ origin: string }>(ORIGINS_OF_CALLER, [clientId, userId]);
    return rows.map(({ origin }) => origin);
  }

  /** Lists the organization's clients. @throws DomainError `not_permitted` */
  async list(caller: Caller, query: PageQueryDto): Promise<ClientsDto> {
    return this.listOf(await this.policy.requireMaySee(caller), query);
  }

  async listOf(organizationId: string, query: PageQueryDto): Promise<ClientsDto> {
    const all = this.clients.createQueryBuilder('c').where('c.organizationId = :organizationId', { organizationId });
    const { ids, pagination } = await pageById(all, 'c.id', query);
    return { clients: await this.showAll(ids), pagination };
  }

  /** Finds a client. @throws DomainError `not_permitted`, `not_found` */
  async get(caller: Caller, id: string): Promise<ClientDto> {
    await requireClient(this.clients.manager, await this.policy.requireMaySee(caller), id);
    return this.show(id);
  }

  /** Registers a client. @throws DomainError `not_permitted`, and the errors of the fields */
  async create(caller: Caller, fields: NewClientDto): Promise<CreatedClientDto> {
    const { id, secret } = await this.database.transaction(async (db) =>
      this.insert(db, await this.policy.requireMayChange(db, caller), fields, caller),
    );
    return { ...(await this.show(id)), secret };
  }

  /** Registers a client, with a secret if it needs one. @throws DomainError the errors of the fields */
  async insert(
    db: EntityManager,
    organizationId: string,
    { name, isPublic, ...fields }: NewClientDto,
    by: Caller | null,
  ): Promise<{ id: string; secret?: string }> {
    const { compatibility = null } = fields;
    const client = { id: newClientId(), name, organizationId, isPublic, compatibility, createdAt: this.clock.now() };
    await db.insert(Client, client);
    await this.fill(db, client, fields, by);
    await this.record(db, 'CLIENT_CREATED', client, by);
    if (isPublic || fields.jwks) return { id: client.id };
    return { id: client.id, secret: (await addSecret(db, client.id, this.clock)).secret };
  }

  /**
   * Lets people sign in at this service's API explorer, /docs. It is a public client with a redirect URI on the public
   * URL.
   */
  async allowExplorer(db: EntityManager, organizationId: string): Promise<void> {
    const client = { id: EXPLORER_CLIENT, name: 'Swagger UI', organizationId, isPublic: true };
    if (!(await db.existsBy(Client, { id: EXPLORER_CLIENT }))) {
      await db.insert(Client, { ...client, createdAt: this.clock.now() });
      await this.record(db, 'CLIENT_CREATED', client, null);
    }
    const uri = this.settings.PUBLIC_URL + OAUTH2_REDIRECT;
    await insertOrIgnore(db, ClientRedirectUri, { clientId: EXPLORER_CLIENT, uri });
  }

  /**
   * Registers the client through which people of an organization call the API in the console, unless there is one.
   * Nobody can sign in by it, as long as it has no redirect URI.
   */
  async ensureConsole(db: EntityManager, organizationId: string): Promise<string> {
    const client = { id: consoleClientOf(organizationId), name: CONSOLE_NAME, organizationId, isPublic: true };
    if (await db.existsBy(Client, { id: client.id })) return client.id;
    await insertOrIgnore(db, Client, { ...client, createdAt: this.clock.now() });
    await this.record(db, 'CLIENT_CREATED', client, null);
    return client.id;
  }

  /** Changes a client. @throws DomainError `not_permitted`, `not_found`, and the errors of the fields */
  async change(caller: Caller, id: string, changes: ClientChangesDto): Promise<ClientDto> {
    await this.database.transaction(async (db) => {
      const client = await requireClient(db, await this.policy.requireMayChange(db, caller), id);
      await this.update(db, client, changes, caller);
    });
    return this.show(id);
  }

  /** Changes the given fields of a client. @throws DomainError the errors of the fields */
  async update(db: EntityManager, client: Client, changes: ClientChangesDto, by: Caller | null): Promise<void> {
    await this.fill(db, client, changes, by);
    const fields = Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : name));
    await this.record(db, 'CLIENT_CHANGED', client, by, { fields });
  }

  /**
   * Deletes a client and everything that came from it. @throws DomainError `not_permitted`, `not_found`,
   * `client_in_use`
   */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const client = await requireClient(db, await this.policy.requireMayChange(db, caller), id);
      await this.delete(db, client.id, caller);
    });
  }

  /**
   * Deletes a client with its login tokens, their sessions, and its codes, refresh tokens and grants. Its access tokens
   * are refused from then on.
   *
   * @throws DomainError `client_in_use`
   */
  async delete(db: EntityManager, id: string, by: Caller | null): Promise<void> {
    if (await db.existsBy(ServiceAccount, { clientId: id })) throw new DomainError('client_in_use');
    await db.delete(OAuthRecord, { clientId: id });
    const { organizationId } = await db.findOneByOrFail(Client, { id });
    await this.revocation.revokeAllOf(db, 'client', id, by);
    await db.delete(Client, { id });
    await this.record(db, 'CLIENT_DELETED', { id, organizationId }, by);
  }

  async show(id: string): Promise<ClientDto> {
    return (await this.showAll([id]))[0]!;
  }

  private record(
    db: EntityManager,
    event: 'CLIENT_CREATED' | 'CLIENT_CHANGED' | 'CLIENT_DELETED' | 'CLIENT_SECRET_REMOVED',
    { id, organizationId }: Pick<Client, 'id' | 'organizationId'>,
    by: Caller | null,
    more: AuditDetails = {},
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, by, details: { client: id, ...more } });
  }

  private async fill(
    db: EntityManager,
    client: FilledClient,
    changes: ClientChangesDto,
    by: Caller | null,
  ): Promise<void> {
    const { id, isPublic } = client;
    const { name, redirectUris, origins, embedOrigin, jwks, compatibility = client.compatibility } = changes;
    const httpHosts = this.settings.httpRedirectHostsOf(compatibility);
    if (name !== undefined) await db.update(Client, { id }, { name });
    if (changes.compatibility !== undefined) await this.setCompatibility(db, client, compatibility, redirectUris);
    if (redirectUris) {
      requireLegalRedirectUris(redirectUris, { isPublic, httpHosts });
      await db.delete(ClientRedirectUri, { clientId: id });
      for (const uri of new Set(redirectUris)) await db.insert(ClientRedirectUri, { clientId: id, uri });
    }
    if (origins) await this.setOrigins(db, client, [...new Set(origins)], by);
    if (embedOrigin !== undefined) await setEmbedOrigin(db, id, embedOrigin);
    if (jwks !== undefined) await this.setKeys(db, client, jwks, by);
    await setApplicationFields(db, id, changes, httpHosts);
  }

  /**
   * Sets a client's origins. If the operator gives it an origin that belongs to nobody, the origin becomes the
   * organization's.
   */
  private async setOrigins(
    db: EntityManager,
    { id: clientId, organizationId }: FilledClient,
    origins: string[],
    by: Caller | null,
  ): Promise<void> {
    requireLegalOrigins(origins);
    if (by === null)
      for (const origin of origins) await this.origins.add(db, { origin, organizationId, proof: 'OPERATOR', by });
    else await requireOwned(db, organizationId, origins);
    await db.delete(ClientOrigin, { clientId, origin: Not(In(origins)) });
    for (const origin of origins) await insertOrIgnore(db, ClientOrigin, { clientId, origin, organizationId });
    await this.revocation.revokeTokensOfRemovedFrames(db, clientId, by);
  }

  /** Sets the compatibility. When it is turned off, the client's remaining redirect URIs must be legal without it. */
  private async setCompatibility(
    db: EntityManager,
    { id, isPublic }: FilledClient,
    compatibility: Compatibility | null,
    newUris?: string[],
  ): Promise<void> {
    await db.update(Client, { id }, { compatibility });
    if (newUris) return;
    const uris = (await db.findBy(ClientRedirectUri, { clientId: id })).map(({ uri }) => uri);
    requireLegalRedirectUris(uris, { isPublic, httpHosts: this.settings.httpRedirectHostsOf(compatibility) });
  }

  /** Sets a client's keys and deletes its secrets, since a client has one or the other. */
  private async setKeys(
    db: EntityManager,
    client: FilledClient,
    jwks: string | null,
    by: Caller | null,
  ): Promise<void> {
    const { id, isPublic } = client;
    if (jwks && isPublic)
      throw new DomainError('invalid_jwks', 'A public client cannot have keys, because it does not authenticate.');
    if (!jwks) return void (await db.update(Client, { id }, { jwks: null }));
    await db.update(Client, { id }, { jwks: readJwks(jwks), tokenEndpointAuthMethod: null });
    const secrets = await db.find(ClientSecret, { where: { clientId: id }, order: { createdAt: 'ASC', id: 'ASC' } });
    await db.delete(ClientSecret, { clientId: id });
    for (const secret of secrets) await this.record(db, 'CLIENT_SECRET_REMOVED', client, by, { secret: secret.id });
  }

  private async showAll(ids: string[]): Promise<ClientDto[]> {
    if (ids.length === 0) return [];
    const db = this.clients.manager;
    const found = await this.clients.find({ where: { id: In(ids) }, relations: SHOWN, order: { id: 'ASC' } });
    const secrets = await db.find(ClientSecret, {
      where: { clientId: In(ids) },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
    const accounts = new Map(
      (await db.findBy(ServiceAccount, { clientId: In(ids) })).map((row) => [row.clientId, row]),
    );
    return found.map((client) => {
      const own = secrets.filter(({ clientId }) => clientId === client.id);
      return toClientDto(client, own, accounts.get(client.id));
    });
  }
}

async function setEmbedOrigin(db: EntityManager, clientId: string, origin: string | null): Promise<void> {
  await db.update(ClientOrigin, { clientId, isEmbedDefault: true }, { isEmbedDefault: false });
  if (origin === null) return;
  const { affected } = await db.update(ClientOrigin, { clientId, origin }, { isEmbedDefault: true });
  if (affected !== 1)
    throw new DomainError('invalid_origin', 'embedOrigin must be one of the origins of the client.', {
      members: { field: 'embedOrigin' },
    });
}

async function requireOwned(db: EntityManager, organizationId: string, origins: string[]): Promise<void> {
  for (const origin of origins)
    if (!(await db.existsBy(Origin, { origin, organizationId })))
      throw new DomainError(
        'origin_not_owned',
        `${JSON.stringify(origin)} does not belong to the organization. Claim it first: POST origins.`,
        { members: { field: 'origins' } },
      );
}

function toClientDto(client: Client, secrets: ClientSecret[], account: ServiceAccount | undefined): ClientDto {
  const { id, name, isPublic, organization, jwks, compatibility, createdAt } = client;
  return {
    type: 'CLIENT',
    id,
    name,
    isPublic,
    redirectUris: client.redirectUris.map(({ uri }) => uri).toSorted(),
    origins: client.origins.map(({ origin }) => origin).toSorted(),
    embedOrigin: client.origins.find(({ isEmbedDefault }) => isEmbedDefault)?.origin,
    jwks: jwks === null ? undefined : (JSON.parse(jwks) as JwksDto),
    tokenEndpointAuthMethod: client.tokenEndpointAuthMethod ?? undefined,
    idTokenSignedResponseAlg: client.idTokenSignedResponseAlg,
    initiateLoginUri: client.initiateLoginUri ?? undefined,
    startUri: client.startUri ?? undefined,
    hostUri: client.hostUri ?? undefined,
    postLogoutRedirectUris: client.postLogoutRedirectUris,
    backchannelLogoutUri: client.backchannelLogoutUri ?? undefined,
    backchannelLogoutSessionRequired: client.backchannelLogoutSessionRequired,
    compatibility: compatibility ?? undefined,
    secrets: secrets.map(shownSecret),
    serviceAccountId: account?.userId,
    organization: { type: 'ORGANIZATION', id: organization.id, name: organization.name },
    created: toIso(createdAt),
  };
}
