import { Controller, Get, Post, Query, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { DomainError } from '../common/errors/errors.js';
import { requireGivenOnce } from '../common/errors/given-once.js';
import { PageErrorFilter } from '../http/page-error.filter.js';
import { html, say } from '../http/html.js';
import { sendPage } from '../http/page.js';
import { EmailAddressesService, VERIFICATION_PATH } from './email-addresses.service.js';

/**
 * The page of a link that verifies an e-mail address. Opening it changes nothing, because mail scanners open links too.
 */
@ApiExcludeController()
@Controller(VERIFICATION_PATH)
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class EmailVerificationController {
  constructor(private readonly addresses: EmailAddressesService) {}

  @Get()
  async show(@Query('token') token: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { address, user } = await this.addresses.requireVerification(requireToken(token));
    const [owner, shown] = [html`<strong>${user.name}</strong>`, html`<strong>${address}</strong>`];
    const question = user.organization
      ? say('isAddressAt', { address: shown, name: owner, organization: user.organization.name })
      : say('isAddressOf', { address: shown, name: owner });
    // The form posts to the page's own address, so that the page does not contain the token.
    const body = html`<p>${question}</p>
      <p>${say('notYourAccount')}</p>
      <form method="post"><button type="submit">${say('yesConfirm')}</button></form>`;
    sendPage(reply, 200, say('confirmAddress'), body, { hasForm: true });
  }

  @Post()
  @UseGuards(SameOriginGuard)
  async verify(@Query('token') token: unknown, @Res() reply: FastifyReply): Promise<void> {
    const address = await this.addresses.verify(requireToken(token));
    sendPage(reply, 200, say('addressConfirmed'), html`<p>${say('addressBelongs', { address })}</p>`);
  }
}

function requireToken(token: unknown): string {
  requireGivenOnce({ token }, 'token');
  if (typeof token !== 'string' || token === '') throw new DomainError('missing_field', 'This link is not complete.');
  return token;
}
