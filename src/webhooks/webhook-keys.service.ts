import { Injectable } from '@nestjs/common';
import { MoreThan, IsNull } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { Database } from '../database/database.js';
import { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';
import { WebhookKey } from '../schema/entities/webhook-key.entity.js';
import type { WebhookKeyType } from '../schema/entities/webhook-key.entity.js';
import type { CreatedWebhookKeyDto, WebhookKeyDto } from './dto/webhook.dto.js';
import { requireWebhook } from './require-webhook.js';
import { WebhookKeySeal } from './webhook-key-seal.js';
import { newWebhookKey, shownSecret } from './webhook-signature.js';
import { WebhooksPolicy } from './webhooks.policy.js';

/** How many keys of a webhook may sign at a time. */
export const MAX_SIGNING_KEYS = 5;
/** Seconds for which a key signs beside the one that has replaced it. */
const OVERLAP_SECONDS = SECONDS_PER_DAY;

/**
 * The keys of webhooks (docs/api.md, section 11.5). Methods that take `db` check no permission; the caller has checked
 * it.
 */
@Injectable()
export class WebhookKeysService {
  constructor(
    private readonly database: Database,
    private readonly policy: WebhooksPolicy,
    private readonly seal: WebhookKeySeal,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Replaces the key of a webhook. @throws DomainError `not_permitted`, `not_found`, `limit_reached` */
  rotate(caller: Caller, id: string, type?: WebhookKeyType): Promise<CreatedWebhookKeyDto> {
    return this.database.transaction(async (db) => {
      const webhook = await requireWebhook(db, await this.policy.requireMayChange(db, caller), id);
      return this.replace(db, webhook, type, caller);
    });
  }

  /** Makes a key that signs from now on. The others sign for another day. @throws DomainError `limit_reached` */
  async replace(
    db: EntityManager,
    { id: endpointId, organizationId }: WebhookEndpoint,
    type: WebhookKeyType | undefined,
    by: Caller | null,
  ): Promise<CreatedWebhookKeyDto> {
    const now = this.clock.now();
    const signing = await findSigning(db, endpointId, now);
    if (signing.length >= MAX_SIGNING_KEYS)
      throw new DomainError(
        'limit_reached',
        `${MAX_SIGNING_KEYS} keys of the webhook sign. The oldest stops ${toIso(signing.at(-1)!.signsUntil!)}.`,
      );
    const latest = signing.find(({ signsUntil }) => signsUntil === null);
    await db.update(WebhookKey, { endpointId, signsUntil: IsNull() }, { signsUntil: addSeconds(now, OVERLAP_SECONDS) });
    await db.update(WebhookEndpoint, { id: endpointId }, { version: () => '"version" + 1' });
    const made = await this.add(db, endpointId, type ?? latest?.type ?? 'ED25519');
    const details = { webhook: endpointId, key: made.id };
    await this.audit.record(db, { event: 'WEBHOOK_KEY_ADDED', organizationId, by, details });
    return made;
  }

  /** Adds a key. */
  async add(db: EntityManager, endpointId: string, type: WebhookKeyType): Promise<CreatedWebhookKeyDto> {
    const { publicKey, secretPart } = newWebhookKey(type);
    const id = newId();
    const sealedKey = this.seal.seal(id, secretPart);
    const key = { id, endpointId, type, publicKey, sealedKey, createdAt: this.clock.now(), signsUntil: null };
    await db.insert(WebhookKey, key);
    return { ...describeKey(key), secret: publicKey === null ? shownSecret(secretPart) : undefined };
  }
}

/** The keys of a webhook that sign now, the latest first. */
export async function findSigning(db: EntityManager, endpointId: string, now: Date): Promise<WebhookKey[]> {
  const keys = await db.find(WebhookKey, {
    where: [
      { endpointId, signsUntil: IsNull() },
      { endpointId, signsUntil: MoreThan(now) },
    ],
  });
  return keys.toSorted((a, b) => endOf(b) - endOf(a));
}

function endOf({ signsUntil }: WebhookKey): number {
  return signsUntil?.getTime() ?? Infinity;
}

export function describeKey(
  key: Pick<WebhookKey, 'id' | 'type' | 'publicKey' | 'createdAt' | 'signsUntil'>,
): WebhookKeyDto {
  return {
    id: key.id,
    type: key.type,
    publicKey: key.publicKey ?? undefined,
    created: toIso(key.createdAt),
    signsUntil: key.signsUntil ? toIso(key.signsUntil) : undefined,
  };
}
