import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PaginationDto } from '../../http/paging.js';
import { ShownPeriodDto } from '../../users/dto/period.dto.js';

export class NamedGroupDto {
  @ApiProperty({ example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  id: string;

  @ApiProperty({ example: 'Course: First aid' })
  name: string;
}

/** What the lists of a group and of a user say about a membership or invitation. */
export class ShownMembershipDto extends ShownPeriodDto {
  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  joined?: string;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  invited?: string;

  @ApiProperty({ enum: ['JOINED', 'INVITED'] })
  status: 'JOINED' | 'INVITED';
}

/** A group that a user is in, or invited to (docs/api.md, section 7.2). */
export class MembershipDto extends ShownMembershipDto {
  @ApiProperty({ type: NamedGroupDto })
  group: NamedGroupDto;
}

/** A page of the groups of a user. */
export class MembershipsDto {
  @ApiProperty({ type: [MembershipDto] })
  memberships: MembershipDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
