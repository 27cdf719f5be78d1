import { Controller, Get, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../common/openapi.js';
import { API } from '../common/paths.js';
import { UserDto } from './dto/user.dto.js';
import { ThirdPartyRefPipe, UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from './user-ref.js';
import { UsersService } from './users.service.js';

@ApiTags('Users')
@ApiBearerAuth()
@Controller(`${API}/user`)
@CalledBy('bearer')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @ApiOperation({ operationId: 'getOwnUser', summary: 'The caller’s own account' })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('nonexistent_user')
  @Get()
  getSelf(@CurrentCaller() caller: Caller): Promise<UserDto> {
    return this.users.get(caller, { by: 'self' });
  }

  @ApiOperation({
    operationId: 'getUser',
    summary: 'An account: one’s own, or one that the caller’s organization manages',
  })
  @ApiParam({
    name: 'user',
    description: 'A user ID, `self`, an e-mail address, or a third-party ID as `CODE$ID`.',
    example: 'anna@demo.example',
  })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('missing_field', 'no_access', 'nonexistent_user')
  @Get(':user')
  get(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<UserDto> {
    return this.users.get(caller, user);
  }

  @ApiOperation({ operationId: 'getUserByThirdPartyId', summary: 'An account, named by a third-party ID' })
  @ApiParam({ name: 'id', example: '4711' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('missing_field', 'no_access', 'nonexistent_user')
  @Get(':thirdParty/:id')
  getByThirdPartyId(@CurrentCaller() caller: Caller, @Param(ThirdPartyRefPipe) user: UserRef): Promise<UserDto> {
    return this.users.get(caller, user);
  }
}
