import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { OffsetQueryDto } from '../http/paging.js';
import { API } from '../common/paths.js';
import { AccountsService } from './accounts.service.js';
import { AccountsDto, AccountsQueryDto } from './dto/accounts.dto.js';
import { StaffDto } from './dto/staff.dto.js';

@ApiTags('Organizations')
@ApiBearerAuth()
@Controller(`${API}/organizations/:id/accounts`)
@CalledBy('bearer', 'STAFF')
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @ApiOperation({ operationId: 'listAccounts', summary: 'The people whom the caller’s organization manages' })
  @ApiParam({ name: 'id', example: 'self' })
  @ApiOkResponse({ type: AccountsDto })
  @ApiBearerErrors('not_permitted', 'not_found', 'invalid_result_size')
  @Get()
  list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Query() query: AccountsQueryDto,
  ): Promise<AccountsDto> {
    return this.accounts.list(caller, id, query);
  }
}

@ApiTags('Users')
@ApiBearerAuth()
@Controller(`${API}/users`)
@CalledBy('bearer', 'STAFF')
export class UserSearchController {
  constructor(private readonly accounts: AccountsService) {}

  @ApiOperation({
    operationId: 'searchUsers',
    summary: 'The people whom the caller’s organization manages, by number',
  })
  @ApiOkResponse({ type: StaffDto })
  @ApiBearerErrors('not_permitted', 'invalid_result_size')
  @Get()
  search(@CurrentCaller() caller: Caller, @Query() query: OffsetQueryDto): Promise<StaffDto> {
    return this.accounts.search(caller, query);
  }
}
