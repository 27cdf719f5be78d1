import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import type { Caller } from '../common/caller.js';
import { API } from '../common/paths.js';
import { DescriptionDto } from '../http/description.dto.js';
import { IdPipe } from '../http/id.pipe.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { NewWebhookDto, NewWebhookKeyFieldsDto, ReplayDto, WebhookChangesDto } from './dto/webhook-fields.dto.js';
import { CreatedWebhookDto, CreatedWebhookKeyDto, WebhookDto, WebhooksDto, WebhookTestDto } from './dto/webhook.dto.js';
import { WebhookKeysService } from './webhook-keys.service.js';
import { WebhookTestsService } from './webhook-tests.service.js';
import { WebhooksService } from './webhooks.service.js';

/** A webhook of the demo organization. */
const WEBHOOK = { name: 'id', example: 'Wh6vKq2LwT0m8sQXq3bVxg' };
const FORMS = ['application/json', 'application/x-www-form-urlencoded'] as const;
const ALSO_NEEDS = 'Also needs `VIEW_AUDIT_LOG`, because webhooks carry the audit log.';

/** Where an organization receives its events (docs/api.md, section 11.5). */
@ApiTags('Webhooks')
@ApiBearerAuth()
@Controller(`${API}/webhooks`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class WebhookListController {
  constructor(private readonly webhooks: WebhooksService) {}

  @ApiOperation({
    operationId: 'listWebhooks',
    summary: 'The webhooks of the caller’s organization',
    description: ALSO_NEEDS,
  })
  @ApiOkResponse({ type: WebhooksDto })
  @ApiBearerErrors('not_permitted')
  @Get()
  list(@CurrentCaller() caller: Caller): Promise<WebhooksDto> {
    return this.webhooks.list(caller);
  }

  @ApiOperation({
    operationId: 'createWebhook',
    summary: 'Have events sent to an address from now on',
    description: `Requests are signed by Standard Webhooks 1.0. ${ALSO_NEEDS}`,
  })
  @ApiConsumes(...FORMS)
  @ApiOkResponse({ type: CreatedWebhookDto })
  @ApiBearerErrors('incorrect_field', 'limit_reached', 'not_permitted')
  @Post()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  create(@CurrentCaller() caller: Caller, @Body() fields: NewWebhookDto): Promise<CreatedWebhookDto> {
    return this.webhooks.create(caller, fields);
  }
}

@ApiTags('Webhooks')
@ApiBearerAuth()
@ApiParam(WEBHOOK)
@Controller(`${API}/webhook/:id`)
@CalledBy('bearer', 'MANAGE_SERVICE_ACCOUNTS')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly keys: WebhookKeysService,
    private readonly tests: WebhookTestsService,
  ) {}

  @ApiOperation({
    operationId: 'getWebhook',
    summary: 'A webhook, its keys, and how far its events are delivered',
    description: ALSO_NEEDS,
  })
  @ApiOkResponse({ type: WebhookDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Get()
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<WebhookDto> {
    return this.webhooks.get(caller, id);
  }

  @ApiOperation({
    operationId: 'changeWebhook',
    summary: 'Change, disable or enable a webhook',
    description: `Fields that are not given stay unchanged; a list replaces the previous list. ${ALSO_NEEDS}`,
  })
  @ApiConsumes(...FORMS)
  @ApiOkResponse({ type: WebhookDto })
  @ApiBearerErrors('incorrect_field', 'not_permitted', 'not_found')
  @Put()
  change(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() changes: WebhookChangesDto,
  ): Promise<WebhookDto> {
    return this.webhooks.change(caller, id, changes);
  }

  @ApiOperation({ operationId: 'deleteWebhook', summary: 'Delete a webhook and its keys', description: ALSO_NEEDS })
  @ApiOkResponse({ type: DescriptionDto })
  @ApiBearerErrors('not_permitted', 'not_found')
  @Delete()
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<DescriptionDto> {
    await this.webhooks.remove(caller, id);
    return { description: 'The webhook is deleted.' };
  }

  @ApiOperation({
    operationId: 'addWebhookKey',
    summary: 'Replace the key of a webhook',
    description: `The new key signs from now on, and the others sign beside it for 24 hours. ${ALSO_NEEDS}`,
  })
  @ApiConsumes(...FORMS)
  @ApiOkResponse({ type: CreatedWebhookKeyDto })
  @ApiBearerErrors('incorrect_field', 'limit_reached', 'not_permitted', 'not_found')
  @Post('keys')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  rotate(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() { type }: NewWebhookKeyFieldsDto,
  ): Promise<CreatedWebhookKeyDto> {
    return this.keys.rotate(caller, id, type);
  }

  @ApiOperation({
    operationId: 'replayWebhook',
    summary: 'Send the events of a time again',
    description: `They have the IDs that they had. New events are sent meanwhile. ${ALSO_NEEDS}`,
  })
  @ApiConsumes(...FORMS)
  @ApiOkResponse({ type: WebhookDto })
  @ApiBearerErrors('incorrect_field', 'not_permitted', 'not_found')
  @Post('replay')
  @HttpCode(200)
  replay(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: string,
    @Body() range: ReplayDto,
  ): Promise<WebhookDto> {
    return this.webhooks.replay(caller, id, range);
  }

  @ApiOperation({
    operationId: 'testWebhook',
    summary: 'Send an event without a meaning at once',
    description: `The answer is what the endpoint said. It works also while the webhook is disabled. ${ALSO_NEEDS}`,
  })
  @ApiOkResponse({ type: WebhookTestDto })
  @ApiBearerErrors('too_many_requests', 'not_permitted', 'not_found')
  @Post('test')
  @HttpCode(200)
  test(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: string): Promise<WebhookTestDto> {
    return this.tests.run(caller, id);
  }
}
