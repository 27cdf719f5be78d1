import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';
import { EmptyIsNull, fails, TEXT_LINE, ToBoolean, ToJsonText, ToList } from '../../common/fields.js';
import {
  COMPATIBILITIES,
  ID_TOKEN_ALGORITHMS,
  MAX_APPLICATION_URI,
  SECRET_METHODS,
} from '../../schema/entities/client.entity.js';
import type { Compatibility, IdTokenAlgorithm, SecretMethod } from '../../schema/entities/client.entity.js';

const MAX_NAME = 255;
const MAX_ADDRESSES = 20;
/** Characters. Ten keys of the largest type are shorter. */
const MAX_JWKS = 20_000;

/** The fields of a client that callers set and change (docs/api.md, section 9.1). */
class ClientFieldsDto {
  @ApiPropertyOptional({
    type: [String],
    maxItems: MAX_ADDRESSES,
    description:
      'Where codes may be sent, compared character by character: an https URL, an http URL on loopback, or for a public ' +
      'client a URI of a private-use scheme with a dot. In a form, repeat the field.',
    example: ['https://host.example/callback'],
  })
  @ToList()
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @ArrayMaxSize(
    MAX_ADDRESSES,
    failsAs('invalid_redirect_uri', `A client can have at most ${MAX_ADDRESSES} redirect URIs`),
  )
  redirectUris?: string[];

  @ApiPropertyOptional({
    type: [String],
    maxItems: MAX_ADDRESSES,
    description: 'Where a login that the client starts may end (`returnTo`): origins as browsers write them.',
    example: ['http://localhost:4000'],
  })
  @ToList()
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @ArrayMaxSize(MAX_ADDRESSES, failsAs('invalid_origin', `A client can have at most ${MAX_ADDRESSES} origins`))
  origins?: string[];

  @ApiPropertyOptional({
    type: String,
    maxLength: 255,
    description:
      'One of the `origins`: tokens are for a frame on its pages, unless the call has its own `embed`. ' +
      'For a host that cannot send `embed`. An empty value removes it.',
    example: 'http://localhost:4000',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @MaxLength(255, fails('invalid_origin'))
  embedOrigin?: string | null;

  @ApiPropertyOptional({
    oneOf: [{ type: 'string', maxLength: MAX_JWKS }, { type: 'object' }],
    description:
      'A JWK Set of the client’s public keys, with which it authenticates by `private_key_jwt` in place of a secret: ' +
      'its JSON as a string, or in a JSON body the object itself. An empty value removes the keys.',
    example: '',
  })
  @ToJsonText()
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  @MaxLength(MAX_JWKS, fails('invalid_jwks'))
  jwks?: string | null;

  @ApiPropertyOptional({
    enum: [...COMPATIBILITIES, ''],
    description:
      '`drillster` for a host that was written for Drillster and does not follow the standards. Empty, or absent from a ' +
      'new client, for the strict standard.',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsIn(COMPATIBILITIES, failsAs('incorrect_field', `compatibility must be ${COMPATIBILITIES.join(' or ')}, or empty`))
  compatibility?: Compatibility | null;

  @ApiPropertyOptional({
    enum: [...SECRET_METHODS, ''],
    description: 'The only way in which the client may send its secret. Empty, or absent from a new client, for both.',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsIn(
    SECRET_METHODS,
    failsAs('incorrect_field', `tokenEndpointAuthMethod must be ${SECRET_METHODS.join(' or ')}, or empty`),
  )
  tokenEndpointAuthMethod?: SecretMethod | null;

  @ApiPropertyOptional({
    enum: ID_TOKEN_ALGORITHMS,
    description: 'What signs the ID tokens and logout tokens of the client. `RS256` for a new client.',
    example: 'RS256',
  })
  @ValidateIf(({ idTokenSignedResponseAlg }: ClientFieldsDto) => idTokenSignedResponseAlg !== undefined)
  @IsIn(
    ID_TOKEN_ALGORITHMS,
    failsAs('incorrect_field', `idTokenSignedResponseAlg must be ${ID_TOKEN_ALGORITHMS.join(', ')}`),
  )
  idTokenSignedResponseAlg?: IdTokenAlgorithm;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_APPLICATION_URI,
    description:
      'Where the application begins a login that somebody else started (OpenID Connect Core 1.0, section 4), on one of the `origins`. An empty value removes it.',
    example: 'http://localhost:4000/oidc/login',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  initiateLoginUri?: string | null;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_APPLICATION_URI,
    description:
      'For an application without `initiateLoginUri`: the address behind its own sign-in button, on one of the `origins`. An empty value removes it.',
    example: 'http://localhost:4000/login',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  startUri?: string | null;

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_APPLICATION_URI,
    description:
      'The page of the host on which people without a password start. They are led there when they have no session. An empty value removes it.',
    example: 'https://intranet.example.com/learning',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  hostUri?: string | null;

  @ApiPropertyOptional({
    type: [String],
    maxItems: MAX_ADDRESSES,
    description: 'Where the application may send the browser after a logout, by the rules of `redirectUris`.',
    example: ['https://host.example/'],
  })
  @ToList()
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @ArrayMaxSize(
    MAX_ADDRESSES,
    failsAs('invalid_redirect_uri', `A client can have at most ${MAX_ADDRESSES} post-logout redirect URIs`),
  )
  postLogoutRedirectUris?: string[];

  @ApiPropertyOptional({
    type: String,
    maxLength: MAX_APPLICATION_URI,
    description:
      'Where the application receives logout tokens (OpenID Connect Back-Channel Logout 1.0). An empty value removes it.',
    example: 'https://host.example/oidc/logout',
  })
  @EmptyIsNull()
  @IsOptional()
  @IsString()
  backchannelLogoutUri?: string | null;

  @ApiPropertyOptional({
    description: 'Whether logout tokens name the session in `sid`. `true` for a new client.',
    example: true,
  })
  @ToBoolean()
  @ValidateIf(({ backchannelLogoutSessionRequired }: ClientFieldsDto) => backchannelLogoutSessionRequired !== undefined)
  @IsBoolean()
  backchannelLogoutSessionRequired?: boolean;
}

export class NewClientDto extends ClientFieldsDto {
  @ApiProperty({ maxLength: MAX_NAME, example: 'Learning portal' })
  @Matches(TEXT_LINE, fails('name_missing'))
  @MaxLength(MAX_NAME, fails('name_missing'))
  name: string;

  @ApiPropertyOptional({
    description:
      'The client cannot keep a secret, such as an application in a browser or on a device. Cannot be changed.',
    default: false,
    example: false,
  })
  @ToBoolean()
  @IsOptional()
  @IsBoolean()
  isPublic: boolean = false;
}

/** The changes to a client. A given list replaces the previous one. */
export class ClientChangesDto extends ClientFieldsDto {
  @ApiPropertyOptional({ maxLength: MAX_NAME, example: 'Learning portal' })
  @ValidateIf(({ name }: ClientChangesDto) => name !== undefined)
  @Matches(TEXT_LINE, fails('invalid_name'))
  @MaxLength(MAX_NAME, fails('invalid_name'))
  name?: string;
}
