import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { readThirdPartyIds, THIRD_PARTY_IDS } from '../../users/third-party-ids-sql.js';

/** Third parties are known within one organization, so only its own applications learn the IDs of its users. */
const FIND: Statement = {
  name: 'find_claims_of_account',
  sql: `SELECT u."name", u."locale", u."time_zone" AS "zoneinfo", e."address" AS "email",
          (SELECT ${THIRD_PARTY_IDS}
           FROM "third_party_ids" t JOIN "clients" c ON c."id" = $2 AND c."organization_id" = u."organization_id"
           WHERE t."user_id" = u."id") AS "thirdPartyIds"
        FROM "users" u LEFT JOIN "email_addresses" e ON e."user_id" = u."id" AND e."is_primary" = TRUE
        WHERE u."id" = $1`,
};

interface Row {
  name: string;
  locale: string | null;
  zoneinfo: string | null;
  email: string | null;
  thirdPartyIds: string | null;
}

/** What an application may learn of an account (OpenID Connect Core 1.0, section 5.1). */
export interface AccountClaims {
  sub: string;
  name?: string;
  locale?: string;
  zoneinfo?: string;
  email?: string;
  email_verified?: true;
  third_party_ids?: Record<string, string>;
  [claim: string]: unknown;
}

@Injectable()
export class AccountClaimsService {
  constructor(private readonly database: Database) {}

  /** The claims about an account for an application. A claim without a value is left out. */
  async of(sub: string, clientId: string): Promise<AccountClaims> {
    const [row] = await this.database.read<Row>(FIND, [sub, clientId]);
    if (!row) return { sub };
    const { name, locale, zoneinfo, email, thirdPartyIds } = row;
    return {
      sub,
      name,
      ...(locale !== null && { locale }),
      ...(zoneinfo !== null && { zoneinfo }),
      // An address that names an account has been verified.
      ...(email !== null && { email, email_verified: true as const }),
      ...(thirdPartyIds !== null && { third_party_ids: toObject(thirdPartyIds) }),
    };
  }
}

function toObject(thirdPartyIds: string): Record<string, string> {
  return Object.fromEntries(readThirdPartyIds(thirdPartyIds).map(({ thirdParty, id }) => [thirdParty, id]));
}
