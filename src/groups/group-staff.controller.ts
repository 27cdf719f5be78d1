import { Body, Controller, Delete, Get, Injectable, Param, Put, Query } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { DomainError } from '../common/errors/errors.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { OffsetQueryDto } from '../http/paging.js';
import { API } from '../common/paths.js';
import { parseUserRef } from '../common/user-ref.js';
import type { UserRef } from '../common/user-ref.js';
import { EffectsDto } from '../users/dto/effects.dto.js';
import { PeriodDto } from '../users/dto/period.dto.js';
import { GroupStaffDto, GroupStaffListDto } from './dto/group-staff.dto.js';
import { GroupIdPipe } from './group-id.pipe.js';
import type { GroupPermission } from '../schema/entities/group-staff.entity.js';
import { GroupStaffService } from './group-staff.service.js';

@Injectable()
class GroupPermissionPipe implements PipeTransform<string, GroupPermission> {
  transform(name: string): GroupPermission {
    if (name !== 'MANAGE' && name !== 'VIEW') throw new DomainError('invalid_permission');
    return name;
  }
}

/** The API has an error of its own for a malformed reference to a staff user. */
@Injectable()
class StaffRefPipe implements PipeTransform<string | undefined, UserRef> {
  transform(segment: string | undefined): UserRef {
    try {
      return parseUserRef(segment);
    } catch {
      throw new DomainError('user_missing');
    }
  }
}

const ERRORS = [
  'invalid_group_id',
  'user_missing',
  'invalid_permission',
  'not_permitted',
  'unknown_group',
  'unknown_user',
  'not_available',
] as const;

@ApiTags('Groups')
@ApiBearerAuth()
@ApiParam({ name: 'group', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
@Controller(`${API}/group/:group/staff`)
export class GroupStaffController {
  constructor(private readonly staff: GroupStaffService) {}

  @ApiOperation({ operationId: 'listGroupStaff', summary: 'The staff of a group and their permissions' })
  @ApiOkResponse({ type: GroupStaffListDto })
  @ApiBearerErrors('invalid_group_id', 'invalid_result_size', 'not_permitted', 'unknown_group')
  @Get()
  @CalledBy('bearer', 'GROUP_VIEW')
  list(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Query() query: OffsetQueryDto,
  ): Promise<GroupStaffListDto> {
    return this.staff.list(caller, group, query);
  }

  @ApiOperation({
    operationId: 'allowGroupStaff',
    summary: 'Let a staff user of the organization manage or view a group',
    description: 'A staff user has one permission on a group: this one replaces the previous one.',
  })
  @ApiParam({ name: 'permission', enum: ['VIEW', 'MANAGE'] })
  @ApiParam({ name: 'user', example: 'dana@demo.example' })
  @ApiOkResponse({ type: GroupStaffDto })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiBearerErrors(...ERRORS, 'invalid_request', 'invalid_period')
  @Put(':user/:permission')
  @CalledBy('bearer', 'GROUP_MANAGE')
  allow(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param('user', StaffRefPipe) user: UserRef,
    @Param('permission', GroupPermissionPipe) permission: GroupPermission,
    @Body() period: PeriodDto,
  ): Promise<GroupStaffDto> {
    return this.staff.allow(caller, group, user, permission, period);
  }

  @ApiOperation({
    operationId: 'previewGroupStaffRevocation',
    summary: 'What ends when a permission on a group is taken away',
    description: 'It fails as taking the permission away would.',
  })
  @ApiParam({ name: 'permission', enum: ['VIEW', 'MANAGE'] })
  @ApiParam({ name: 'user', example: 'dana@demo.example' })
  @ApiOkResponse({ type: EffectsDto })
  @ApiBearerErrors(...ERRORS)
  @Get(':user/:permission/effects')
  @CalledBy('bearer', 'GROUP_MANAGE')
  effects(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param('user', StaffRefPipe) user: UserRef,
    @Param('permission', GroupPermissionPipe) permission: GroupPermission,
  ): Promise<EffectsDto> {
    return this.staff.effectsOfDisallowing(caller, group, user, permission);
  }

  @ApiOperation({
    operationId: 'disallowGroupStaff',
    summary: 'Take a permission on a group away, and end the sessions that were started with it',
  })
  @ApiParam({ name: 'permission', enum: ['VIEW', 'MANAGE'] })
  @ApiParam({ name: 'user', example: 'dana@demo.example' })
  @ApiOkResponse({ type: GroupStaffDto })
  @ApiBearerErrors(...ERRORS)
  @Delete(':user/:permission')
  @CalledBy('bearer', 'GROUP_MANAGE')
  disallow(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param('user', StaffRefPipe) user: UserRef,
    @Param('permission', GroupPermissionPipe) permission: GroupPermission,
  ): Promise<GroupStaffDto> {
    return this.staff.disallow(caller, group, user, permission);
  }
}
