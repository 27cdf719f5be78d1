import { Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { ThirdPartyRefPipe, UserRefPipe } from '../users/user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import { ExplanationDto, ExplanationQueryDto } from './dto/explanation.dto.js';
import { ExplanationsService } from './explanations.service.js';

const ERRORS = ['missing_field', 'incorrect_field', 'not_permitted', 'nonexistent_user', 'not_found'] as const;

@ApiTags('Access')
@ApiBearerAuth()
@Controller(`${API}/access`)
@CalledBy('bearer', 'OWN', 'VIEW_AUDIT_LOG', 'MANAGE_STAFF')
export class ExplanationController {
  constructor(private readonly explanations: ExplanationsService) {}

  @ApiOperation({
    operationId: 'explainAccess',
    summary: 'Explain who may let a user in, and why',
    description:
      'Says what the access call would answer, which rule decides, which rows it decides by, and what would turn the decision. ' +
      'It issues no token and records no refusal. Everybody may ask about their own calls; ' +
      'staff with `VIEW_AUDIT_LOG` or `MANAGE_STAFF` about those of their organization’s staff.',
  })
  @ApiParam({ name: 'user', description: 'As in the access call.', example: 'anna@demo.example' })
  @ApiOkResponse({ type: ExplanationDto })
  @ApiBearerErrors(...ERRORS)
  @Get(':user/explanation')
  @Header('Cache-Control', 'no-store')
  explain(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Query() query: ExplanationQueryDto,
  ): Promise<ExplanationDto> {
    return this.explanations.explain(caller, user, query);
  }

  @ApiOperation({
    operationId: 'explainAccessByThirdPartyId',
    summary: 'Explain who may let a user in, named by a third-party ID',
  })
  @ApiParam({ name: 'id', description: 'The user’s ID there, percent-encoded.', example: '4711' })
  @ApiParam({ name: 'thirdParty', description: 'The code of the third party.', example: 'LMS' })
  @ApiOkResponse({ type: ExplanationDto })
  @ApiBearerErrors(...ERRORS)
  @Get(':thirdParty/:id/explanation')
  @Header('Cache-Control', 'no-store')
  explainByThirdPartyId(
    @CurrentCaller() caller: Caller,
    @Param(ThirdPartyRefPipe) user: UserRef,
    @Query() query: ExplanationQueryDto,
  ): Promise<ExplanationDto> {
    return this.explanations.explain(caller, user, query);
  }
}
