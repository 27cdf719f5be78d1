import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { hashSecret } from '../common/id.js';
import { Database } from '../database/database.js';
import { RecoveryCode } from '../schema/entities/recovery-code.entity.js';
import { User } from '../schema/entities/user.entity.js';

/** How many codes an account gets at once. */
const CODES = 10;
/** 16 of these 32 characters are 80 random bits. None looks like another. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz023456789';
const LENGTH = 16;

/** Codes that take the place of a lost passkey, with the password. Each works once. */
@Injectable()
export class RecoveryCodesService {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
  ) {}

  /** Gives an account new codes, which replace all earlier ones. They are shown once. */
  async replace(db: EntityManager, user: User): Promise<string[]> {
    const { id: userId } = user;
    const codes = Array.from({ length: CODES }, newCode);
    await db.delete(RecoveryCode, { userId });
    await db.insert(
      RecoveryCode,
      codes.map((code) => ({ userId, codeHash: hashOf(code) })),
    );
    await this.record(db, 'RECOVERY_CODES_MADE', user);
    return codes;
  }

  /** Removes every code of every account. */
  async removeAll(db: EntityManager): Promise<void> {
    await db.createQueryBuilder().delete().from(RecoveryCode).execute();
  }

  countOf(userId: string): Promise<number> {
    return this.database.transaction((db) => db.countBy(RecoveryCode, { userId }));
  }

  /** Uses a code. Of any number of concurrent calls with the same code, one succeeds. */
  use(userId: string, code: string): Promise<boolean> {
    return this.database.transaction(async (db) => {
      const { affected } = await db.delete(RecoveryCode, { userId, codeHash: hashOf(code) });
      if (affected !== 1) return false;
      await this.record(db, 'RECOVERY_CODE_USED', await db.findOneByOrFail(User, { id: userId }));
      return true;
    });
  }

  private record(
    db: EntityManager,
    event: 'RECOVERY_CODES_MADE' | 'RECOVERY_CODE_USED',
    { id: userId, staffOrganizationId, organizationId: managedBy }: User,
  ): Promise<void> {
    const organizationId = staffOrganizationId ?? managedBy;
    return this.audit.record(db, { event, organizationId, userId, by: { userId } });
  }
}

function newCode(): string {
  const characters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return characters.match(/.{4}/g)!.join('-');
}

/** People type codes with or without hyphens, and in capitals. */
function hashOf(code: string): string {
  return hashSecret(code.toLowerCase().replaceAll(/[^a-z0-9]/g, ''));
}
