import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { AskedVersion } from '../http/asked-version.decorator.js';
import { DescriptionDto } from '../http/description.dto.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { PageQueryDto, VersionedQueryDto } from '../http/paging.js';
import { API } from '../common/paths.js';
import type { ApiVersion } from '../common/paths.js';
import { ThirdPartyRefPipe, UserRefPipe } from '../users/user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import {
  AddedMembersDto,
  InvitationAnswerDto,
  InvitationsDto,
  MemberDto,
  MembersDto,
  NewMemberDto,
  NewMembersDto,
} from './dto/member.dto.js';
import { GroupIdPipe } from './group-id.pipe.js';
import { InvitationsService } from './invitations.service.js';
import { MembersService } from './members.service.js';

const ADDING = [
  'invalid_group_id',
  'missing_field',
  'group_not_found',
  'no_permission',
  'unknown_user',
  'name_missing',
  'invalid_email_address',
  'already_member',
  'already_invited',
  'invalid_period',
  'real_name_not_specified',
  'locale_invalid',
  'invalid_time_zone',
  'year_of_birth_invalid',
  'residence_country_invalid',
  'invalid_third_party_id',
] as const;
const REMOVING = ['invalid_group_id', 'missing_field', 'group_not_found', 'no_permission', 'not_group_member'] as const;
const REMOVED = { description: 'The user is no longer in the group.' };

@ApiTags('Groups')
@ApiBearerAuth()
@ApiParam({ name: 'group', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
@Controller(`${API}/group/:group/members`)
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @ApiOperation({ operationId: 'listMembers', summary: 'The people in a group, and those who are invited to it' })
  @ApiOkResponse({ type: MembersDto })
  @ApiBearerErrors('invalid_group_id', 'invalid_result_size', 'group_not_found', 'no_permission')
  @Get()
  @CalledBy('bearer', 'GROUP_VIEW')
  list(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Query() query: VersionedQueryDto,
    @AskedVersion() version: ApiVersion,
  ): Promise<MembersDto> {
    return this.members.list(caller, group, query, version);
  }

  @ApiOperation({
    operationId: 'addMember',
    summary: 'Add a user to a group, or invite one whom the organization does not manage',
    description: 'With `setup`, an account that does not exist is created. The caller then also needs `MANAGE_USERS`.',
  })
  @ApiParam({ name: 'user', example: 'bo.bakker@demo.example' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: MemberDto })
  @ApiBearerErrors(...ADDING)
  @Put(':user')
  @CalledBy('bearer', 'GROUP_MANAGE')
  add(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param('user', UserRefPipe) user: UserRef,
    @Body() fields: NewMemberDto,
  ): Promise<MemberDto> {
    return this.members.add(caller, group, user, fields);
  }

  @ApiOperation({
    operationId: 'addMembers',
    summary: 'Add many users to a group',
    description:
      'Each as the call for one user does. The answer has a result for each; one that fails does not hinder the others.',
  })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: AddedMembersDto })
  @ApiBearerErrors('invalid_group_id', 'invalid_request', 'invalid_period', 'group_not_found', 'no_permission')
  @Post()
  @HttpCode(200)
  @CalledBy('bearer', 'GROUP_MANAGE')
  addAll(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Body() members: NewMembersDto,
  ): Promise<AddedMembersDto> {
    return this.members.addAll(caller, group, members);
  }

  @ApiOperation({ operationId: 'addMemberByThirdPartyId', summary: 'Add a user to a group by a third-party ID' })
  @ApiParam({ name: 'id', example: '4713' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: MemberDto })
  @ApiBearerErrors(...ADDING)
  @Put(':thirdParty/:id')
  @CalledBy('bearer', 'GROUP_MANAGE')
  addByThirdPartyId(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param(ThirdPartyRefPipe) user: UserRef,
    @Body() fields: NewMemberDto,
  ): Promise<MemberDto> {
    return this.members.add(caller, group, user, fields);
  }

  @ApiOperation({ operationId: 'removeMember', summary: 'Remove a user from a group, or withdraw an invitation' })
  @ApiParam({ name: 'user', example: 'bjorn@demo.example' })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors(...REMOVING)
  @Delete(':user')
  @CalledBy('bearer', 'GROUP_MANAGE')
  async remove(
    @CurrentCaller() caller: Caller,
    @Param('group', GroupIdPipe) group: string,
    @Param('user', UserRefPipe) user: UserRef,
  ): Promise<DescriptionDto> {
    await this.members.remove(caller, group, user);
    return REMOVED;
  }
}

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(API)
@CalledBy('bearer', 'OWN')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @ApiOperation({ operationId: 'listInvitations', summary: 'The caller’s own invitations to groups' })
  @ApiOkResponse({ type: InvitationsDto })
  @ApiBearerErrors('invalid_result_size')
  @Get('group-invitations')
  list(@CurrentCaller() caller: Caller, @Query() query: PageQueryDto): Promise<InvitationsDto> {
    return this.invitations.list(caller, query);
  }

  @ApiOperation({
    operationId: 'answerInvitation',
    summary: 'Accept or decline the caller’s own invitation',
    description: 'The ID of an invitation is the ID of the group.',
  })
  @ApiParam({ name: 'id', example: 'pX9sKd3LwQ7vB2nR5tYh0A' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('invalid_action', 'not_found')
  @Put('group-invitation/:id')
  async answer(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() answer: InvitationAnswerDto,
  ): Promise<DescriptionDto> {
    await this.invitations.answer(caller, id, answer);
    return { description: answer.action === 'ACCEPT' ? 'You have joined the group.' : 'You have declined.' };
  }
}
