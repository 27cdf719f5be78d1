import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { DescriptionDto } from '../http/description.dto.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { OwnChangesDto, UserChangesDto, UserFieldsDto } from './dto/user-fields.dto.js';
import { ApiSessionDto, UserDto } from './dto/user.dto.js';
import { ThirdPartyRefPipe, UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import { UsersService } from './users.service.js';

/** The errors of an account's fields. */
const FIELD_ERRORS = [
  'account_exists',
  'email_address_invalid',
  'real_name_not_specified',
  'locale_invalid',
  'invalid_time_zone',
  'year_of_birth_invalid',
  'residence_country_invalid',
  'invalid_third_party_id',
  'third_party_id_in_use',
] as const;

@ApiTags('Users')
@ApiBearerAuth()
@Controller(`${API}/users`)
export class NewUsersController {
  constructor(private readonly users: UsersService) {}

  @ApiOperation({ operationId: 'createUser', summary: 'Create an account that the caller’s organization manages' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors(...FIELD_ERRORS, 'email_address_not_specified', 'no_permission')
  @Post()
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(200)
  create(@CurrentCaller() caller: Caller, @Body() fields: UserFieldsDto): Promise<UserDto> {
    return this.users.create(caller, fields);
  }
}

@ApiTags('Users')
@ApiBearerAuth()
@Controller(`${API}/user`)
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @ApiOperation({ operationId: 'getOwnUser', summary: 'The caller’s own account' })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('nonexistent_user')
  @Get()
  @CalledBy('delegated', 'OWN')
  getSelf(@CurrentCaller() caller: Caller): Promise<UserDto> {
    return this.users.get(caller, { by: 'self' });
  }

  @ApiOperation({
    operationId: 'getUser',
    summary: 'The caller’s own account, or one that the caller’s organization manages',
  })
  @ApiParam({
    name: 'user',
    description: 'A user ID, `self`, an e-mail address, or a third-party ID as `CODE$ID`.',
    example: 'anna@demo.example',
  })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('missing_field', 'no_access', 'nonexistent_user')
  @Get(':user')
  @CalledBy('bearer', 'OWN', 'STAFF')
  get(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<UserDto> {
    return this.users.get(caller, user);
  }

  @ApiOperation({ operationId: 'getUserByThirdPartyId', summary: 'An account, named by a third-party ID' })
  @ApiParam({ name: 'id', example: '4711' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors('missing_field', 'no_access', 'nonexistent_user')
  @Get(':thirdParty/:id')
  @CalledBy('bearer', 'OWN', 'STAFF')
  getByThirdPartyId(@CurrentCaller() caller: Caller, @Param(ThirdPartyRefPipe) user: UserRef): Promise<UserDto> {
    return this.users.get(caller, user);
  }

  @ApiOperation({ operationId: 'changeOwnUser', summary: 'Change the caller’s own account' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors(...FIELD_ERRORS, 'email_not_added', 'third_party_already_assigned', 'no_access', 'nonexistent_user')
  @Put()
  @CalledBy('bearer', 'OWN')
  changeSelf(@CurrentCaller() caller: Caller, @Body() changes: OwnChangesDto): Promise<UserDto> {
    return this.users.change(caller, { by: 'self' }, changes);
  }

  @ApiOperation({
    operationId: 'updateOwnUser',
    summary: 'The older form of changing the caller’s own account, which answers an empty object',
  })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ schema: { type: 'object', example: {} } })
  @ApiBearerErrors(...FIELD_ERRORS, 'email_not_added', 'third_party_already_assigned', 'no_access', 'nonexistent_user')
  @Post()
  @CalledBy('bearer', 'OWN')
  @HttpCode(200)
  async updateSelf(@CurrentCaller() caller: Caller, @Body() changes: OwnChangesDto): Promise<object> {
    await this.users.change(caller, { by: 'self' }, changes);
    return {};
  }

  @ApiOperation({
    operationId: 'changeUser',
    summary: 'Change the caller’s own account, or one that the caller’s organization manages',
    description:
      'Fields that are not given stay unchanged. An empty value removes a field. Blocking an account ends its sessions and ' +
      'revokes its login tokens.',
  })
  @ApiParam({ name: 'user', example: 'anna@demo.example' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: UserDto })
  @ApiBearerErrors(
    ...FIELD_ERRORS,
    'missing_field',
    'email_not_added',
    'third_party_already_assigned',
    'no_access',
    'nonexistent_user',
  )
  @Put(':user')
  @CalledBy('bearer', 'OWN', 'MANAGE_USERS')
  change(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Body() changes: UserChangesDto,
  ): Promise<UserDto> {
    return this.users.change(caller, user, changes);
  }

  @ApiOperation({ operationId: 'deleteUser', summary: 'Delete an account that the caller’s organization manages' })
  @ApiParam({ name: 'user', example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  @ApiOkResponse({ type: DescriptionDto, description: 'The account is deleted, with its sessions and login tokens.' })
  @ApiBearerErrors('missing_field', 'cannot_delete_self', 'account_is_group_manager', 'access_denied', 'not_found')
  @Delete(':user')
  @CalledBy('bearer', 'MANAGE_USERS')
  async remove(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<DescriptionDto> {
    await this.users.remove(caller, user);
    return { description: 'The account is deleted.' };
  }
}

@ApiTags('Users')
@ApiBearerAuth()
@Controller(`${API}/session`)
export class ApiSessionController {
  constructor(private readonly users: UsersService) {}

  @ApiOperation({ operationId: 'getApiSession', summary: 'The user of the access token, and their locale' })
  @ApiOkResponse({ type: ApiSessionDto })
  @ApiBearerErrors('nonexistent_user')
  @Get()
  @CalledBy('delegated', 'OWN')
  async get(@CurrentCaller() caller: Caller): Promise<ApiSessionDto> {
    const user = await this.users.get(caller, { by: 'self' });
    return { locale: user.locale, user };
  }
}
