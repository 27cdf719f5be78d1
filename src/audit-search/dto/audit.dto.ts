import { ApiProperty, ApiPropertyOptional, IntersectionType, PickType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { NamedDto } from '../../access/dto/explanation.dto.js';
import { IsInstant } from '../../common/fields.js';
import { PageQueryDto, PaginationDto } from '../../http/paging.js';
import { AUDIT_EVENTS } from '../../schema/entities/audit-events.js';
import type { AuditDetails, AuditEventName } from '../../schema/entities/audit-events.js';

const ID = /^[\w-]+$/;

/** What an event of the audit log must match, in every given field. */
export class AuditFilterDto {
  @ApiPropertyOptional({ description: 'The ID of the user that the event is about.', maxLength: 64 })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  user?: string;

  @ApiPropertyOptional({ description: 'The ID of the user or service account that did it.', maxLength: 64 })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  actor?: string;

  @ApiPropertyOptional({ description: 'The ID of the client that was used.', maxLength: 64 })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  client?: string;

  @ApiPropertyOptional({ description: 'The ID of the group that let the user in, or that it is about.', maxLength: 64 })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  group?: string;

  @ApiPropertyOptional({ enum: AUDIT_EVENTS })
  @IsOptional()
  @IsIn(AUDIT_EVENTS)
  event?: AuditEventName;

  @ApiPropertyOptional({
    description:
      'The ID of a login (the `jti` of its token, the handle of its session), or the `jti` of an access token.',
    maxLength: 64,
  })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  token?: string;

  @ApiPropertyOptional({ description: 'The `X-Request-Id` of the request that caused it.', maxLength: 64 })
  @IsOptional()
  @IsString()
  @Matches(ID)
  @MaxLength(64)
  request?: string;

  @ApiPropertyOptional({ type: String, format: 'date-time', description: 'Events at this instant or later.' })
  @IsOptional()
  @IsInstant()
  from?: string;

  @ApiPropertyOptional({ type: String, format: 'date-time', description: 'Events before this instant.' })
  @IsOptional()
  @IsInstant()
  to?: string;
}

/** The query of a page of the audit log. */
export class AuditQueryDto extends IntersectionType(PageQueryDto, AuditFilterDto) {}

const FORMATS = ['csv', 'ndjson'] as const;

/** The query of a part of the exported audit log. */
export class AuditExportQueryDto extends IntersectionType(PickType(PageQueryDto, ['resultFrom']), AuditFilterDto) {
  @ApiPropertyOptional({ enum: FORMATS, default: 'csv' })
  @IsOptional()
  @IsIn(FORMATS)
  format: (typeof FORMATS)[number] = 'csv';
}

/** Further details of an event. */
export class AuditDetailsDto implements AuditDetails {
  @ApiPropertyOptional({
    description:
      'Why a session ended early (`LOGOUT`, `BY_USER`, `BY_ADMINISTRATOR`, `RIGHT_REVOKED`, `REPLACED`, `ALL_REVOKED`), or why something was refused.',
    example: 'LOGOUT',
  })
  reason?: string;

  @ApiPropertyOptional({
    description: 'The `reason` of an access call.',
    example: 'Call 4711: the results do not open',
  })
  text?: string;

  @ApiPropertyOptional({ description: 'The permission that was given or taken away.', example: 'MANAGE' })
  permission?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the right that was given begins.' })
  validFrom?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the right that was given ends.' })
  validUntil?: string;

  @ApiPropertyOptional({ description: 'The code of the third party.', example: 'LMS' })
  thirdParty?: string;

  @ApiPropertyOptional({ type: [String], description: 'The fields that were given.', example: ['name'] })
  fields?: string[];

  @ApiPropertyOptional({ description: 'The grant of OAuth 2.0.', example: 'authorization_code' })
  grant?: string;

  @ApiPropertyOptional({ description: 'The ID of the key that signed an assertion, or that was made or revoked.' })
  key?: string;

  @ApiPropertyOptional({ description: 'The ID of the OAuth client that it is about.' })
  client?: string;

  @ApiPropertyOptional({ description: 'The origin of a site.', example: 'https://learn.example.com' })
  origin?: string;

  @ApiPropertyOptional({ description: 'The ID of a client’s secret.' })
  secret?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Accounts that an import made.' })
  created?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'Accounts that an import changed.' })
  changed?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'Memberships that an import made.' })
  joined?: number;
}

/** An event of the audit log. It refers to things by ID, which remains valid after they are deleted. */
export class AuditEventDto {
  @ApiProperty({ description: 'Identifies the event.', example: '4711' })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  at: string;

  @ApiProperty({ enum: AUDIT_EVENTS })
  event: AuditEventName;

  @ApiPropertyOptional({ description: 'The user that the event is about: `sub`.', example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  user?: string;

  @ApiPropertyOptional({
    description: 'Who did it: `act`. Absent when it was an operator on the command line.',
    example: 'Tq0mHc2b4cV8p0fYxw3n1A',
  })
  actor?: string;

  @ApiPropertyOptional({ description: 'The client that was used.', example: '3f0c6d1e9b7a4c2d8e5f60718293a4b5' })
  client?: string;

  @ApiPropertyOptional({ example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  group?: string;

  @ApiPropertyOptional({
    description: 'The `jti` of the token. It identifies the token, and cannot be used in its place.',
    example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11',
  })
  token?: string;

  @ApiPropertyOptional({ description: 'As in the list of sessions.', example: '01a0c3f2-5b1e-7df0-9a3e-0d8b5d5f6a11' })
  session?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Which rule refused access: 1, 3, 4, 5, 6 or 7.', example: 6 })
  rule?: number;

  @ApiPropertyOptional({ type: () => AuditDetailsDto })
  details?: AuditDetailsDto;

  @ApiPropertyOptional({
    description: 'The `X-Request-Id` of the request that caused it. Absent on the command line, and from logins.',
    example: '7f4b9c1e-52a3-4d0b-9c55-1f0a6f0e2d11',
  })
  request?: string;
}

export class AuditDto {
  @ApiProperty({ type: [AuditEventDto] })
  events: AuditEventDto[];

  @ApiProperty({
    type: [NamedDto],
    description:
      'The accounts, groups and clients of these events, in any order. Absent from it is what is deleted, and an account that the organization neither manages nor has on its staff or in a group.',
  })
  names: NamedDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
