import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { LoginTokensService } from '../access/login-tokens.service.js';
import { LogoutNoticesService } from '../applications/logout-notices.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Database } from '../database/database.js';
import { AttemptsService } from '../limits/attempts.service.js';
import { ExpiredRecordsService } from '../authorization-server/engine/expired-records.service.js';
import { ConsoleSessionsService } from '../sign-ins/console-sessions.service.js';
import { SigningKeysService } from '../tokens/signing-keys.service.js';
import { PasswordLinksService } from '../users/password-links.service.js';

export const INTERVAL_MS = 10 * 60_000;
/** Milliseconds after the start, so that an instance that never runs for long does it too. */
export const FIRST_MS = 60_000;

/** Deletes old records and rotates the signing keys. Every instance does so; two at once do no harm. */
@Injectable()
export class MaintenanceService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Maintenance');
  private timers: NodeJS.Timeout[] = [];
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly loginTokens: LoginTokensService,
    private readonly logoutNotices: LogoutNoticesService,
    private readonly attempts: AttemptsService,
    private readonly expiredRecords: ExpiredRecordsService,
    private readonly consoleSessions: ConsoleSessionsService,
    private readonly passwordLinks: PasswordLinksService,
    private readonly signingKeys: SigningKeysService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  onApplicationBootstrap(): void {
    const run = (): void => void (this.running = this.running.then(() => this.run()));
    this.timers = [setTimeout(run, FIRST_MS).unref(), setInterval(run, INTERVAL_MS).unref()];
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.database.isStopping = true;
    await this.running;
  }

  async run(): Promise<void> {
    await this.attempt('rotate the signing keys', () => this.signingKeys.rotateDue());
    await this.attempt('delete old records', () => this.prune());
  }

  async prune(): Promise<void> {
    await this.loginTokens.prune();
    await this.logoutNotices.prune();
    await this.attempts.prune();
    await this.expiredRecords.prune();
    await this.consoleSessions.prune();
    await this.passwordLinks.prune();
    await this.signingKeys.prune();
    await this.audit.prune();
  }

  private async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error(`Could not ${what}; trying again in ten minutes. ${String(error)}`);
    }
  }
}
