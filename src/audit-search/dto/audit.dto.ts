import { ApiProperty, ApiPropertyOptional, IntersectionType, PickType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { NamedDto } from '../../access/dto/explanation.dto.js';
import { IsInstant } from '../../common/fields.js';
import { PageQueryDto, PaginationDto } from '../../http/paging.js';
import { AuditEventDto } from '../../record-feed/dto/audit-event.dto.js';
import { AUDIT_EVENTS } from '../../schema/entities/audit-events.js';
import type { AuditEventName } from '../../schema/entities/audit-events.js';

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
