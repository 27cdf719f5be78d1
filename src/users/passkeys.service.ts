import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
  WebAuthnCredential,
} from '@simplewebauthn/server';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Caller } from '../common/caller.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { Passkey } from '../schema/entities/passkey.entity.js';
import { RecoveryCode } from '../schema/entities/recovery-code.entity.js';
import { User } from '../schema/entities/user.entity.js';
import { SignInsService } from '../sign-ins/sign-ins.service.js';
import { RecoveryCodesService } from './recovery-codes.service.js';

/** How many passkeys an account may have. */
export const MAX_PASSKEYS = 20;

/**
 * Counts a signature. An authenticator that counts never signs twice with the same number, unless it was copied (Web
 * Authentication, section 6.1.1).
 */
const COUNT: Statement = {
  name: 'count_signature_of_passkey',
  sql: `UPDATE "passkeys" SET "sign_count" = $2, "last_used_at" = $3
        WHERE "id" = $1 AND ("sign_count" < CAST($2 AS bigint) OR ("sign_count" = 0 AND CAST($2 AS bigint) = 0))
        RETURNING "id"`,
};

/** Passkeys: keys on a user's own devices with which they sign in, without a password (docs/api.md, section 12.7). */
@Injectable()
export class PasskeysService {
  constructor(
    @InjectRepository(Passkey) private readonly passkeys: Repository<Passkey>,
    private readonly recoveryCodes: RecoveryCodesService,
    private readonly signIns: SignInsService,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  listOf(userId: string): Promise<Passkey[]> {
    return this.passkeys.find({ where: { userId }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /** What the browser needs to make a passkey. `challenge` is base64url. */
  async creationOptions(
    { id, name, emailAddress }: { id: string; name: string; emailAddress?: string },
    challenge: string,
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    return generateRegistrationOptions({
      rpName: this.settings.serviceName,
      rpID: this.site,
      userName: emailAddress ?? name,
      userDisplayName: name,
      userID: new TextEncoder().encode(id),
      challenge: bytesOf(challenge),
      excludeCredentials: (await this.listOf(id)).map((one) => ({ id: one.id, transports: transportsOf(one) })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
  }

  /** What the browser needs to sign in with any passkey for this site. `challenge` is base64url. */
  async requestOptions(challenge: string): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    return generateAuthenticationOptions({
      rpID: this.site,
      challenge: bytesOf(challenge),
      userVerification: 'required',
    });
  }

  /**
   * Adds the passkey that a browser made, and returns the recovery codes if it is the account's first.
   *
   * @throws DomainError `invalid_request` if the response is not one to `challenge`
   */
  async add(userId: string, name: string, response: string, challenge: string): Promise<string[] | null> {
    const credential = await this.verifyNew(response, challenge);
    return this.database.transaction(async (db) => {
      const user = await db.findOneByOrFail(User, { id: userId });
      const before = await db.countBy(Passkey, { userId });
      if (before >= MAX_PASSKEYS)
        throw new DomainError('invalid_request', `An account may have ${MAX_PASSKEYS} passkeys. Remove one first.`);
      const { id, publicKey, counter, transports = [] } = credential;
      if (await db.existsBy(Passkey, { id })) throw new DomainError('invalid_request', 'This passkey exists already.');
      await db.insert(Passkey, {
        id,
        userId,
        name,
        publicKey: Buffer.from(publicKey),
        signCount: counter,
        transports: transports.join(',').slice(0, 100),
        createdAt: this.clock.now(),
        lastUsedAt: null,
      });
      await this.record(db, 'PASSKEY_ADDED', user, { userId });
      return before === 0 ? this.recoveryCodes.replace(db, user) : null;
    });
  }

  /**
   * The account that a browser has signed in to, and the passkey that it used, or `null` if its response is not right.
   * A response is right for one `challenge` only.
   */
  async check(response: string, challenge: string): Promise<{ userId: string; passkeyId: string } | null> {
    const given = parsed(response) as AuthenticationResponseJSON | null;
    const passkey = given && (await this.passkeys.findOne({ where: { id: given.id }, relations: { user: true } }));
    if (!passkey || passkey.user.status !== 'ACTIVE' || passkey.user.type !== 'USER') return null;
    const signed = await this.verify(given, challenge, passkey);
    if (!signed) return null;
    const counted = await this.database.write(COUNT, [passkey.id, signed.newCounter, this.clock.now()]);
    return counted.length === 1 ? { userId: passkey.userId, passkeyId: passkey.id } : null;
  }

  /**
   * Removes one passkey of an account, or all of them, and ends its sign-ins. The recovery codes go with the last one.
   *
   * @param by who removes it, or `null` for an operator
   * @returns how many were removed
   */
  async remove(db: EntityManager, user: User, id: string | null, by: Partial<Caller> | null): Promise<number> {
    const { affected } = await db.delete(Passkey, { userId: user.id, ...(id === null ? {} : { id }) });
    if (!affected) return 0;
    if (!(await db.existsBy(Passkey, { userId: user.id }))) await db.delete(RecoveryCode, { userId: user.id });
    await this.signIns.end(db, user.id);
    await this.record(db, 'PASSKEY_REMOVED', user, by);
    return affected;
  }

  private record(
    db: EntityManager,
    event: 'PASSKEY_ADDED' | 'PASSKEY_REMOVED',
    { id: userId, staffOrganizationId, organizationId: managedBy }: User,
    by: Partial<Caller> | null,
  ): Promise<void> {
    return this.audit.record(db, { event, organizationId: staffOrganizationId ?? managedBy, userId, by });
  }

  private async verifyNew(response: string, challenge: string): Promise<WebAuthnCredential> {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const given = parsed(response) as RegistrationResponseJSON | null;
    const verified =
      given &&
      (await orNull(
        verifyRegistrationResponse({ response: given, expectedChallenge: challenge, ...this.expected, ...VERIFIED }),
      ));
    if (!verified?.verified)
      throw new DomainError('invalid_request', 'The passkey could not be verified. Go back and try again.');
    return verified.registrationInfo.credential;
  }

  private async verify(
    response: AuthenticationResponseJSON,
    challenge: string,
    passkey: Passkey,
  ): Promise<{ newCounter: number } | null> {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const credential: WebAuthnCredential = {
      id: passkey.id,
      publicKey: new Uint8Array(passkey.publicKey),
      counter: Number(passkey.signCount),
    };
    const verified = await orNull(
      verifyAuthenticationResponse({
        response,
        expectedChallenge: challenge,
        credential,
        ...this.expected,
        ...VERIFIED,
      }),
    );
    return verified?.verified ? verified.authenticationInfo : null;
  }

  private get site(): string {
    return new URL(this.settings.PUBLIC_URL).hostname;
  }

  private get expected(): { expectedOrigin: string; expectedRPID: string } {
    return { expectedOrigin: this.settings.PUBLIC_URL, expectedRPID: this.site };
  }
}

/** The authenticator has checked that it is the user: by a PIN, a fingerprint or a face. */
const VERIFIED = { requireUserVerification: true } as const;

/** The library throws whatever it finds wrong with a response. */
async function orNull<T>(verified: Promise<T>): Promise<T | null> {
  try {
    return await verified;
  } catch {
    return null;
  }
}

/** Longest response of a browser, in characters. One has a few hundred. */
const MAX_RESPONSE = 20_000;

function parsed(text: string): { id: string } | null {
  if (text.length > MAX_RESPONSE) return null;
  try {
    const value = JSON.parse(text) as { id: string } | null;
    return typeof value?.id === 'string' && /^[\w-]{1,1364}$/.test(value.id) ? value : null;
  } catch {
    return null;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64url, 'base64url'));
}

function transportsOf({ transports }: Passkey): string[] {
  return transports ? transports.split(',') : [];
}
