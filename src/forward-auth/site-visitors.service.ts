import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { KnownVisitors, visitorKey } from '../sessions/live/known-visitors.js';
import type { Visitor } from '../sessions/live/known-visitors.js';
import type { ShownCookie } from '../sessions/live/session-cookie.js';
import { SessionsService } from '../sessions/live/sessions.service.js';
import type { LiveSession } from '../sessions/live/session.js';
import { revocationEffect } from '../telemetry/metrics.js';
import { readThirdPartyIds, THIRD_PARTY_IDS } from '../users/third-party-ids-sql.js';

/**
 * Reads who a visitor is. Third-party IDs contain no line breaks and origins no spaces, so these separate them.
 * Third-party IDs are private: an organization that does not manage the account does not get them.
 */
const IDENTITY: Statement = {
  name: 'find_identity',
  sql: `SELECT u."name", e."address" AS "emailAddress",
          (SELECT ${THIRD_PARTY_IDS}
           FROM "third_party_ids" t WHERE t."user_id" = u."id" AND u."organization_id" = $3) AS "thirdPartyIds",
          (SELECT string_agg(o."origin", ' ' ORDER BY o."origin")
           FROM "client_origins" o WHERE o."client_id" = $2 AND o."organization_id" = $3) AS "origins"
        FROM "users" u LEFT JOIN "email_addresses" e ON e."user_id" = u."id" AND e."is_primary" = TRUE
        WHERE u."id" = $1`,
};

const IS_ORIGIN: Statement = {
  name: 'is_client_origin',
  sql: `SELECT 1 AS "yes" FROM "origins" o
        JOIN "client_origins" c ON c."organization_id" = o."organization_id" AND c."origin" = o."origin"
        WHERE o."origin" = $1 LIMIT 1`,
};

interface IdentityRow {
  name: string;
  emailAddress: string | null;
  thirdPartyIds: string | null;
  origins: string | null;
}

/**
 * Finds the visitor of a protected site for every request of the site. It queries the database every 1.5 s for each
 * session.
 */
@Injectable()
export class SiteVisitorsService {
  /** A session for https exists only at the https form of the public URL. */
  private readonly publicOrigins: string[];

  constructor(
    private readonly known: KnownVisitors,
    private readonly sessions: SessionsService,
    private readonly database: Database,
    private readonly clock: Clock,
    { PUBLIC_URL }: Settings,
  ) {
    this.publicOrigins = [PUBLIC_URL, PUBLIC_URL.replace(/^http:/, 'https:')];
  }

  /** The visitor with the first session that is live and counts on `site`, if the cache knows all of the sessions. */
  findCached(cookies: ShownCookie[], site: string): Visitor | undefined {
    for (const cookie of cookies) {
      const visitor = this.known.getCached(visitorKey(cookie));
      if (!visitor) return undefined;
      if (this.mayLetInto(site, visitor.origins)) return visitor;
    }
    return undefined;
  }

  /** Like `findCached`, with a query of the database where the cache has no answer. */
  async find(cookies: ShownCookie[], site: string): Promise<Visitor | null> {
    for (const cookie of cookies) {
      const visitor = await this.known.get(visitorKey(cookie), (before, usedUntil) =>
        this.identify(cookie, before, usedUntil),
      );
      if (visitor && this.mayLetInto(site, visitor.origins)) return visitor;
    }
    return null;
  }

  /**
   * Whether somebody with these origins may let users into the site. Otherwise a visitor could use the cookie of one
   * organization's site on that of another.
   */
  mayLetInto(site: string, origins: string[]): boolean {
    return this.publicOrigins.includes(site) || origins.includes(site);
  }

  /** Whether any client may let users into the site. */
  async isKnown(site: string): Promise<boolean> {
    if (this.publicOrigins.includes(site)) return true;
    return (await this.database.read(IS_ORIGIN, [site])).length > 0;
  }

  private async identify(
    cookie: ShownCookie,
    before: Visitor | undefined,
    usedUntil = -Infinity,
  ): Promise<Visitor | null> {
    const session = await this.sessions.find([cookie]);
    if (!session) {
      if (before) await this.measureEnd(before.session.id, usedUntil);
      return null;
    }
    const [row] = await this.database.read<IdentityRow>(IDENTITY, [
      session.userId,
      session.clientId,
      session.organizationId,
    ]);
    if (!row) return null;
    const visitor = toVisitor(session, row);
    // An unchanged visitor stays the same object, so that what was cached for it stays valid.
    return before && isSame(before, visitor) ? Object.assign(before, { session }) : visitor;
  }

  /** Measures for how long a session that somebody has ended was remembered as live at most. */
  private async measureEnd(sessionId: string, usedUntil: number): Promise<void> {
    const endedAt = await this.sessions.endOf(sessionId);
    if (!endedAt) return;
    const until = Math.min(usedUntil, this.clock.now().getTime());
    revocationEffect.observe(Math.max(until - endedAt.getTime(), 0) / 1000);
  }
}

function toVisitor(session: LiveSession, { name, emailAddress, thirdPartyIds, origins }: IdentityRow): Visitor {
  return {
    session,
    name,
    emailAddress,
    thirdPartyIds: readThirdPartyIds(thirdPartyIds),
    origins: origins?.split(' ') ?? [],
  };
}

/** Compares everything but the session, which is the same. */
function isSame(before: Visitor, now: Visitor): boolean {
  const session = null;
  return JSON.stringify({ ...before, session }) === JSON.stringify({ ...now, session });
}
