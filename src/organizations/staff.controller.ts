import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiConsumes,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { WholeListQueryDto } from '../http/paging.js';
import { API } from '../common/paths.js';
import { UserDto } from '../users/dto/user.dto.js';
import { UserRefPipe } from '../users/user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import { EffectsDto } from '../users/dto/effects.dto.js';
import { NewStaffDto, StaffDto } from './dto/staff.dto.js';
import { StaffService } from './staff.service.js';

const ORGANIZATION = ['not_linked_to_organization', 'not_permitted', 'not_found'] as const;

@ApiTags('Organizations')
@ApiBearerAuth()
@ApiParam({ name: 'id', example: 'self' })
@Controller(`${API}/organization/:id/staff`)
export class StaffController {
  constructor(private readonly staff: StaffService) {}

  @ApiOperation({
    operationId: 'listStaff',
    summary: 'The staff of the caller’s organization: people and service accounts',
  })
  @ApiOkResponse({ type: StaffDto })
  @ApiBearerErrors(...ORGANIZATION, 'invalid_result_size')
  @Get()
  @CalledBy('bearer', 'STAFF')
  list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Query() query: WholeListQueryDto,
  ): Promise<StaffDto> {
    return this.staff.list(caller, id, query);
  }

  @ApiOperation({
    operationId: 'appointStaff',
    summary: 'Put an account on the staff',
    description:
      'The account has no permission yet. With `name`, a new account is created if nobody has the e-mail address.',
  })
  @ApiParam({ name: 'user', example: 'anna@demo.example' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors(
    ...ORGANIZATION,
    'missing_field',
    'already_staff_user',
    'linked_to_other_organization',
    'missing_name',
    'invalid_email_address',
    'unknown_user',
  )
  @Put(':user')
  @CalledBy('bearer', 'MANAGE_STAFF')
  appoint(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Param('user', UserRefPipe) user: UserRef,
    @Body() fields: NewStaffDto,
  ): Promise<UserDto> {
    return this.staff.appoint(caller, id, user, fields);
  }

  @ApiOperation({
    operationId: 'previewDismissal',
    summary: 'What ends when an account is taken off the staff',
    description: 'It fails as taking the account off the staff would.',
  })
  @ApiParam({ name: 'user', example: 'bjorn@demo.example' })
  @ApiOkResponse({ type: EffectsDto })
  @ApiBearerErrors(
    ...ORGANIZATION,
    'missing_field',
    'cannot_demote_self',
    'not_staff_user',
    'staff_disconnection_failed',
  )
  @Get(':user/effects')
  @CalledBy('bearer', 'MANAGE_STAFF')
  effects(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Param('user', UserRefPipe) user: UserRef,
  ): Promise<EffectsDto> {
    return this.staff.effectsOfDismissing(caller, id, user);
  }

  @ApiOperation({
    operationId: 'dismissStaff',
    summary: 'Take an account off the staff, with its permissions and the sessions that it started',
  })
  @ApiParam({ name: 'user', example: 'bjorn@demo.example' })
  @ApiNoContentResponse({ description: 'The account is no longer on the staff.' })
  @ApiBearerErrors(
    ...ORGANIZATION,
    'missing_field',
    'cannot_demote_self',
    'not_staff_user',
    'staff_disconnection_failed',
  )
  @Delete(':user')
  @CalledBy('bearer', 'MANAGE_STAFF')
  @HttpCode(204)
  dismiss(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Param('user', UserRefPipe) user: UserRef,
  ): Promise<void> {
    return this.staff.dismiss(caller, id, user);
  }
}
