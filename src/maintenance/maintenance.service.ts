import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { LoginTokensService } from '../access/login-tokens.service.js';
import { AuditService } from '../audit/audit.service.js';
import { AttemptsService } from '../auth/attempts.service.js';

const INTERVAL_MS = 10 * 60_000;

/** Forgets what has ended long ago. Every instance does it; two at once do no harm. */
@Injectable()
export class MaintenanceService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Maintenance');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly loginTokens: LoginTokensService,
    private readonly attempts: AttemptsService,
    private readonly audit: AuditService,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => (this.running = this.prune()), INTERVAL_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  async prune(): Promise<void> {
    try {
      await this.loginTokens.prune();
      await this.attempts.prune();
      await this.audit.prune();
    } catch (error) {
      this.logger.error(`Could not forget old records; trying again in ten minutes. ${String(error)}`);
    }
  }
}
