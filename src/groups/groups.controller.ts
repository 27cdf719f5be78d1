import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { AskedVersion } from '../http/asked-version.decorator.js';
import { DescriptionDto } from '../http/description.dto.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import type { ApiVersion } from '../common/paths.js';
import { GroupChangesDto, NewGroupDto } from './dto/group-fields.dto.js';
import { GroupDto, GroupsDto, GroupsQueryDto } from './dto/group.dto.js';
import { GroupListsService } from './group-lists.service.js';
import { GroupIdPipe } from './group-id.pipe.js';
import { GroupsService } from './groups.service.js';

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(`${API}/groups`)
export class GroupListController {
  constructor(
    private readonly groups: GroupsService,
    private readonly lists: GroupListsService,
  ) {}

  @ApiOperation({ operationId: 'listGroups', summary: 'The groups on which the caller has a permission' })
  @ApiOkResponse({ type: GroupsDto })
  @ApiBearerErrors('invalid_permission', 'invalid_result_size')
  @Get()
  @CalledBy('bearer', 'OWN')
  list(
    @CurrentCaller() caller: Caller,
    @Query() query: GroupsQueryDto,
    @AskedVersion() version: ApiVersion,
  ): Promise<GroupsDto> {
    return this.lists.list(caller, query, version);
  }

  @ApiOperation({ operationId: 'createGroup', summary: 'Create a group that the caller manages' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: GroupDto })
  @ApiBearerErrors('name_missing', 'description_missing', 'invalid_custom_reference', 'no_permission')
  @Post()
  @CalledBy('bearer', 'CREATE_GROUPS')
  @HttpCode(200)
  create(@CurrentCaller() caller: Caller, @Body() fields: NewGroupDto): Promise<GroupDto> {
    return this.groups.create(caller, fields);
  }
}

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(`${API}/organization/:id/groups`)
export class OrganizationGroupsController {
  constructor(private readonly lists: GroupListsService) {}

  @ApiOperation({ operationId: 'listOrganizationGroups', summary: 'Every group of the caller’s organization' })
  @ApiParam({ name: 'id', example: 'self' })
  @ApiOkResponse({ type: GroupsDto })
  @ApiBearerErrors(
    'invalid_permission',
    'invalid_result_size',
    'not_linked_to_organization',
    'not_permitted',
    'not_found',
  )
  @Get()
  @CalledBy('bearer', 'STAFF')
  list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Query() query: GroupsQueryDto,
    @AskedVersion() version: ApiVersion,
  ): Promise<GroupsDto> {
    return this.lists.listAll(caller, id, query, version);
  }
}

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(`${API}/group`)
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @ApiOperation({ operationId: 'getGroup', summary: 'A group on which the caller has a permission' })
  @ApiParam({ name: 'id', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  @ApiOkResponse({ type: GroupDto })
  @ApiBearerErrors('invalid_group_id', 'no_permission', 'not_found')
  @Get(':id')
  @CalledBy('bearer', 'GROUP_VIEW')
  get(@CurrentCaller() caller: Caller, @Param('id', GroupIdPipe) id: string): Promise<GroupDto> {
    return this.groups.get(caller, id);
  }

  @ApiOperation({ operationId: 'changeGroup', summary: 'Change a group that the caller manages' })
  @ApiParam({ name: 'id', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: GroupDto })
  @ApiBearerErrors(
    'invalid_group_id',
    'invalid_name',
    'invalid_description',
    'invalid_custom_reference',
    'no_permission',
    'not_found',
  )
  @Put(':id')
  @CalledBy('bearer', 'GROUP_MANAGE')
  change(
    @CurrentCaller() caller: Caller,
    @Param('id', GroupIdPipe) id: string,
    @Body() changes: GroupChangesDto,
  ): Promise<GroupDto> {
    return this.groups.change(caller, id, changes);
  }

  @ApiOperation({ operationId: 'deleteGroup', summary: 'Delete a group, and end the sessions that came from it' })
  @ApiParam({ name: 'id', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('invalid_group_id', 'no_permission', 'not_found')
  @Delete(':id')
  @CalledBy('bearer', 'GROUP_MANAGE')
  async remove(@CurrentCaller() caller: Caller, @Param('id', GroupIdPipe) id: string): Promise<DescriptionDto> {
    await this.groups.remove(caller, id);
    return { description: 'The group is deleted.' };
  }
}
