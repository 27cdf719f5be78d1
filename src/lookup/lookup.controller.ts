import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import type { Caller } from '../common/caller.js';
import { API } from '../common/paths.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { LookupDto, LookupQueryDto } from './dto/lookup.dto.js';
import { LookupService } from './lookup.service.js';

@ApiTags('Organizations')
@ApiBearerAuth()
@Controller(`${API}/lookup`)
export class LookupController {
  constructor(private readonly lookup: LookupService) {}

  @ApiOperation({ operationId: 'lookUp', summary: 'What an ID names, of whatever kind it is' })
  @ApiOkResponse({ type: LookupDto })
  @ApiBearerErrors('not_permitted')
  @Get()
  @CalledBy('bearer', 'STAFF')
  find(@CurrentCaller() caller: Caller, @Query() { q }: LookupQueryDto): Promise<LookupDto> {
    return this.lookup.find(caller, q);
  }
}
