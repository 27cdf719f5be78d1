import { Body, Controller, Delete, Get, Injectable, Param, Put } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { DomainError } from '../common/errors/errors.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import { EffectsDto } from './dto/effects.dto.js';
import { PeriodDto } from './dto/period.dto.js';
import { PermissionsDto } from './dto/permissions.dto.js';
import { PermissionsService } from './permissions.service.js';
import { UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';

@Injectable()
class PermissionPipe implements PipeTransform<string, Permission> {
  transform(name: string): Permission {
    const permission = PERMISSIONS.find((known) => known === name);
    if (!permission) throw new DomainError('unknown_permission');
    return permission;
  }
}

@ApiTags('Users')
@ApiBearerAuth()
@ApiParam({ name: 'user', example: 'dana@demo.example' })
@Controller(`${API}/user/:user/permissions`)
@CalledBy('bearer', 'MANAGE_STAFF')
export class PermissionsController {
  constructor(private readonly permissions: PermissionsService) {}

  @ApiOperation({ operationId: 'listPermissions', summary: 'What a staff user may do in the organization' })
  @ApiOkResponse({ type: PermissionsDto })
  @ApiBearerErrors('missing_field', 'not_permitted', 'nonexistent_user')
  @Get()
  @CalledBy('bearer', 'OWN', 'MANAGE_STAFF')
  list(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<PermissionsDto> {
    return this.permissions.list(caller, user);
  }

  @ApiOperation({ operationId: 'grantPermission', summary: 'Grant a staff user a permission that the caller has' })
  @ApiParam({ name: 'permission', enum: PERMISSIONS })
  @ApiOkResponse({ type: PermissionsDto })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiBearerErrors(
    'missing_field',
    'unknown_permission',
    'invalid_request',
    'invalid_period',
    'not_permitted',
    'nonexistent_user',
  )
  @Put(':permission')
  grant(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('permission', PermissionPipe) permission: Permission,
    @Body() period: PeriodDto,
  ): Promise<PermissionsDto> {
    return this.permissions.grant(caller, user, permission, period);
  }

  @ApiOperation({
    operationId: 'previewPermissionRevocation',
    summary: 'What ends when a permission is taken away',
    description: 'It fails as taking the permission away would.',
  })
  @ApiParam({ name: 'permission', enum: PERMISSIONS })
  @ApiOkResponse({ type: EffectsDto })
  @ApiBearerErrors('missing_field', 'unknown_permission', 'not_permitted', 'nonexistent_user')
  @Get(':permission/effects')
  effects(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('permission', PermissionPipe) permission: Permission,
  ): Promise<EffectsDto> {
    return this.permissions.effectsOfRevoking(caller, user, permission);
  }

  @ApiOperation({
    operationId: 'revokePermission',
    summary: 'Take a permission away, and end the sessions that were started with it',
  })
  @ApiParam({ name: 'permission', enum: PERMISSIONS })
  @ApiOkResponse({ type: PermissionsDto })
  @ApiBearerErrors('missing_field', 'unknown_permission', 'not_permitted', 'nonexistent_user')
  @Delete(':permission')
  revoke(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('permission', PermissionPipe) permission: Permission,
  ): Promise<PermissionsDto> {
    return this.permissions.revoke(caller, user, permission);
  }
}
