import { ApiProperty } from '@nestjs/swagger';
import { ShownPeriodDto } from '../../users/dto/period.dto.js';
import { UserDto } from '../../users/dto/user.dto.js';
import type { GroupPermission } from '../../schema/entities/group-staff.entity.js';

export class GroupRefDto {
  @ApiProperty({ example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  id: string;
}

/** A staff user's permissions on a group (docs/api.md, section 7.3). */
export class GroupStaffDto extends ShownPeriodDto {
  @ApiProperty({ type: GroupRefDto })
  group: GroupRefDto;

  @ApiProperty({ type: UserDto })
  user: UserDto;

  @ApiProperty({ enum: ['MANAGE', 'VIEW'] })
  permission: GroupPermission;
}

/** A page of the staff of a group (docs/api.md, section 7.3). */
export class GroupStaffListDto {
  @ApiProperty({ type: GroupRefDto })
  group: GroupRefDto;

  @ApiProperty({ type: 'integer', description: 'On this page.', example: 1 })
  count: number;

  @ApiProperty({ type: 'integer', description: 'On all pages.', example: 1 })
  total: number;

  @ApiProperty({ type: [GroupStaffDto] })
  groupStaffUsers: GroupStaffDto[];
}
