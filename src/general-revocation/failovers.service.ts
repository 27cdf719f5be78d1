import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { DataSource, Not } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { Settings } from '../config/settings.js';
import type { Found, HistoryGate } from '../database/history-gate.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { ANSWER_MS, openUnlimited } from '../database/postgres-limits.js';
import { codeOf } from '../database/unavailable.js';
import type { Effects } from '../rights/revocation.service.js';
import { dataSourceOptions } from '../schema/data-source.js';
import { ServerHistory } from '../schema/entities/server-history.entity.js';
import { GeneralRevocationService } from './general-revocation.service.js';

/**
 * The timeline is part of the names of files of the write-ahead log, which change at once. The control file tells it
 * only after the first checkpoint.
 */
export const FIND_HISTORY = `
  SELECT now."history", EXISTS (SELECT 1 FROM "server_histories" h WHERE h."history" = now."history") AS "isRecorded"
  FROM (
    SELECT c."system_identifier" || '/' ||
      ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS "history"
    FROM pg_control_system() c
  ) now`;
/**
 * Milliseconds after which nothing counts that this instance has read before, or asks for an instant from before. Both
 * last no longer than a request may.
 */
const HOLD_MS = ANSWER_MS + 400;
/** PostgreSQL forbids or lacks a function, as some services that imitate it do. */
const UNTOLD = /^(0A000|42501|42883)$/;

interface Recognized {
  history: string;
  /** Whether it is another one than before. */
  isOther: boolean;
  /** What was revoked here for that. */
  effects?: Effects;
}

/**
 * Notices that PostgreSQL goes on from an earlier state: a standby has taken over, or a backup was restored. What was
 * committed last may be lost then. So everything is revoked before any connection to that server is lent, unless
 * FAILOVER says that nothing gets lost.
 */
@Injectable()
export class FailoversService implements OnModuleInit {
  private readonly logger = new Logger('Failover');
  private known?: string;

  constructor(
    private readonly dataSource: DataSource,
    private readonly revocations: GeneralRevocationService,
    private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.settings.DATABASE_URL) return;
    const { gate } = (this.dataSource.options as unknown as { extra: { gate: HistoryGate } }).extra;
    try {
      const [found] = await this.dataSource.query<Found[]>(FIND_HISTORY);
      this.known = found!.isRecorded ? found!.history : await this.recognize();
    } catch (error) {
      if (!UNTOLD.test(codeOf(error))) throw error;
      this.logger.warn(
        `A failover will not be noticed, because this PostgreSQL does not tell its history: ${(error as Error).message}. Run latchkey revoke-all after a failover that may have lost commits.`,
      );
      return;
    }
    gate.close({ question: FIND_HISTORY, known: this.known, recognize: () => this.recognize() });
  }

  /**
   * Makes the history of the server the recorded one, and revokes everything if it was another. Of several instances,
   * one does, and the others wait for it.
   */
  private async recognize(): Promise<string> {
    // The pool lends no connection now, and its time limits are for requests.
    const dataSource = await openUnlimited(dataSourceOptions(this.settings) as PostgresDataSourceOptions);
    let recognized: Recognized;
    try {
      recognized = await dataSource.transaction((db) => this.recognizeIn(db));
    } finally {
      await dataSource.destroy();
    }
    const { history, isOther, effects } = recognized;
    this.known = history;
    if (effects)
      this.logger.warn(
        `Everything is revoked. Ended: ${effects.sessions} open sessions, ${effects.tokens} unused login tokens.`,
      );
    if (isOther && this.settings.FAILOVER === 'revoke') await setTimeout(HOLD_MS);
    return history;
  }

  private async recognizeIn(db: EntityManager): Promise<Recognized> {
    const [found] = await db.query<Found[]>(FIND_HISTORY);
    const { history } = found!;
    const before = this.known ?? history;
    // The row may be lost too. The first instance that ever starts makes it.
    await insertOrIgnore(db, ServerHistory, { id: 1, history: before });
    const { affected } = await db.update(ServerHistory, { history: Not(history) }, { history });
    if (affected === 0) return { history, isOther: history !== before };
    const what = `PostgreSQL has another history than before, ${history} (system identifier/timeline)`;
    if (this.settings.FAILOVER === 'trust') {
      this.logger.warn(`${what}. Nothing is revoked, because FAILOVER=trust says that no commit gets lost.`);
      return { history, isOther: true };
    }
    this.logger.warn(`${what}. It may have lost what was committed last, so everything is revoked …`);
    return { history, isOther: true, effects: await this.revocations.revokeIn(db, 'FAILOVER') };
  }
}
