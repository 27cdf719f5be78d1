import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import type { Caller } from '../common/caller.js';
import { API } from '../common/paths.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { OverviewDto } from './dto/overview.dto.js';
import { OverviewService } from './overview.service.js';

@ApiTags('Organizations')
@ApiBearerAuth()
@Controller(`${API}/overview`)
export class OverviewController {
  constructor(private readonly overview: OverviewService) {}

  @ApiOperation({
    operationId: 'getOverview',
    summary: 'What needs attention in the caller’s organization, and what happened in the last 24 hours',
  })
  @ApiOkResponse({ type: OverviewDto })
  @ApiBearerErrors()
  @Get()
  @CalledBy('bearer', 'OWN')
  show(@CurrentCaller() caller: Caller): Promise<OverviewDto> {
    return this.overview.show(caller);
  }
}
