import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { AuditSearchService, EXPORT_SIZE } from './audit-search.service.js';
import { AuditStreamService } from './audit-stream.service.js';
import { AuditStreamQueryDto } from './dto/audit-stream.dto.js';
import { AuditDto, AuditExportQueryDto, AuditQueryDto } from './dto/audit.dto.js';

const TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' };

function parametersOf(query: AuditExportQueryDto): URLSearchParams {
  return new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][]);
}

@ApiTags('Audit')
@ApiBearerAuth()
@Controller(`${API}/audit`)
export class AuditController {
  constructor(
    private readonly audit: AuditSearchService,
    private readonly stream: AuditStreamService,
  ) {}

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

  @ApiOperation({
    operationId: 'exportAudit',
    summary: 'The audit log as CSV or NDJSON, in parts',
    description: `The latest first, up to ${EXPORT_SIZE} events. \`Link\` with \`rel="next"\` leads to the next part.`,
  })
  @ApiProduces('text/csv', 'application/x-ndjson')
  @ApiOkResponse({
    schema: { type: 'string' },
    headers: { Link: { description: 'The next part, if there is one.', schema: { type: 'string' } } },
  })
  @ApiBearerErrors('not_permitted')
  @Get('export')
  @CalledBy('bearer', 'VIEW_AUDIT_LOG')
  async export(
    @CurrentCaller() caller: Caller,
    @Query() query: AuditExportQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const { text, next } = await this.audit.export(caller, query);
    void reply.type(TYPES[query.format]);
    void reply.header('Content-Disposition', `attachment; filename="record.${query.format}"`);
    if (next) void reply.header('Link', `<?${parametersOf({ ...query, resultFrom: next })}>; rel="next"`);
    return text;
  }

  @ApiOperation({
    operationId: 'followAudit',
    summary: 'The audit log as a stream of NDJSON, for a program that follows it',
    description:
      'The oldest first. Each line is an event with its `sequence`, with the SHA-256 of the line before as `previous`, and with the `cursor` after which to go on.',
  })
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiBearerErrors('not_permitted', 'cursor_expired')
  @Get('stream')
  @CalledBy('bearer', 'VIEW_AUDIT_LOG')
  async follow(
    @CurrentCaller() caller: Caller,
    @Query() query: AuditStreamQueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    void reply.type(TYPES.ndjson);
    return this.stream.next(caller, query, () => reply.raw.destroyed);
  }
}
