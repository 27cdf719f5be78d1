import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { DescriptionDto } from '../http/description.dto.js';
import { NewOriginDto, OriginDto, OriginsDto } from './dto/origins.dto.js';
import { OriginClaimsService } from './origin-claims.service.js';

const ORIGIN = { name: 'origin', description: 'The origin, percent-encoded.', example: 'http://localhost:4000' };

/** The sites of an organization, which its clients may send users to (docs/api.md, section 10). */
@ApiTags('Origins')
@ApiBearerAuth()
@Controller(`${API}/origins`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class OriginListController {
  constructor(private readonly claims: OriginClaimsService) {}

  @ApiOperation({
    operationId: 'listOrigins',
    summary: 'The origins that the caller’s organization has, and those that it claims',
  })
  @ApiOkResponse({ type: OriginsDto })
  @ApiBearerErrors('not_permitted')
  @Get()
  list(@CurrentCaller() caller: Caller): Promise<OriginsDto> {
    return this.claims.list(caller);
  }

  @ApiOperation({
    operationId: 'claimOrigin',
    summary: 'Claim an origin',
    description: 'Put the `challenge` of the answer into a file at its `url`, and have that verified.',
  })
  @ApiConsumes('application/x-www-form-urlencoded', 'application/json')
  @ApiOkResponse({ type: OriginDto })
  @ApiBearerErrors('invalid_origin', 'limit_reached', 'not_permitted')
  @Post()
  @HttpCode(200)
  claim(@CurrentCaller() caller: Caller, @Body() { origin }: NewOriginDto): Promise<OriginDto> {
    return this.claims.claim(caller, origin);
  }
}

@ApiTags('Origins')
@ApiBearerAuth()
@Controller(`${API}/origin`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class OriginsController {
  constructor(private readonly claims: OriginClaimsService) {}

  @ApiOperation({
    operationId: 'verifyOrigin',
    summary: 'Prove a claimed origin by the file on the site',
    description: 'The service reads the file. If it contains the challenge, the origin belongs to the organization.',
  })
  @ApiParam(ORIGIN)
  @ApiOkResponse({ type: OriginDto })
  @ApiBearerErrors('origin_not_proven', 'not_permitted', 'not_found', 'origin_in_use', 'too_many_requests')
  @Post(':origin/verify')
  @HttpCode(200)
  verify(@CurrentCaller() caller: Caller, @Param('origin') origin: string): Promise<OriginDto> {
    return this.claims.verify(caller, origin);
  }

  @ApiOperation({
    operationId: 'deleteOrigin',
    summary: 'Give up an origin or a claim',
    description: 'Clients lose it, and its sessions end within two seconds.',
  })
  @ApiParam(ORIGIN)
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete(':origin')
  async remove(@CurrentCaller() caller: Caller, @Param('origin') origin: string): Promise<DescriptionDto> {
    await this.claims.remove(caller, origin);
    return { description: 'The origin is given up.' };
  }
}
