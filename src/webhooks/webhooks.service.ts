import { Injectable } from '@nestjs/common';
import { InjectEntityManager } from '@nestjs/typeorm';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { requireLegalAddress } from '../clients/client-addresses.js';
import type { Caller } from '../common/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { newId } from '../common/id.js';
import { Database } from '../database/database.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';
import type { WebhookKey } from '../schema/entities/webhook-key.entity.js';
import type { NewWebhookDto, ReplayDto, WebhookChangesDto } from './dto/webhook-fields.dto.js';
import type { CreatedWebhookDto, WebhookDto, WebhooksDto } from './dto/webhook.dto.js';
import { requireWebhook } from './require-webhook.js';
import { startOf } from '../record-feed/position.js';
import { describeKey, findSigning, WebhookKeysService } from './webhook-keys.service.js';
import { WebhooksPolicy } from './webhooks.policy.js';

/** How many webhooks an organization may have. */
export const MAX_WEBHOOKS = 20;

type Change = Partial<Omit<WebhookEndpoint, 'organization' | 'keys'>>;

/** Nothing that has failed counts any more. */
const TRIED_ANEW: Change = { failures: 0, failingSince: null, nextAt: null };

/**
 * Where an organization receives its events (docs/api.md, section 11.5). Methods that take `db` check no permission; the
 * caller has checked it.
 */
