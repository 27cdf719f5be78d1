import { Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { ThirdPartyIdDto } from './dto/user.dto.js';
import { ThirdPartyIdsService } from './third-party-ids.service.js';
import { ThirdPartyIdPipe, UserRefPipe } from './user-ref.pipe.js';
import type { ThirdPartyIdRef, UserRef } from '../common/user-ref.js';

const READING = ['missing_field', 'no_access', 'nonexistent_user'] as const;
const NAMING = [...READING, 'invalid_third_party_id', 'unknown_third_party_id'] as const;
const ASSIGNING = [
  ...READING,
  'invalid_third_party_id',
  'third_party_id_in_use',
  'third_party_already_assigned',
] as const;

@ApiTags('Users')
@ApiBearerAuth()
@ApiParam({ name: 'user', example: 'anna@demo.example' })
@Controller(`${API}/user/:user`)
export class ThirdPartyIdsController {
  constructor(private readonly ids: ThirdPartyIdsService) {}

  @ApiOperation({ operationId: 'listThirdPartyIds', summary: 'The third-party IDs of a user' })
  @ApiOkResponse({ type: [ThirdPartyIdDto] })
  @ApiBearerErrors(...READING)
  @Get('third-party-ids')
  @CalledBy('bearer', 'OWN', 'STAFF')
  list(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<ThirdPartyIdDto[]> {
    return this.ids.list(caller, user);
  }

  @ApiOperation({ operationId: 'getThirdPartyId', summary: 'One third-party ID, as `CODE$ID`' })
  @ApiParam({ name: 'thirdPartyId', example: 'LMS$4711' })
  @ApiOkResponse({ type: ThirdPartyIdDto })
  @ApiBearerErrors(...NAMING)
  @Get('third-party-id/:thirdPartyId')
  @CalledBy('bearer', 'OWN', 'STAFF')
  get(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<ThirdPartyIdDto> {
    return this.ids.get(caller, user, id);
  }

  @ApiOperation({ operationId: 'assignThirdPartyId', summary: 'Give a user a third-party ID, as `CODE$ID`' })
  @ApiParam({ name: 'thirdPartyId', example: 'LMS$4711' })
  @ApiNoContentResponse({ description: 'The user has the third-party ID.' })
  @ApiBearerErrors(...ASSIGNING)
  @Put('third-party-id/:thirdPartyId')
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(204)
  assign(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<void> {
    return this.ids.assign(caller, user, id);
  }

  @ApiOperation({ operationId: 'removeThirdPartyId', summary: 'Take a third-party ID away, as `CODE$ID`' })
  @ApiParam({ name: 'thirdPartyId', example: 'LMS$4711' })
  @ApiNoContentResponse({ description: 'It has been removed.' })
  @ApiBearerErrors(...NAMING)
  @Delete('third-party-id/:thirdPartyId')
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(204)
  remove(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<void> {
    return this.ids.remove(caller, user, id);
  }

  @ApiOperation({ operationId: 'getThirdPartyIdInTwo', summary: 'One third-party ID, as `CODE/ID`' })
  @ApiParam({ name: 'id', example: '4711' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiOkResponse({ type: ThirdPartyIdDto })
  @ApiBearerErrors(...NAMING)
  @Get('third-party-id/:thirdParty/:id')
  @CalledBy('bearer', 'OWN', 'STAFF')
  getInTwo(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<ThirdPartyIdDto> {
    return this.ids.get(caller, user, id);
  }

  @ApiOperation({ operationId: 'assignThirdPartyIdInTwo', summary: 'Give a user a third-party ID, as `CODE/ID`' })
  @ApiParam({ name: 'id', example: '4711' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiNoContentResponse({ description: 'The user has the third-party ID.' })
  @ApiBearerErrors(...ASSIGNING)
  @Put('third-party-id/:thirdParty/:id')
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(204)
  assignInTwo(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<void> {
    return this.ids.assign(caller, user, id);
  }

  @ApiOperation({ operationId: 'removeThirdPartyIdInTwo', summary: 'Take a third-party ID away, as `CODE/ID`' })
  @ApiParam({ name: 'id', example: '4711' })
  @ApiParam({ name: 'thirdParty', example: 'LMS' })
  @ApiNoContentResponse({ description: 'It has been removed.' })
  @ApiBearerErrors(...NAMING)
  @Delete('third-party-id/:thirdParty/:id')
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(204)
  removeInTwo(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param(ThirdPartyIdPipe) id: ThirdPartyIdRef,
  ): Promise<void> {
    return this.ids.remove(caller, user, id);
  }
}
