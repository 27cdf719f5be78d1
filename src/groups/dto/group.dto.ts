import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { fails } from '../../common/fields.js';
import { IsOrder, PaginationDto, VersionedQueryDto } from '../../http/paging.js';
import type { Order } from '../../http/paging.js';
import { OrganizationRefDto } from '../../users/dto/user.dto.js';
import type { GroupPermission } from '../../schema/entities/group-staff.entity.js';

export class GroupsQueryDto extends VersionedQueryDto {
  @ApiPropertyOptional({
    description: 'The beginning of a name or of a word in it, or of a custom reference. Case and accents are ignored.',
    maxLength: 255,
    example: 'course',
  })
  declare query?: string;

  @ApiPropertyOptional({
    enum: ['MANAGE', 'VIEW'],
    description: 'Only groups on which the caller has exactly this permission.',
  })
  @IsOptional()
  @IsIn(['MANAGE', 'VIEW'], fails('invalid_permission'))
  permission?: GroupPermission;

  @ApiPropertyOptional({ description: 'Only groups with exactly this reference.', maxLength: 255 })
  @IsOptional()
  @IsString()
  @MaxLength(255)
  customReference?: string;

  @IsOrder()
  order?: Order;
}

export class GroupCountsDto {
  @ApiProperty({ type: 'integer', description: 'Users who have joined.', example: 2 })
  members: number;

  @ApiProperty({ type: 'integer', enum: [0] })
  drillables: 0;

  @ApiProperty({ type: 'integer', enum: [0] })
  tests: 0;
}

/** A group (docs/api.md, section 7.1). Members without a value are left out. */
export class GroupDto {
  @ApiProperty({ example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  id: string;

  @ApiProperty({ example: 'Class 2B' })
  name: string;

  @ApiProperty({ example: 'All pupils of 2B' })
  description: string;

  @ApiPropertyOptional({ example: '2B-2026' })
  customReference?: string;

  @ApiProperty({ type: GroupCountsDto })
  counts: GroupCountsDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  lastEdited: string;

  @ApiProperty({ type: OrganizationRefDto })
  organization: OrganizationRefDto;
}

/** A page of groups (docs/api.md, section 7.1). */
export class GroupsDto {
  @ApiProperty({ type: [GroupDto] })
  groups: GroupDto[];

  @ApiPropertyOptional({ type: 'integer', description: 'Groups on all pages. Only in versions 2 and 2.1.' })
  total?: number;

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
