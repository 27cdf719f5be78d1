import { ApiProperty } from '@nestjs/swagger';
import { PERMISSIONS } from '../../schema/entities/account-permission.entity.js';
import type { Permission } from '../../schema/entities/account-permission.entity.js';

/** The permissions of an account in its organization. */
export class PermissionsDto {
  @ApiProperty({ enum: PERMISSIONS, isArray: true, example: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] })
  permissions: Permission[];
}
