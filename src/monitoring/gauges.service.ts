import { Injectable } from '@nestjs/common';
import { LoginTokensService } from '../access/login-tokens.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Deadline } from '../common/deadline.js';
import { Database } from '../database/database.js';
import {
  connections,
  databaseReadOnly,
  databaseUp,
  retentionLag,
  signingKeyAge,
  webhookLag,
  writerQueue,
} from '../telemetry/metrics.js';
import { KeyRing } from '../tokens/key-ring.js';
import { KEY_PURPOSES } from '../tokens/signing-keys.service.js';
import { WebhookDeliveryService } from '../webhooks/webhook-delivery.service.js';

/** Milliseconds that reading may wait for the database. Prometheus gives up after ten seconds by default. */
const PATIENCE_MS = 2_000;

/** Reads what is not counted as it happens: the state of the database, of the keys and of the records. */
@Injectable()
export class GaugesService {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyRing,
    private readonly loginTokens: LoginTokensService,
    private readonly audit: AuditService,
    private readonly webhooks: WebhookDeliveryService,
    private readonly clock: Clock,
  ) {}

  /** Reads all of it. What the database does not tell in time keeps its last value. */
  async read(): Promise<void> {
    const { connections: now, waitingWrites } = this.database.load;
    connections.total.set(now.total);
    connections.idle.set(now.idle);
    connections.waiting.set(now.waiting);
    writerQueue.set(waitingWrites);
    webhookLag.set(this.webhooks.lagSeconds());
    try {
      await Deadline.in(PATIENCE_MS).run(() => this.readDatabase());
      databaseUp.set(1);
    } catch {
      databaseUp.set(0);
    }
  }

  private async readDatabase(): Promise<void> {
    const isReadOnly = await this.database.isReadOnly();
    if (isReadOnly !== null) databaseReadOnly.set(Number(isReadOnly));
    await this.keys.refresh();
    const now = this.clock.now();
    for (const purpose of KEY_PURPOSES)
      signingKeyAge[purpose].set(secondsBetween(this.keys.signing(purpose).signsFrom, now));
    retentionLag.logins.set(await this.loginTokens.retentionLag());
    retentionLag.audit_events.set(await this.audit.retentionLag());
  }
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(to.getTime() - from.getTime(), 0) / 1000;
}
