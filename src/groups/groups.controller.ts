import { Controller, Get, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdPipe } from '../common/id.pipe.js';
import { ApiBearerErrors } from '../common/openapi.js';
import { API } from '../common/paths.js';
import { GroupDto } from './dto/group.dto.js';
import { GroupsService } from './groups.service.js';

@ApiTags('Groups')
@ApiBearerAuth()
@Controller(`${API}/group`)
@CalledBy('bearer')
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @ApiOperation({ operationId: 'getGroup', summary: 'A group on which the caller has a permission' })
  @ApiParam({ name: 'id', example: 'b4nWmQ2hR8q0k5m1tYx7Jw' })
  @ApiOkResponse({ type: GroupDto })
  @ApiBearerErrors('no_permission', 'not_found')
  @Get(':id')
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<GroupDto> {
    return this.groups.get(caller, id);
  }
}
