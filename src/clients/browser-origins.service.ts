import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CACHE_MS, RecentAnswers } from '../common/recent-answers.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

const LOAD: Statement = {
  name: 'load_browser_origins',
  sql: `SELECT o."origin" AS "address" FROM "client_origins" o JOIN "clients" c ON c."id" = o."client_id" WHERE c."is_public"
        UNION
        SELECT r."uri" FROM "client_redirect_uris" r JOIN "clients" c ON c."id" = r."client_id"
        WHERE c."is_public" AND (r."uri" LIKE 'http://%' OR r."uri" LIKE 'https://%')`,
};

/**
 * The origins whose pages may read answers of the API: those of public clients, which run in such pages. They are read
 * from the database together, at most every 1.5 seconds, so that a page that sends requests from many origins causes no
 * further queries.
 */
@Injectable()
export class BrowserOriginsService {
  private readonly answers: RecentAnswers<ReadonlySet<string>>;

  constructor(
    private readonly database: Database,
    clock: Clock,
  ) {
    this.answers = new RecentAnswers(clock, { size: 1, lifetimeMs: CACHE_MS });
  }

  /** Whether an origin is one of them. While the database can't be reached, none is. */
  async includes(origin: string): Promise<boolean> {
    const origins = await this.answers.get('all', () => this.load()).catch(() => null);
    return origins?.has(origin) ?? false;
  }

  private async load(): Promise<ReadonlySet<string>> {
    const rows = await this.database.read<{ address: string }>(LOAD, []);
    return new Set(rows.map(({ address }) => new URL(address).origin));
  }
}
