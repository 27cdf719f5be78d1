import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PaginationDto } from '../../http/paging.js';
import { COMPATIBILITIES, ID_TOKEN_ALGORITHMS, SECRET_METHODS } from '../../schema/entities/client.entity.js';
import type { Compatibility, IdTokenAlgorithm, SecretMethod } from '../../schema/entities/client.entity.js';
import { OrganizationRefDto } from '../../users/dto/user.dto.js';

/** A public key (RFC 7517, section 4). It has the members of its key type. */
export class JwkDto {
  @ApiProperty({ enum: ['EC', 'OKP', 'RSA'] })
  kty: string;

  @ApiProperty({ example: 'ES256' })
  alg: string;

  @ApiProperty({ enum: ['sig'] })
  use: string;

  @ApiPropertyOptional({ example: 'portal-2026' })
  kid?: string;

  @ApiPropertyOptional()
  crv?: string;

  @ApiPropertyOptional()
  x?: string;

  @ApiPropertyOptional()
  y?: string;

  @ApiPropertyOptional()
  n?: string;

  @ApiPropertyOptional()
  e?: string;
}

export class JwksDto {
  @ApiProperty({ type: [JwkDto] })
  keys: JwkDto[];
}

/** A client's secret, without its value. */
export class ClientSecretDto {
  @ApiProperty({
    description: 'Identifies the secret. It cannot be used to authenticate.',
    example: 'Cs9sdXkQwT2m8sQXq3bVxg',
  })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;
}

export class NewClientSecretDto extends ClientSecretDto {
  @ApiProperty({ description: 'Only shown once.', example: 'w0gqQ6xZpU3n2X8kVbY5rT1mJ4sD7fH9aLcEeRiOyPk' })
  secret: string;
}

/** An application that calls the API or signs users in (docs/api.md, section 9.1). Members without a value are left out. */
export class ClientDto {
  @ApiProperty({ enum: ['CLIENT'] })
  type: 'CLIENT';

  @ApiProperty({ description: 'The `client_id` of OAuth.', example: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' })
  id: string;

  @ApiProperty({ example: 'Learning portal' })
  name: string;

  @ApiProperty({ example: false })
  isPublic: boolean;

  @ApiProperty({ type: [String], example: ['https://host.example/callback'] })
  redirectUris: string[];

  @ApiProperty({ type: [String], example: ['https://learn.example.com'] })
  origins: string[];

  @ApiPropertyOptional({
    description: 'The origin for whose frames the tokens are, unless a call says otherwise.',
    example: 'https://learn.example.com',
  })
  embedOrigin?: string;

  @ApiPropertyOptional({ type: JwksDto })
  jwks?: JwksDto;

  @ApiPropertyOptional({ enum: COMPATIBILITIES, description: 'Absent from a client that gets the strict standard.' })
  compatibility?: Compatibility;

  @ApiPropertyOptional({
    enum: SECRET_METHODS,
    description: 'The only way in which the client may send its secret. Absent if it may use both.',
  })
  tokenEndpointAuthMethod?: SecretMethod;

  @ApiProperty({ enum: ID_TOKEN_ALGORITHMS, example: 'RS256', description: 'What signs its ID tokens.' })
  idTokenSignedResponseAlg: IdTokenAlgorithm;

  @ApiPropertyOptional({
    description: 'Where the application begins a login that somebody else started.',
    example: 'https://learn.example.com/oidc/login',
  })
  initiateLoginUri?: string;

  @ApiPropertyOptional({
    description: 'The address behind the application’s own sign-in button.',
    example: 'https://learn.example.com/login',
  })
  startUri?: string;

  @ApiPropertyOptional({
    description: 'The page of the host on which people without a password start.',
    example: 'https://intranet.example.com/learning',
  })
  hostUri?: string;

  @ApiProperty({
    type: [String],
    description: 'Where the application may send the browser after a logout.',
    example: ['https://learn.example.com/'],
  })
  postLogoutRedirectUris: string[];

  @ApiPropertyOptional({
    description: 'Where the application receives logout tokens.',
    example: 'https://learn.example.com/oidc/logout',
  })
  backchannelLogoutUri?: string;

  @ApiProperty({ description: 'Whether logout tokens name the session in `sid`.', example: true })
  backchannelLogoutSessionRequired: boolean;

  @ApiProperty({ type: [ClientSecretDto] })
  secrets: ClientSecretDto[];

  @ApiPropertyOptional({
    description: 'The service account that calls with this client unless it names another one.',
    example: 'Sa7vKq2LwT0m8sQXq3bVxg',
  })
  serviceAccountId?: string;

  @ApiProperty({ type: OrganizationRefDto })
  organization: OrganizationRefDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;
}

/** A client that was just registered. */
export class CreatedClientDto extends ClientDto {
  @ApiPropertyOptional({
    description: 'Only shown once. Absent if the client does not need one.',
    example: 'w0gqQ6xZpU3n2X8kVbY5rT1mJ4sD7fH9aLcEeRiOyPk',
  })
  secret?: string;
}

/** A page of clients (docs/api.md, section 9.1). */
export class ClientsDto {
  @ApiProperty({ type: [ClientDto] })
  clients: ClientDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
