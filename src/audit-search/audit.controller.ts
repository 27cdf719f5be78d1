import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { AuditSearchService } from './audit-search.service.js';
import { AuditDto, AuditQueryDto } from './dto/audit.dto.js';

@ApiTags('Audit')
@ApiBearerAuth()
@Controller(`${API}/audit`)
export class AuditController {
  constructor(private readonly audit: AuditSearchService) {}

  @ApiOperation({
    operationId: 'searchAudit',
    summary: 'Who let whom in, and what else happened in the caller’s organization',
    description: 'The latest first.',
  })
  @ApiOkResponse({ type: AuditDto })
  @ApiBearerErrors('not_permitted', 'invalid_result_size')
  @Get()
  @CalledBy('bearer', 'VIEW_AUDIT_LOG')
  search(@CurrentCaller() caller: Caller, @Query() query: AuditQueryDto): Promise<AuditDto> {
    return this.audit.search(caller, query);
  }
}
