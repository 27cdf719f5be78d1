import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { GeneralRevocationsService } from './general-revocations.service.js';
import { KeyRing } from './key-ring.js';
import { KeySeal } from './key-seal.js';
import { RevokedTokensService } from './revoked-tokens.service.js';
import { SigningKey } from '../schema/entities/signing-key.entity.js';
import { SigningKeysService } from './signing-keys.service.js';
import { TokensService } from './tokens.service.js';

/** The signing keys, and the tokens that they sign. */
@Module({
  imports: [TypeOrmModule.forFeature([SigningKey]), JwtModule.register({}), AuditModule],
  providers: [GeneralRevocationsService, KeyRing, KeySeal, RevokedTokensService, SigningKeysService, TokensService],
  exports: [GeneralRevocationsService, KeyRing, RevokedTokensService, SigningKeysService, TokensService],
})
export class TokensModule {}