@Injectable()
export class WebhooksService {
  constructor(
    @InjectEntityManager() private readonly db: EntityManager,
    private readonly database: Database,
    private readonly policy: WebhooksPolicy,
    private readonly keys: WebhookKeysService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** The webhooks of the caller's organization, the oldest first. @throws DomainError `not_permitted` */
  async list(caller: Caller): Promise<WebhooksDto> {
    return { webhooks: await this.listOf(await this.policy.requireMaySee(caller)) };
  }

  async listOf(organizationId: string): Promise<WebhookDto[]> {
    const found = await this.db.find(WebhookEndpoint, {
      where: { organizationId },
      relations: { organization: true },
      order: { createdAt: 'ASC', id: 'ASC' },
    });
    return Promise.all(found.map((webhook) => this.describe(webhook)));
  }

  /** Finds a webhook. @throws DomainError `not_permitted`, `not_found` */
  async get(caller: Caller, id: string): Promise<WebhookDto> {
    await requireWebhook(this.db, await this.policy.requireMaySee(caller), id);
    return this.show(id);
  }

  /** Makes a webhook, which gets the events from now on. @throws DomainError `not_permitted`, and those of `insert` */
  async create(caller: Caller, fields: NewWebhookDto): Promise<CreatedWebhookDto> {
    const { id, secret } = await this.database.transaction(async (db) =>
      this.insert(db, await this.policy.requireMayChange(db, caller), fields, caller),
    );
    return { ...(await this.show(id)), secret };
  }

  /** Makes a webhook with a key. @throws DomainError `incorrect_field`, `limit_reached` */
  async insert(
    db: EntityManager,
    organizationId: string,
    { url, description = null, events = [], keyType }: NewWebhookDto,
    by: Caller | null,
  ): Promise<{ id: string; secret?: string }> {
    requireLegalAddress('url', url, []);
    if ((await db.countBy(WebhookEndpoint, { organizationId })) >= MAX_WEBHOOKS)
      throw new DomainError(
        'limit_reached',
        `An organization can have at most ${MAX_WEBHOOKS} webhooks. Delete one first.`,
      );
    const id = newId();
    const now = this.clock.now();
    const { at: cursorAt, rank: cursorRank, id: cursorId } = startOf(now);
    await db.insert(WebhookEndpoint, {
      id,
      organizationId,
      url,
      description,
      events: [...new Set(events)],
      createdAt: now,
      status: 'ENABLED',
      cursorAt,
      cursorRank,
      cursorId,
    });
    const { secret } = await this.keys.add(db, id, keyType);
    await this.record(db, 'WEBHOOK_CREATED', { id, organizationId }, by);
    return { id, secret };
  }

  /** Changes a webhook. @throws DomainError `not_permitted`, `not_found`, `incorrect_field` */
  async change(caller: Caller, id: string, changes: WebhookChangesDto): Promise<WebhookDto> {
    await this.database.transaction(async (db) => {
      const webhook = await requireWebhook(db, await this.policy.requireMayChange(db, caller), id);
      await this.update(db, webhook, changes, caller);
    });
    return this.show(id);
  }

  /** Changes what is given. @throws DomainError `incorrect_field` */
  async update(
    db: EntityManager,
    webhook: WebhookEndpoint,
    { url, description, events, status }: WebhookChangesDto,
    by: Caller | null,
  ): Promise<void> {
    if (url !== undefined) requireLegalAddress('url', url, []);
    const given = Object.entries({ url, description, events: events && [...new Set(events)] });
    const fields = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Change;
    const names = Object.keys(fields);
    const isDisabled = webhook.status === 'ENABLED' && status === 'DISABLED';
    if (webhook.status === 'DISABLED' && status === 'ENABLED') names.push('status');
    const change: Change = {
      ...fields,
      ...((status === 'ENABLED' || url !== undefined) && TRIED_ANEW),
      ...(status === 'ENABLED' && { status, disabledReason: null }),
      ...(isDisabled && { status, disabledReason: 'BY_ADMINISTRATOR' as const, nextAt: null }),
    };
    if (Object.keys(change).length === 0) return;
    await db.update(WebhookEndpoint, { id: webhook.id }, { ...change, version: () => '"version" + 1' });
    if (names.length > 0) await this.record(db, 'WEBHOOK_CHANGED', webhook, by, { fields: names });
    if (isDisabled) await this.record(db, 'WEBHOOK_DISABLED', webhook, by, { reason: 'BY_ADMINISTRATOR' });
  }

  /** Deletes a webhook. @throws DomainError `not_permitted`, `not_found` */
  remove(caller: Caller, id: string): Promise<void> {
    return this.database.transaction(async (db) => {
      const webhook = await requireWebhook(db, await this.policy.requireMayChange(db, caller), id);
      await this.delete(db, webhook, caller);
    });
  }

  async delete(db: EntityManager, webhook: WebhookEndpoint, by: Caller | null): Promise<void> {
    await db.delete(WebhookEndpoint, { id: webhook.id });
    await this.record(db, 'WEBHOOK_DELETED', webhook, by);
  }

  /** Sends a part of the record again. @throws DomainError `not_permitted`, `not_found`, `incorrect_field` */
  async replay(caller: Caller, id: string, range: ReplayDto): Promise<WebhookDto> {
    await this.database.transaction(async (db) => {
      const webhook = await requireWebhook(db, await this.policy.requireMayChange(db, caller), id);
      await this.startReplay(db, webhook, range, caller);
    });
    return this.show(id);
  }

  /**
   * Begins to send a part of the record again, with the IDs that its events had. It takes the place of a replay that is
   * under way. @throws DomainError `incorrect_field`
   */
  async startReplay(db: EntityManager, webhook: WebhookEndpoint, range: ReplayDto, by: Caller | null): Promise<void> {
    const now = this.clock.now();
    const from = new Date(range.from);
    const to = range.to === undefined || new Date(range.to) > now ? now : new Date(range.to);
    if (from >= to)
      throw new DomainError('incorrect_field', 'from must be before to, and before now.', {
        members: { field: 'from' },
      });
    const { at: replayAt, rank: replayRank, id: replayId } = startOf(from);
    const replay = { replayAt, replayRank, replayId, replayUntil: to };
    await db.update(WebhookEndpoint, { id: webhook.id }, { ...replay, version: () => '"version" + 1' });
    await this.record(db, 'WEBHOOK_REPLAYED', webhook, by);
  }

  async show(id: string): Promise<WebhookDto> {
    const where = { where: { id }, relations: { organization: true } };
    const found = await this.db.findOne(WebhookEndpoint, where);
    if (!found) throw new DomainError('not_found', 'The webhook was deleted meanwhile.');
    return this.describe(found);
  }

  private async describe(webhook: WebhookEndpoint): Promise<WebhookDto> {
    return toWebhookDto(webhook, await findSigning(this.db, webhook.id, this.clock.now()));
  }

  private record(
    db: EntityManager,
    event: 'WEBHOOK_CREATED' | 'WEBHOOK_CHANGED' | 'WEBHOOK_DISABLED' | 'WEBHOOK_REPLAYED' | 'WEBHOOK_DELETED',
    { id, organizationId }: Pick<WebhookEndpoint, 'id' | 'organizationId'>,
    by: Caller | null,
    more: AuditDetails = {},
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId, by, details: { webhook: id, ...more } });
  }
}

function toWebhookDto(webhook: WebhookEndpoint, keys: WebhookKey[]): WebhookDto {
  const { id, url, description, events, status, disabledReason, organization, replayAt, replayUntil } = webhook;
  return {
    type: 'WEBHOOK',
    id,
    url,
    description: description ?? undefined,
    events,
    status,
    disabledReason: disabledReason ?? undefined,
    keys: keys.map(describeKey),
    deliveredUntil: toIso(webhook.cursorAt),
    replay: replayAt && replayUntil ? { sentUntil: toIso(replayAt), to: toIso(replayUntil) } : undefined,
    failures: webhook.failures,
    failingSince: isoOf(webhook.failingSince),
    nextAttempt: isoOf(webhook.nextAt),
    lastError: webhook.lastError ?? undefined,
    lastSuccess: isoOf(webhook.lastSuccessAt),
    organization: { type: 'ORGANIZATION', id: organization.id, name: organization.name },
    created: toIso(webhook.createdAt),
  };
}

function isoOf(instant: Date | null): string | undefined {
  return instant ? toIso(instant) : undefined;
}
