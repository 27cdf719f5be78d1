import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { Client } from '../schema/entities/client.entity.js';

/**
 * Finds a client of an organization, or of any organization if the operator passes `null`. @throws DomainError
 * `not_found`
 */
export async function requireClient(db: EntityManager, organizationId: string | null, id: string): Promise<Client> {
  const client = await db.findOneBy(Client, { id, ...(organizationId !== null && { organizationId }) });
  if (!client) throw new DomainError('not_found', 'There is no client with this ID.');
  return client;
}
