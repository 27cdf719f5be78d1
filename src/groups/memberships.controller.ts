import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import type { Caller } from '../common/caller.js';
import { API } from '../common/paths.js';
import type { UserRef } from '../common/user-ref.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { PageQueryDto } from '../http/paging.js';
import { UserRefPipe } from '../users/user-ref.pipe.js';
import { MembershipsDto } from './dto/membership.dto.js';
import { MembershipsService } from './memberships.service.js';

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(`${API}/user/:user/groups`)
export class MembershipsController {
  constructor(private readonly memberships: MembershipsService) {}

  @ApiOperation({
    operationId: 'listGroupsOfUser',
    summary: 'The groups that a user is in or invited to, of those that the caller may see',
  })
  @ApiParam({ name: 'user', example: 'anna@demo.example' })
  @ApiOkResponse({ type: MembershipsDto })
  @ApiBearerErrors('missing_field', 'invalid_result_size', 'no_access', 'nonexistent_user')
  @Get()
  @CalledBy('bearer', 'OWN', 'STAFF')
  list(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Query() query: PageQueryDto,
  ): Promise<MembershipsDto> {
    return this.memberships.list(caller, user, query);
  }
}
