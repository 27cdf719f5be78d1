import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Database } from '../../database/database.js';
import { prune, pruneExpired } from '../../database/prune.js';

const STATEMENTS = ['oauth_records', 'used_assertions', 'revoked_tokens'].map((table) => pruneExpired(table, 'id'));

/** What is only kept for as long as something else is good. */
@Injectable()
export class ExpiredRecordsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Forgets sign-ins, codes and refresh tokens that have expired, and that an assertion was used or a token revoked
   * once it is refused for its age: their rows end after that, by more than the clock skew that is tolerated.
   */
  async prune(): Promise<void> {
    for (const statement of STATEMENTS) await prune(this.database, statement, [this.clock.now()]);
  }
}
