import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import type { Caller } from '../common/caller.js';
import { API } from '../common/paths.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { PageQueryDto } from '../http/paging.js';
import { ApplicationListsService } from './application-lists.service.js';
import { UnconfirmedLogoutsDto } from './dto/applications.dto.js';

/** What applications know of the ends of sessions (docs/api.md, section 11.4). */
@ApiTags('Clients')
@ApiBearerAuth()
@Controller(`${API}/client`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class ApplicationsController {
  constructor(private readonly lists: ApplicationListsService) {}

  @ApiOperation({
    operationId: 'listUnconfirmedLogouts',
    summary: 'The logouts that an application has not confirmed',
    description: 'The latest first.',
  })
  @ApiParam({ name: 'id', example: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' })
  @ApiOkResponse({ type: UnconfirmedLogoutsDto })
  @ApiBearerErrors('not_permitted', 'not_found', 'invalid_result_size')
  @Get(':id/logouts')
  list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Query() query: PageQueryDto,
  ): Promise<UnconfirmedLogoutsDto> {
    return this.lists.listUnconfirmed(caller, id, query);
  }
}
