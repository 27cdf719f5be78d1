import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { Client } from '../schema/entities/client.entity.js';

/** A client of the organization, or for the operator, `null`, of any. @throws DomainError `not_found` */
export async function requireClient(db: EntityManager, organizationId: string | null, id: string): Promise<Client> {
  const client = await db.findOneBy(Client, { id, ...(organizationId !== null && { organizationId }) });
  if (!client) throw new DomainError('not_found', 'There is no client with this id.');
  return client;
}
