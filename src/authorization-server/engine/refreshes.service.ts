import { hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { addSeconds, Clock } from '../../common/clock.js';
import { seal, unseal } from '../../common/seal.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { Statement } from '../../database/statement.js';
import { recordIdOf } from '../../sign-ins/record-id.js';
import { ANSWERED_AGAIN_SECONDS, CONSUME, INSERT, REMOVE } from './oauth-records.adapter.js';
import { REFRESH_LIFETIME } from './engine-configuration.js';
import { UsedBefore } from '../protocol/used-before.js';

/** The kind of the records that hold the answer for a refresh token. */
const ANSWER = 'RefreshAnswer';

/** Finds the answer even if its time is over: the token was found to be just rotated a moment ago. */
const FIND_ANSWER: Statement = {
  name: 'find_refresh_answer',
  sql: `SELECT r."payload" FROM "oauth_records" r WHERE r."id" = $1`,
};

const PROLONG: Statement = {
  name: 'prolong_oauth_records',
  sql: `UPDATE "oauth_records" SET "expires_at" = $3 WHERE "id" IN ($1, $2) AND "expires_at" < $3`,
};

type RefreshToken = NonNullable<KoaContextWithOIDC['oidc']['entities']['RefreshToken']>;

/**
 * Handles the use of a refresh token (RFC 6749, section 6). A use renews the lifetime of the grant, and of the token if
 * the client keeps it. A public client's token is rotated (RFC 9700, section 4.14.2). For a short while, the old token
 * is answered again with the same new tokens, since two page views of one host may refresh at once and an answer may
 * get lost.
 */
@Injectable()
export class RefreshesService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /**
   * Completes the answer that the engine is about to send. Of any number of concurrent refreshes with one token, on any
   * instance, all get the same answer.
   */
  async completeAnswer(ctx: KoaContextWithOIDC): Promise<void> {
    const { RotatedRefreshToken, RefreshToken, Grant } = ctx.oidc.entities;
    if (!RefreshToken || !Grant) return;
    if (RotatedRefreshToken) await this.rotate(ctx, RotatedRefreshToken, RefreshToken);
    const end = addSeconds(this.clock.now(), REFRESH_LIFETIME);
    const names = [recordIdOf('Grant', Grant.jti), recordIdOf('RefreshToken', RefreshToken.jti)];
    await this.database.write(PROLONG, [...names, end]);
  }

  /**
   * Consumes the token and stores its answer in one transaction, so that no call finds the token used and no answer.
   */
  private async rotate(ctx: KoaContextWithOIDC, presented: RefreshToken, next: RefreshToken): Promise<void> {
    const now = this.clock.now();
    const answer = JSON.stringify(ctx.body);
    const isFirst = await this.database.transaction(async (db) => {
      const consumed = await this.database.within(db, CONSUME, [recordIdOf('RefreshToken', presented.jti), now]);
      if (consumed.length === 0) return false;
      await this.database.within(db, INSERT, [
        recordIdOf(ANSWER, presented.jti),
        ANSWER,
        seal(this.keyFor(presented), ANSWER, answer),
        presented.grantId ?? null,
        null,
        presented.clientId ?? null,
        presented.accountId,
        addSeconds(now, ANSWERED_AGAIN_SECONDS),
      ]);
      return true;
    });
    if (isFirst) return;
    await this.database.write(REMOVE, [recordIdOf('RefreshToken', next.jti)]);
    const [row] = await this.database.read<{ payload: string }>(FIND_ANSWER, [recordIdOf(ANSWER, presented.jti)]);
    if (row) ctx.body = JSON.parse(unseal(this.keyFor(presented), ANSWER, row.payload));
    else this.refuse(ctx);
  }

  /** Refuses a token whose family was revoked after the engine found it. */
  private refuse(ctx: KoaContextWithOIDC): void {
    const refusal = new UsedBefore('the refresh token was already used');
    ctx.state.refusal = refusal;
    ctx.status = refusal.statusCode;
    ctx.body = { error: refusal.error, error_description: refusal.error_description };
  }

  /**
   * The key that encrypts an answer. It is derived from the presented token, so that the database and SECRET_KEY
   * together can't decrypt the answer without the token.
   */
  private keyFor({ jti }: RefreshToken): Buffer {
    return Buffer.from(hkdfSync('sha256', this.settings.SECRET_KEY, jti, 'latchkey: answer to a refresh', 32));
  }
}
