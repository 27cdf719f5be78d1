import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { hashSecret, newId, newSecret } from '../common/id.js';
import { Database } from '../database/database.js';
import { ClientSecret } from '../schema/entities/client-secret.entity.js';
import type { Client } from '../schema/entities/client.entity.js';
import type { ClientSecretDto, NewClientSecretDto } from './dto/client.dto.js';
import { OAuthPolicy } from './oauth.policy.js';
import { requireClient } from './require-client.js';

/** How many secrets a client may have at a time. */
export const MAX_SECRETS = 5;

/**
 * The secrets of clients (docs/api.md, section 9.2). A client may have several, so that one can be replaced without an
 * interruption. Methods that take `db` check no permission; the caller has checked it.
 */
@Injectable()
export class ClientSecretsService {
  constructor(
    private readonly database: Database,
    private readonly policy: OAuthPolicy,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Adds a secret. @throws DomainError `not_permitted`, `not_found`, `client_has_no_secret`, `limit_reached` */
  add(caller: Caller, clientId: string): Promise<NewClientSecretDto> {
    return this.database.transaction(async (db) => {
      const client = await requireClient(db, await this.policy.requireMayChange(db, caller), clientId);
      return this.insert(db, client, caller);
    });
  }

  /** Adds a secret beside the existing ones. @throws DomainError `client_has_no_secret`, `limit_reached` */
  async insert(
    db: EntityManager,
    { id, isPublic, jwks, organizationId }: Client,
    by: Caller | null,
  ): Promise<NewClientSecretDto> {
    if (isPublic || jwks !== null) throw new DomainError('client_has_no_secret');
    if ((await db.countBy(ClientSecret, { clientId: id })) >= MAX_SECRETS)
      throw new DomainError('limit_reached', `A client can have at most ${MAX_SECRETS} secrets. Delete one first.`);
    const added = await addSecret(db, id, this.clock);
    const details = { client: id, secret: added.id };
    await this.audit.record(db, { event: 'CLIENT_SECRET_ADDED', organizationId, by, details });
    return added;
  }

  /** Deletes a secret. @throws DomainError `not_permitted`, `not_found` */
  async remove(caller: Caller, clientId: string, id: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const client = await requireClient(db, await this.policy.requireMayChange(db, caller), clientId);
      await this.delete(db, client, id, caller);
    });
  }

  /** Deletes a secret, so that nobody can authenticate with it any more. @throws DomainError `not_found` */
  async delete(
    db: EntityManager,
    { id: clientId, organizationId }: Client,
    id: string,
    by: Caller | null,
  ): Promise<void> {
    if (!(await db.existsBy(ClientSecret, { id, clientId })))
      throw new DomainError('not_found', 'The client has no secret with this ID.');
    await db.delete(ClientSecret, { id, clientId });
    const details = { client: clientId, secret: id };
    await this.audit.record(db, { event: 'CLIENT_SECRET_REMOVED', organizationId, by, details });
  }
}

/** Makes a secret and stores its hash only. */
export async function addSecret(db: EntityManager, clientId: string, clock: Clock): Promise<NewClientSecretDto> {
  const secret = newSecret();
  const row = { id: newId(), clientId, secretHash: hashSecret(secret), createdAt: clock.now() };
  await db.insert(ClientSecret, row);
  return { ...shownSecret(row), secret };
}

export function shownSecret({ id, createdAt }: Pick<ClientSecret, 'id' | 'createdAt'>): ClientSecretDto {
  return { id, created: toIso(createdAt) };
}
