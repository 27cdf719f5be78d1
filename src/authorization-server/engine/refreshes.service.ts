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

/** The kind of the records that hold what was answered for a refresh token. */
const ANSWER = 'RefreshAnswer';

/** Also one whose time is over: what is asked here was found to be just rotated a moment ago. */
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
 * What becomes of a refresh token that was used (RFC 6749, section 6). The grant, and the token of a client that keeps it, are good for
 * as long again as when they were new. The token of a public client is rotated (RFC 9700, section 4.14.2), and answered once more for a
 * while with the same new tokens: two page views of one host may refresh at once, and an answer may get lost.
 */
@Injectable()
export class RefreshesService {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Settles what the engine is about to answer; of any number of refreshes at once with one token, on any instance, all answer the same. */
  async settle(ctx: KoaContextWithOIDC): Promise<void> {
    const { RotatedRefreshToken, RefreshToken, Grant } = ctx.oidc.entities;
    if (!RefreshToken || !Grant) return;
    if (RotatedRefreshToken) await this.rotate(ctx, RotatedRefreshToken, RefreshToken);
    const end = addSeconds(this.clock.now(), REFRESH_LIFETIME);
    const names = [recordIdOf('Grant', Grant.jti), recordIdOf('RefreshToken', RefreshToken.jti)];
    await this.database.write(PROLONG, [...names, end]);
  }

  /** Consuming the token and keeping what is answered for it commit together: nobody finds it used without the answer. */
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

  /** Its family was revoked since the engine found it. */
  private refuse(ctx: KoaContextWithOIDC): void {
    const refusal = new UsedBefore('the refresh token was used before');
    ctx.state.refusal = refusal;
    ctx.status = refusal.statusCode;
    ctx.body = { error: refusal.error, error_description: refusal.error_description };
  }

  /** Neither the database nor SECRET_KEY opens it without the token that was presented. */
  private keyFor({ jti }: RefreshToken): Buffer {
    return Buffer.from(hkdfSync('sha256', this.settings.SECRET_KEY, jti, 'latchkey: answer to a refresh', 32));
  }
}
