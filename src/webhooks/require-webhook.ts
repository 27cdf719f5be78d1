import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';

/**
 * Finds a webhook of an organization, or of any organization if the operator passes `null`. @throws DomainError
 * `not_found`
 */
export async function requireWebhook(
  db: EntityManager,
  organizationId: string | null,
  id: string,
): Promise<WebhookEndpoint> {
  const found = await db.findOneBy(WebhookEndpoint, { id, ...(organizationId !== null && { organizationId }) });
  if (!found) throw new DomainError('not_found', 'There is no webhook with this ID.');
  return found;
}
