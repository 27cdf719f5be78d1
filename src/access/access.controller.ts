import { Controller, Get, Header, Param, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { AskedVersion } from '../http/asked-version.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import type { ApiVersion } from '../common/paths.js';
import { ThirdPartyRefPipe, UserRefPipe } from '../users/user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';
import { AccessService } from './access.service.js';
import { AccessQueryDto } from './dto/access-query.dto.js';
import { AccessDto, inVersion } from './dto/access.dto.js';

@ApiTags('Access')
@ApiBearerAuth()
@Controller(`${API}/access`)
@CalledBy('bearer', 'OBTAIN_ACCESS_TOKENS')
export class AccessController {
  constructor(private readonly access: AccessService) {}

  @ApiOperation({
    operationId: 'obtainAccess',
    summary: 'Let a user in',
    description:
      'Answers with a one-time token that starts a web session for the user, and with the URL to forward the browser to. ' +
      'The caller needs the permission `OBTAIN_ACCESS_TOKENS` and has to administer a group that the user has joined. ' +
      'This call is deprecated in version 2.1.1, as the headers `Deprecation` and `Link` say. Use service accounts instead.',
  })
  @ApiParam({
    name: 'user',
    description: 'A user ID, `self`, an e-mail address, or a third-party ID as `CODE$ID`.',
    example: 'anna@demo.example',
  })
  @ApiOkResponse({ type: AccessDto })
  @ApiBearerErrors('missing_field', 'incorrect_field', 'not_authorized', 'unknown_user')
  @Get(':user')
  @Header('Cache-Control', 'no-store')
  issue(
    @Req() { raw }: FastifyRequest,
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Query() query: AccessQueryDto,
    @AskedVersion() version: ApiVersion,
  ): Promise<Partial<AccessDto>> {
    const issued = this.access.begun.get(raw) ?? this.access.issue(caller, user, query);
    return issued.then((access) => inVersion(version, access));
  }

  @ApiOperation({
    operationId: 'obtainAccessByThirdPartyId',
    summary: 'Let a user in, named by a third-party ID',
    description: 'As the other form, for a user whom the host knows by its own ID.',
  })
  @ApiParam({
    name: 'id',
    description: 'The user’s ID there: any text up to 255 characters, percent-encoded.',
    example: '4711',
  })
  @ApiParam({ name: 'thirdParty', description: 'The code of the third party.', example: 'LMS' })
  @ApiOkResponse({ type: AccessDto })
  @ApiBearerErrors('missing_field', 'incorrect_field', 'not_authorized', 'unknown_user')
  @Get(':thirdParty/:id')
  @Header('Cache-Control', 'no-store')
  issueByThirdPartyId(
    @CurrentCaller() caller: Caller,
    @Param(ThirdPartyRefPipe) user: UserRef,
    @Query() query: AccessQueryDto,
    @AskedVersion() version: ApiVersion,
  ): Promise<Partial<AccessDto>> {
    return this.access.issue(caller, user, query).then((access) => inVersion(version, access));
  }

  /** A call without a user has a missing field; it is not an unknown path (docs/api.md, section 4.2, rule 2). */
  @ApiExcludeEndpoint()
  @Get()
  withoutUser(@Param('user', UserRefPipe) _user: UserRef): void {}
}
