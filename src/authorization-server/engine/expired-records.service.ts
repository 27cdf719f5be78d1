import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Database } from '../../database/database.js';
import { prune, pruneExpired } from '../../database/prune.js';

const STATEMENTS = ['oauth_records', 'used_assertions', 'revoked_tokens'].map((table) => pruneExpired(table, 'id'));

/** Deletes records that have outlived what they are kept for. */
@Injectable()
export class ExpiredRecordsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Deletes expired sign-ins, codes and refresh tokens; and the records of used assertions and revoked tokens once
   * these are refused for their age. Those rows expire later than the token by more than the tolerated clock skew.
   */
  async prune(): Promise<void> {
    for (const statement of STATEMENTS) await prune(this.database, statement, [this.clock.now()]);
  }
}
