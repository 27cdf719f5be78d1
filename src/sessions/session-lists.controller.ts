import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApplicationsOfSessionDto } from '../applications/dto/applications.dto.js';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { PageQueryDto } from '../http/paging.js';
import { API } from '../common/paths.js';
import { AccessTokensDto, SessionsDto, SessionsQueryDto } from './dto/session-lists.dto.js';
import { SessionListsService } from './live/session-lists.service.js';

const LISTING = ['not_permitted', 'missing_field', 'nonexistent_user', 'no_access', 'invalid_result_size'] as const;

/** What administrators see and end of the sessions of their users (docs/api.md, section 11.1). */
@ApiTags('Sessions')
@ApiBearerAuth()
@Controller(API)
@CalledBy('bearer', 'MANAGE_USERS')
export class SessionListsController {
  constructor(private readonly lists: SessionListsService) {}

  @ApiOperation({
    operationId: 'listSessions',
    summary: 'The live sessions of the users whom the caller’s organization manages',
    description: 'The latest first.',
  })
  @ApiOkResponse({ type: SessionsDto })
  @ApiBearerErrors(...LISTING)
  @Get('sessions')
  list(@CurrentCaller() caller: Caller, @Query() query: SessionsQueryDto): Promise<SessionsDto> {
    return this.lists.list(caller, query);
  }

  @ApiOperation({ operationId: 'endSession', summary: 'End one of these sessions' })
  @ApiParam({ name: 'id', description: 'An `id` of `GET sessions`.' })
  @ApiNoContentResponse({ description: 'The session has ended.' })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete('session/:id')
  @HttpCode(204)
  end(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<void> {
    return this.lists.end(caller, id);
  }

  @ApiOperation({
    operationId: 'listApplicationsOfSession',
    summary: 'The applications that a session of these users has signed in to, and whether they know of its end',
    description: 'In the order in which the session signed in to them. Also of a session that has ended.',
  })
  @ApiParam({ name: 'id', description: 'An `id` of `GET sessions`.' })
  @ApiOkResponse({ type: ApplicationsOfSessionDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Get('session/:id/applications')
  listApplications(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
  ): Promise<ApplicationsOfSessionDto> {
    return this.lists.listApplications(caller, id);
  }

  @ApiOperation({
    operationId: 'listAccessTokens',
    summary: 'The login tokens for these users that can still start a session',
    description: 'Those that are neither used nor expired nor revoked, the latest first.',
  })
  @ApiOkResponse({ type: AccessTokensDto })
  @ApiBearerErrors(...LISTING)
  @Get('access-tokens')
  listTokens(@CurrentCaller() caller: Caller, @Query() query: SessionsQueryDto): Promise<AccessTokensDto> {
    return this.lists.listTokens(caller, query);
  }

  @ApiOperation({
    operationId: 'revokeAccessToken',
    summary: 'Revoke one of these login tokens, and end the session that it has started',
  })
  @ApiParam({ name: 'id', description: 'An `id` of `GET access-tokens`.' })
  @ApiNoContentResponse({ description: 'The token can no longer start a session.' })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete('access-token/:id')
  @HttpCode(204)
  revokeToken(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<void> {
    return this.lists.revokeToken(caller, id);
  }
}

/** What everybody sees and ends of their own sessions. */
@ApiTags('Sessions')
@ApiBearerAuth()
@Controller(API)
@CalledBy('bearer', 'OWN')
export class OwnSessionsController {
  constructor(private readonly lists: SessionListsService) {}

  @ApiOperation({
    operationId: 'listOwnSessions',
    summary: 'The caller’s own live sessions, and who let them in',
    description: 'The latest first, whichever organization has started them.',
  })
  @ApiOkResponse({ type: SessionsDto })
  @ApiBearerErrors('invalid_result_size')
  @Get('own-sessions')
  list(@CurrentCaller() caller: Caller, @Query() query: PageQueryDto): Promise<SessionsDto> {
    return this.lists.listOwn(caller, query);
  }

  @ApiOperation({ operationId: 'endOwnSession', summary: 'End one of the caller’s own sessions' })
  @ApiParam({ name: 'id', description: 'An `id` of `GET own-sessions`.' })
  @ApiNoContentResponse({ description: 'The session has ended.' })
  @ApiBearerErrors('not_found')
  @Delete('own-session/:id')
  @HttpCode(204)
  end(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<void> {
    return this.lists.endOwn(caller, id);
  }
}
