import { Injectable } from '@nestjs/common';
import { Database, toInstant } from '../database/database.js';
import type { Statement } from '../database/statement.js';

const FIND: Statement = {
  name: 'examine_proof',
  sql: `SELECT p."changed_at" AS "passwordFrom", o."requires_passkeys" AS "requiresPasskeys",
               EXISTS (SELECT 1 FROM "passkeys" k WHERE k."user_id" = u."id") AS "hasPasskeys",
               EXISTS (SELECT 1 FROM "passkeys" k WHERE k."user_id" = u."id" AND k."id" = $2) AS "hasThisPasskey"
        FROM "users" u
        LEFT JOIN "passwords" p ON p."user_id" = u."id"
        LEFT JOIN "organizations" o ON o."id" = u."staff_organization_id"
        WHERE u."id" = $1 AND u."type" = 'USER' AND u."status" = 'ACTIVE'`,
};

interface Row {
  passwordFrom: Date | string | null;
  requiresPasskeys: unknown;
  hasPasskeys: unknown;
  hasThisPasskey: unknown;
}

/** How somebody signed in. A sign-in session keeps it as text, and ends when it is no longer valid. */
export type Proof = { by: 'PASSWORD' | 'RECOVERY_CODE'; passwordFrom: string } | { by: 'PASSKEY'; passkeyId: string };

/**
 * What a proof is worth: `enough` to sign in; `passkey_required` or `passkey_missing` if the organization requires a
 * passkey of its staff, which the account has or has not; nothing, because it is `invalid`.
 */
export type Worth = 'enough' | 'passkey_required' | 'passkey_missing' | 'invalid';

/** The form in which a session keeps a proof: when the password was set, or the passkey. */
export function toText(proof: Proof): string {
  if (proof.by === 'PASSKEY') return `passkey ${proof.passkeyId}`;
  return proof.by === 'PASSWORD' ? proof.passwordFrom : `recovery ${proof.passwordFrom}`;
}

function fromText(text: string): Proof {
  const [kind, value] = text.split(' ', 2);
  if (kind === 'passkey' && value) return { by: 'PASSKEY', passkeyId: value };
  if (kind === 'recovery' && value) return { by: 'RECOVERY_CODE', passwordFrom: value };
  return { by: 'PASSWORD', passwordFrom: text };
}

/** How the user of a session with this proof has signed in. */
export function kindOfProof(text: string): Proof['by'] {
  return fromText(text).by;
}

/** Decides what a password, a passkey or a recovery code is worth after somebody has given it. */
@Injectable()
export class ProofsService {
  constructor(private readonly database: Database) {}

  /**
   * A password that is set while somebody signs in can't end their sign-in yet, so this check must. Without a proof, the
   * account must belong to an active person.
   */
  async worthOf(accountId: string, text?: string): Promise<Worth> {
    const proof = text === undefined ? null : fromText(text);
    const [row] = await this.database.read<Row>(FIND, [accountId, proof?.by === 'PASSKEY' ? proof.passkeyId : '']);
    if (!row) return 'invalid';
    if (!proof) return 'enough';
    if (proof.by === 'PASSKEY') return row.hasThisPasskey ? 'enough' : 'invalid';
    if (row.passwordFrom === null || toInstant(row.passwordFrom).toISOString() !== proof.passwordFrom) return 'invalid';
    if (!row.requiresPasskeys || proof.by === 'RECOVERY_CODE') return 'enough';
    return row.hasPasskeys ? 'passkey_required' : 'passkey_missing';
  }
}

/** The proof of a session in which the user has just changed their password. */
export function afterPasswordChange(text: string | undefined, passwordFrom: string): string {
  const proof = text === undefined ? null : fromText(text);
  if (proof?.by === 'PASSKEY') return toText(proof);
  return toText({ by: proof?.by ?? 'PASSWORD', passwordFrom });
}
