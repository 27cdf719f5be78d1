import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { DescriptionDto } from '../http/description.dto.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { PageQueryDto } from '../http/paging.js';
import {
  NewKeyDto,
  NewKeyPairDto,
  NewServiceAccountDto,
  ServiceAccountDto,
  ServiceAccountKeyDto,
  ServiceAccountKeysDto,
  ServiceAccountsDto,
} from './dto/service-account.dto.js';
import { ServiceAccountKeysService } from './service-account-keys.service.js';
import { ServiceAccountsService } from './service-accounts.service.js';

/** A service account of the demo organization. */
const ACCOUNT = { name: 'id', example: 'Sa7vKq2LwT0m8sQXq3bVxg' };

/** Staff that is not a person (docs/api.md, section 9.3). */
@ApiTags('Service accounts')
@ApiBearerAuth()
@Controller(`${API}/service-accounts`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class ServiceAccountListController {
  constructor(private readonly accounts: ServiceAccountsService) {}

  @ApiOperation({ operationId: 'listServiceAccounts', summary: 'The service accounts of the caller’s organization' })
  @ApiOkResponse({ type: ServiceAccountsDto })
  @ApiBearerErrors('not_permitted', 'invalid_result_size')
  @Get()
  list(@CurrentCaller() caller: Caller, @Query() query: PageQueryDto): Promise<ServiceAccountsDto> {
    return this.accounts.list(caller, query);
  }

  @ApiOperation({
    operationId: 'createServiceAccount',
    summary: 'Create a service account without permissions',
    description:
      'Grant it permissions like any other staff, with `PUT user/{id}/permissions/{permission}` and `PUT group/{id}/staff/{id}/{permission}`.',
  })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: ServiceAccountDto })
  @ApiBearerErrors('name_missing', 'not_permitted')
  @Post()
  @HttpCode(200)
  create(@CurrentCaller() caller: Caller, @Body() fields: NewServiceAccountDto): Promise<ServiceAccountDto> {
    return this.accounts.create(caller, fields);
  }
}

@ApiTags('Service accounts')
@ApiBearerAuth()
@ApiParam(ACCOUNT)
@Controller(`${API}/service-account/:id`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class ServiceAccountsController {
  constructor(
    private readonly accounts: ServiceAccountsService,
    private readonly keys: ServiceAccountKeysService,
  ) {}

  @ApiOperation({ operationId: 'getServiceAccount', summary: 'A service account of the caller’s organization' })
  @ApiOkResponse({ type: ServiceAccountDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Get()
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<ServiceAccountDto> {
    return this.accounts.get(caller, id);
  }

  @ApiOperation({
    operationId: 'deleteServiceAccount',
    summary: 'Delete a service account with its keys, its own client, and everything that came from them',
  })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('cannot_delete_self', 'not_permitted', 'not_found')
  @Delete()
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<DescriptionDto> {
    await this.accounts.remove(caller, id);
    return { description: 'The service account is deleted.' };
  }

  @ApiOperation({ operationId: 'listServiceAccountKeys', summary: 'The public keys of a service account' })
  @ApiOkResponse({ type: ServiceAccountKeysDto })
  @ApiBearerErrors('not_permitted', 'not_found', 'invalid_result_size')
  @Get('keys')
  listKeys(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Query() query: PageQueryDto,
  ): Promise<ServiceAccountKeysDto> {
    return this.keys.list(caller, id, query);
  }

  @ApiOperation({
    operationId: 'addServiceAccountKey',
    summary: 'Register the public key of a key pair that signs assertions',
    description:
      'The service account must not have more permissions than the caller. It can have up to ten valid keys.',
  })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: ServiceAccountKeyDto })
  @ApiBearerErrors('invalid_public_key', 'limit_reached', 'not_permitted', 'not_found')
  @Post('keys')
  @HttpCode(200)
  addKey(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() { publicKey }: NewKeyDto,
  ): Promise<ServiceAccountKeyDto> {
    return this.keys.add(caller, id, publicKey);
  }

  @ApiOperation({
    operationId: 'generateServiceAccountKey',
    summary: 'Create an ES256 key pair and show its private key once',
    description: 'For callers that cannot create a key pair themselves.',
  })
  @ApiOkResponse({ type: NewKeyPairDto })
  @ApiBearerErrors('limit_reached', 'not_permitted', 'not_found')
  @Post('key-pairs')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  generateKey(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<NewKeyPairDto> {
    return this.keys.generate(caller, id);
  }

  @ApiOperation({
    operationId: 'revokeServiceAccountKey',
    summary: 'Revoke a key. Its tokens and sessions end within two seconds',
  })
  @ApiParam({ name: 'kid', example: 'Kq3vKq2LwT0m8sQXq3bVxg' })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete('keys/:kid')
  async revokeKey(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Param('kid', IdPipe) kid: string,
  ): Promise<DescriptionDto> {
    await this.keys.remove(caller, id, kid);
    return { description: 'The key is revoked.' };
  }
}
