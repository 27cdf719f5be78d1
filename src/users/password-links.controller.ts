import { Controller, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { PasswordLinkDto } from './dto/password-link.dto.js';
import { PasswordLinksService } from './password-links.service.js';
import { UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';

@ApiTags('Users')
@ApiBearerAuth()
@ApiParam({ name: 'user', example: 'dana@demo.example' })
@Controller(`${API}/user/:user/password-link`)
export class PasswordLinksController {
  constructor(private readonly links: PasswordLinksService) {}

  @ApiOperation({
    operationId: 'createPasswordLink',
    summary: 'Make a link with which a user sets their password, once',
    description: 'It works for a day, and replaces the previous link. Give it only to the user.',
  })
  @ApiOkResponse({ type: PasswordLinkDto })
  @ApiBearerErrors('missing_field', 'email_address_not_specified', 'no_access', 'nonexistent_user')
  @Post()
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  create(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<PasswordLinkDto> {
    return this.links.create(caller, user);
  }
}
