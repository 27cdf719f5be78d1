import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CACHE_MS, RecentAnswers } from '../common/recent-answers.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';

/** The most origins whose applications are remembered. */
const CACHE_SIZE = 10_000;

/** Finds the applications of whoever owns an origin. An organization owns it alone, so they are of one organization. */
const APPLICATIONS: Statement = {
  name: 'find_applications_on_origin',
  sql: `SELECT c."initiate_login_uri" AS "initiateLoginUri", c."start_uri" AS "startUri"
        FROM "origins" o
        JOIN "client_origins" p ON p."organization_id" = o."organization_id" AND p."origin" = o."origin"
        JOIN "clients" c ON c."id" = p."client_id"
        WHERE o."origin" = $1 AND (c."initiate_login_uri" IS NOT NULL OR c."start_uri" IS NOT NULL)
        ORDER BY c."created_at", c."id"`,
};

interface ApplicationRow {
  initiateLoginUri: string | null;
  startUri: string | null;
}

/** Where an application begins a login. */
interface Beginning {
  uri: URL;
  takesTarget: boolean;
}

/**
 * Finds where a login leads whose target is a page of an application (docs/api.md, section 5.11). It queries the
 * database every 1.5 s for each origin.
 */
@Injectable()
export class LandingsService {
  private readonly beginnings: RecentAnswers<Beginning[]>;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    clock: Clock,
  ) {
    this.beginnings = new RecentAnswers(clock, { size: CACHE_SIZE, lifetimeMs: CACHE_MS });
  }

  /**
   * The address at which the application of `returnTo` begins a login of this user, or `null` if `returnTo` is no page
   * of an application.
   */
  async landingOf(userId: string, returnTo: string): Promise<string | null> {
    const beginning = await this.find(returnTo);
    return beginning && this.leadTo(beginning, userId, returnTo);
  }

  /** Whether a login with this target leads to an application. */
  async isOfApplication(returnTo: string): Promise<boolean> {
    return (await this.find(returnTo)) !== null;
  }

  /**
   * Where the application of `returnTo` begins. If the database can't tell, it is `null` too: the login token may be used
   * up by now, and an error would lose the session.
   */
  private async find(returnTo: string): Promise<Beginning | null> {
    if (returnTo.startsWith('/')) return null;
    try {
      const target = new URL(returnTo);
      const known = (await this.beginnings.get(target.origin, () => this.findOn(target.origin))) ?? [];
      return known.length === 0 ? null : closestTo(target, known);
    } catch (error) {
      new Logger(LandingsService.name).warn(`A login leads to its target as it is: ${(error as Error).message}`);
      return null;
    }
  }

  private async findOn(origin: string): Promise<Beginning[]> {
    const rows = await this.database.read<ApplicationRow>(APPLICATIONS, [origin]);
    return rows.flatMap(({ initiateLoginUri, startUri }) =>
      [
        ...(initiateLoginUri ? [{ uri: new URL(initiateLoginUri), takesTarget: true }] : []),
        ...(startUri ? [{ uri: new URL(startUri), takesTarget: false }] : []),
      ]
        .filter(({ uri }) => uri.origin === origin)
        .slice(0, 1),
    );
  }

  /** OpenID Connect Core 1.0, section 4. The query that the address has stays as it is. */
  private leadTo({ uri, takesTarget }: Beginning, userId: string, returnTo: string): string {
    if (!takesTarget) return uri.href;
    const query = new URLSearchParams({
      iss: this.settings.PUBLIC_URL,
      target_link_uri: returnTo,
      login_hint: userId,
    });
    return `${uri.href}${uri.href.includes('?') ? '&' : '?'}${query}`;
  }
}

/** Several applications may share an origin: the one whose address has the most leading folders in common. */
function closestTo({ pathname }: URL, beginnings: Beginning[]): Beginning {
  const folders = pathname.split('/');
  const shared = ({ uri }: Beginning): number => {
    const others = uri.pathname.split('/');
    const end = folders.findIndex((folder, index) => folder !== others[index]);
    return end === -1 ? folders.length : end;
  };
  return beginnings.reduce((best, one) => (shared(one) > shared(best) ? one : best));
}
