import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PERMISSIONS } from '../../schema/entities/account-permission.entity.js';
import type { Permission } from '../../schema/entities/account-permission.entity.js';
import { ShownPeriodDto } from './period.dto.js';

/** A permission that begins or ends. */
export class PermissionPeriodDto extends ShownPeriodDto {
  @ApiProperty({ enum: PERMISSIONS, example: 'MANAGE_USERS' })
  permission: Permission;
}

/** The permissions of an account in its organization. */
export class PermissionsDto {
  @ApiProperty({
    enum: PERMISSIONS,
    isArray: true,
    description: 'Those that count now.',
    example: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'],
  })
  permissions: Permission[];

  @ApiPropertyOptional({
    type: [PermissionPeriodDto],
    description: 'The permissions that begin or end, also those that have not begun or have ended.',
  })
  periods?: PermissionPeriodDto[];
}
