import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { OrganizationFieldsDto } from './dto/organization-fields.dto.js';
import { OrganizationDto } from './dto/organization.dto.js';
import { OrganizationsService } from './organizations.service.js';

@ApiTags('Organizations')
@ApiBearerAuth()
@Controller(`${API}/organization`)
@CalledBy('bearer', 'STAFF')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

  @ApiOperation({ operationId: 'getOwnOrganization', summary: 'The organization on whose staff the caller is' })
  @ApiOkResponse({ type: OrganizationDto })
  @ApiBearerErrors('not_linked_to_organization')
  @Get()
  getOwn(@CurrentCaller() caller: Caller): Promise<OrganizationDto> {
    return this.organizations.get(caller, 'self');
  }

  @ApiOperation({ operationId: 'getOrganization', summary: 'The caller’s organization, by its ID or `self`' })
  @ApiParam({ name: 'id', example: 'self' })
  @ApiOkResponse({ type: OrganizationDto })
  @ApiBearerErrors('not_linked_to_organization', 'not_permitted', 'not_found')
  @Get(':id')
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<OrganizationDto> {
    return this.organizations.get(caller, id);
  }

  @ApiOperation({ operationId: 'changeOrganization', summary: 'Change the settings of the caller’s organization' })
  @ApiParam({ name: 'id', example: 'self' })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiOkResponse({ type: OrganizationDto })
  @ApiBearerErrors('not_linked_to_organization', 'not_permitted', 'not_found', 'incorrect_field')
  @Put(':id')
  @CalledBy('bearer', 'MANAGE_STAFF')
  change(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() fields: OrganizationFieldsDto,
  ): Promise<OrganizationDto> {
    return this.organizations.change(caller, id, fields);
  }
}
