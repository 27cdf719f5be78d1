import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import { fails, TEXT_LINE, ToJsonText } from '../../common/fields.js';
import { PaginationDto } from '../../http/paging.js';
import { OrganizationRefDto } from '../../users/dto/user.dto.js';

/** Characters. The largest key is shorter. */
const MAX_KEY = 10_000;

export class NewServiceAccountDto {
  @ApiProperty({ maxLength: 255, example: 'Learning portal' })
  @Matches(TEXT_LINE, fails('name_missing'))
  @MaxLength(255, fails('name_missing'))
  name: string;
}

/** A service account: staff of an organization that is not a person (docs/api.md, section 9.3). */
export class ServiceAccountDto {
  @ApiProperty({ enum: ['SERVICE_ACCOUNT'] })
  type: 'SERVICE_ACCOUNT';

  @ApiProperty({ description: 'The `iss` of its assertions.', example: 'Sa7vKq2LwT0m8sQXq3bVxg' })
  id: string;

  @ApiProperty({ example: 'Learning portal' })
  name: string;

  @ApiProperty({ enum: ['ACTIVE', 'BLOCKED'] })
  status: 'ACTIVE' | 'BLOCKED';

  @ApiProperty({
    description: 'The client that it uses unless it names another one.',
    example: '3f0c6d1e9b7a4c2d8e5f60718293a4b5',
  })
  clientId: string;

  @ApiProperty({ type: OrganizationRefDto })
  organization: OrganizationRefDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;
}

/** A page of service accounts (docs/api.md, section 9.3). */
export class ServiceAccountsDto {
  @ApiProperty({ type: [ServiceAccountDto] })
  serviceAccounts: ServiceAccountDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}

export class NewKeyDto {
  @ApiProperty({
    oneOf: [{ type: 'string', maxLength: MAX_KEY }, { type: 'object' }],
    description:
      'A public key: PEM, or a JWK as a string or, in a JSON body, as an object. RSA of 2048 to 8192 bits (RS256), ' +
      'EC on P-256 (ES256), or Ed25519 (EdDSA).',
    example: '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
  })
  @ToJsonText()
  @IsString()
  @MaxLength(MAX_KEY, fails('invalid_public_key'))
  publicKey: string;
}

/** A public key of a service account. */
export class ServiceAccountKeyDto {
  @ApiProperty({ description: 'The `kid` of assertions.', example: 'Kq3vKq2LwT0m8sQXq3bVxg' })
  kid: string;

  @ApiProperty({ enum: ['RS256', 'ES256', 'EdDSA'], description: 'The only algorithm that the key can verify.' })
  algorithm: 'RS256' | 'ES256' | 'EdDSA';

  @ApiProperty({ description: 'PEM', example: '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQY…' })
  publicKey: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Since then the key verifies nothing.' })
  revoked?: string;
}

/** A key pair that was just made. */
export class NewKeyPairDto extends ServiceAccountKeyDto {
  @ApiProperty({
    description: 'PEM. Only shown once, and not stored.',
    example: '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49…',
  })
  privateKey: string;
}

/** A page of the keys of a service account (docs/api.md, section 9.4). */
export class ServiceAccountKeysDto {
  @ApiProperty({ type: [ServiceAccountKeyDto] })
  keys: ServiceAccountKeyDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
