import { Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CalledBy } from '../auth/called-by.decorator.js';
import type { Caller } from '../common/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiBearerErrors } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { UserEmailAddressDto, UserEmailAddressesDto, VerificationLinkDto } from './dto/email-address.dto.js';
import { EmailAddressesService } from './email-addresses.service.js';
import { EmailAddressPipe, UserRefPipe } from './user-ref.pipe.js';
import type { UserRef } from '../common/user-ref.js';

const READING = ['missing_field', 'no_access', 'nonexistent_user'] as const;
const NAMING = [...READING, 'invalid_email_address'] as const;
const ADDRESS = { name: 'emailAddress', example: 'anna@demo.example' };

@ApiTags('Users')
@ApiBearerAuth()
@ApiParam({ name: 'user', example: 'anna@demo.example' })
@Controller(`${API}/user/:user`)
export class EmailAddressesController {
  constructor(private readonly addresses: EmailAddressesService) {}

  @ApiOperation({ operationId: 'listEmailAddresses', summary: 'The e-mail addresses of an account' })
  @ApiOkResponse({ type: UserEmailAddressesDto })
  @ApiBearerErrors(...READING)
  @Get('email-addresses')
  @CalledBy('bearer', 'OWN', 'STAFF')
  list(@CurrentCaller() caller: Caller, @Param('user', UserRefPipe) user: UserRef): Promise<UserEmailAddressesDto> {
    return this.addresses.list(caller, user);
  }

  @ApiOperation({ operationId: 'getEmailAddress', summary: 'One e-mail address of an account' })
  @ApiParam(ADDRESS)
  @ApiOkResponse({ type: UserEmailAddressDto })
  @ApiBearerErrors(...NAMING, 'not_owner')
  @Get('email-address/:emailAddress')
  @CalledBy('bearer', 'OWN', 'STAFF')
  get(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('emailAddress', EmailAddressPipe) address: string,
  ): Promise<UserEmailAddressDto> {
    return this.addresses.get(caller, user, address);
  }

  @ApiOperation({
    operationId: 'addEmailAddress',
    summary: 'Add an e-mail address to an account',
    description:
      'An address that an administrator adds is verified and identifies the account. The caller’s own addition is unverified.',
  })
  @ApiParam({ ...ADDRESS, example: 'anna.jansen@demo.example' })
  @ApiOkResponse({ type: UserEmailAddressDto })
  @ApiBearerErrors(...NAMING, 'email_not_added', 'email_address_in_use')
  @Put('email-address/:emailAddress')
  @CalledBy('bearer', 'OWN', 'MANAGE_USERS')
  add(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('emailAddress', EmailAddressPipe) address: string,
  ): Promise<UserEmailAddressDto> {
    return this.addresses.add(caller, user, address);
  }

  @ApiOperation({ operationId: 'removeEmailAddress', summary: 'Take an e-mail address away from an account' })
  @ApiParam({ ...ADDRESS, example: 'anna.jansen@demo.example' })
  @ApiNoContentResponse({ description: 'It has been removed.' })
  @ApiBearerErrors(...NAMING, 'not_owner', 'cannot_remove_primary_email')
  @Delete('email-address/:emailAddress')
  @CalledBy('bearer', 'OWN', 'MANAGE_USERS')
  @HttpCode(204)
  remove(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('emailAddress', EmailAddressPipe) address: string,
  ): Promise<void> {
    return this.addresses.remove(caller, user, address);
  }

  @ApiOperation({ operationId: 'makeEmailAddressPrimary', summary: 'Make an e-mail address the primary one' })
  @ApiParam(ADDRESS)
  @ApiOkResponse({ type: UserEmailAddressesDto })
  @ApiBearerErrors(...NAMING, 'not_verified', 'email_not_linked')
  @Put('email-addresses/:emailAddress/set-primary')
  @CalledBy('bearer', 'OWN', 'MANAGE_USERS')
  makePrimary(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('emailAddress', EmailAddressPipe) address: string,
  ): Promise<UserEmailAddressesDto> {
    return this.addresses.makePrimary(caller, user, address);
  }

  @ApiOperation({
    operationId: 'makeVerificationLink',
    summary: 'Make a link that verifies an e-mail address, once',
    description: 'Send it only to that address. It works for 24 hours, and replaces the previous link.',
  })
  @ApiParam({ ...ADDRESS, example: 'anna@home.example' })
  @ApiOkResponse({ type: VerificationLinkDto })
  @ApiBearerErrors(...NAMING, 'not_owner', 'email_address_in_use')
  @Post('email-address/:emailAddress/verification-links')
  @CalledBy('bearer', 'MANAGE_USERS')
  @HttpCode(200)
  makeLink(
    @CurrentCaller() caller: Caller,
    @Param('user', UserRefPipe) user: UserRef,
    @Param('emailAddress', EmailAddressPipe) address: string,
  ): Promise<VerificationLinkDto> {
    return this.addresses.makeLink(caller, user, address);
  }
}
