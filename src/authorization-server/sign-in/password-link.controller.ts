import { Body, Controller, Get, Post, Query, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../../auth/called-by.decorator.js';
import { SameOriginGuard } from '../../http/same-origin.guard.js';
import { DomainError } from '../../common/errors/errors.js';
import { requireGivenOnce } from '../../common/errors/given-once.js';
import { PageErrorFilter } from '../../http/page-error.filter.js';
import { html, say, sayFault } from '../../http/html.js';
import { sendPage } from '../../http/page.js';
import { SUBMIT_ONCE } from '../../http/submit-once.js';
import { PASSWORD_LINK_PATH, PasswordLinksService } from '../../users/password-links.service.js';
import { faultOf, NEW_PASSWORD_FIELDS, requireNewPassword } from './new-password-form.js';
import { PATHS } from '../protocol/paths.js';

/**
 * The page on which a user sets a password by a link. Opening the page does not use the link up, since previews and
 * prefetches open it too.
 */
@ApiExcludeController()
@Controller(PASSWORD_LINK_PATH)
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class PasswordLinkController {
  constructor(private readonly links: PasswordLinksService) {}

  @Get()
  async show(@Query('token') token: unknown, @Res() reply: FastifyReply): Promise<void> {
    await this.showForm(requireToken(token), reply);
  }

  @Post()
  @UseGuards(SameOriginGuard)
  async set(@Query('token') given: unknown, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const token = requireToken(given);
    try {
      await this.links.use(token, requireNewPassword(fields));
    } catch (error) {
      return this.showForm(token, reply, faultOf(error));
    }
    const page = html`<p>${say('usePassword')}</p>
      <p><a href="${PATHS.account}">${say('yourAccount')}</a></p>`;
    sendPage(reply, 200, say('passwordSet'), page);
  }

  /** Shows the form. It posts to the page's own address, so that the page does not contain the token. */
  private async showForm(token: string, reply: FastifyReply, fault?: string): Promise<void> {
    const { name, emailAddress } = await this.links.require(token);
    const page = html`${fault === undefined ? '' : html`<p role="alert">${sayFault(fault)}</p>`}
      <p>${say('choosePassword', { name })}</p>
      <form method="post">
      <label>${say('emailAddress')} <input type="email" value="${emailAddress}" readonly autocomplete="username"></label>
      ${NEW_PASSWORD_FIELDS}
      <button type="submit">${say('setPassword')}</button>
    </form>`;
    sendPage(reply, fault === undefined ? 200 : 400, say('setYourPassword'), page, {
      hasForm: true,
      scripts: [SUBMIT_ONCE],
    });
  }
}

/** The token in the query. @throws DomainError `invalid_request` */
function requireToken(token: unknown): string {
  requireGivenOnce({ token }, 'token');
  if (typeof token === 'string' && token !== '') return token;
  throw new DomainError('invalid_request', 'This link is not complete. Follow it again, or ask for a new one.');
}
