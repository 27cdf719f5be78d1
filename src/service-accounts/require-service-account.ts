import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { User } from '../schema/entities/user.entity.js';

/**
 * Finds a service account of an organization, or of any organization if the operator passes `null`. @throws DomainError
 * `not_found`
 */
export async function requireServiceAccount(
  db: EntityManager,
  organizationId: string | null,
  id: string,
): Promise<User> {
  const where = { id, type: 'SERVICE_ACCOUNT', ...(organizationId !== null && { organizationId }) } as const;
  const account = await db.findOneBy(User, where);
  if (!account) throw new DomainError('not_found', 'There is no service account with this ID.');
  return account;
}
