import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { DescriptionDto } from '../http/description.dto.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { ClientSecretsService } from './client-secrets.service.js';
import { ClientsService } from './clients.service.js';
import { ClientChangesDto, NewClientDto } from './dto/client-fields.dto.js';
import { PageQueryDto } from '../http/paging.js';
import { ClientDto, ClientsDto, CreatedClientDto, NewClientSecretDto } from './dto/client.dto.js';

const FIELD_ERRORS = [
  'invalid_redirect_uri',
  'invalid_origin',
  'origin_not_owned',
  'invalid_jwks',
  'incorrect_field',
] as const;
/** A client of the demo organization. */
const CLIENT = { name: 'id', example: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' };

/** The applications that call the API (docs/api.md, section 9.1). */
@ApiTags('Clients')
@ApiBearerAuth()
@Controller(`${API}/clients`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class ClientListController {
  constructor(private readonly clients: ClientsService) {}

  @ApiOperation({
    operationId: 'listClients',
    summary: 'The OAuth clients of the caller’s organization',
  })
  @ApiOkResponse({ type: ClientsDto })
  @ApiBearerErrors('not_permitted', 'invalid_result_size')
  @Get()
  list(@CurrentCaller() caller: Caller, @Query() query: PageQueryDto): Promise<ClientsDto> {
    return this.clients.list(caller, query);
  }

  @ApiOperation({
    operationId: 'createClient',
    summary: 'Register an OAuth client',
    description:
      'A client that is not public and has no keys gets a secret. Only this answer shows it: the service stores a hash.',
  })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: CreatedClientDto })
  @ApiBearerErrors('name_missing', ...FIELD_ERRORS, 'not_permitted')
  @Post()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  create(@CurrentCaller() caller: Caller, @Body() fields: NewClientDto): Promise<CreatedClientDto> {
    return this.clients.create(caller, fields);
  }
}

@ApiTags('Clients')
@ApiBearerAuth()
@Controller(`${API}/client`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class ClientsController {
  constructor(
    private readonly clients: ClientsService,
    private readonly secrets: ClientSecretsService,
  ) {}

  @ApiOperation({ operationId: 'getClient', summary: 'An OAuth client of the caller’s organization' })
  @ApiParam(CLIENT)
  @ApiOkResponse({ type: ClientDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Get(':id')
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<ClientDto> {
    return this.clients.get(caller, id);
  }

  @ApiOperation({
    operationId: 'changeClient',
    summary: 'Change an OAuth client',
    description:
      'Fields that are not given stay unchanged; a list replaces the previous list. With `jwks` the client loses its secrets.',
  })
  @ApiParam(CLIENT)
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: ClientDto })
  @ApiBearerErrors('invalid_name', ...FIELD_ERRORS, 'not_permitted', 'not_found')
  @Put(':id')
  change(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() changes: ClientChangesDto,
  ): Promise<ClientDto> {
    return this.clients.change(caller, id, changes);
  }

  @ApiOperation({
    operationId: 'deleteClient',
    summary: 'Delete an OAuth client, and everything that came from it',
    description:
      'Its refresh tokens, login tokens and their sessions are gone at once, its access tokens are refused within two seconds.',
  })
  @ApiParam(CLIENT)
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('client_in_use', 'not_permitted', 'not_found')
  @Delete(':id')
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<DescriptionDto> {
    await this.clients.remove(caller, id);
    return { description: 'The client is deleted.' };
  }

  @ApiOperation({
    operationId: 'addClientSecret',
    summary: 'Create another secret of an OAuth client, which is only shown once',
    description: 'A client can have up to five secrets: distribute the new one, then delete the old one.',
  })
  @ApiParam(CLIENT)
  @ApiOkResponse({ type: NewClientSecretDto })
  @ApiBearerErrors('client_has_no_secret', 'limit_reached', 'not_permitted', 'not_found')
  @Post(':id/secrets')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  addSecret(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<NewClientSecretDto> {
    return this.secrets.add(caller, id);
  }

  @ApiOperation({ operationId: 'deleteClientSecret', summary: 'Delete a secret of an OAuth client' })
  @ApiParam(CLIENT)
  @ApiParam({ name: 'secretId', example: 'Cs9sdXkQwT2m8sQXq3bVxg' })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete(':id/secrets/:secretId')
  async removeSecret(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Param('secretId', IdPipe) secretId: string,
  ): Promise<DescriptionDto> {
    await this.secrets.remove(caller, id, secretId);
    return { description: 'The secret is deleted.' };
  }
}
