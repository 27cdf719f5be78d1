import { Body, Controller, Get, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { PageErrorFilter } from '../http/page-error.filter.js';
import { SameOriginGuard } from '../http/same-origin.guard.js';
import { AuthorizationServer } from './engine/authorization-server.js';
import { DelegatedSessions } from './engine/delegated-sessions.service.js';
import { PATHS } from './protocol/paths.js';
import { queryOf, toForm } from './protocol/requests.js';
import { seeOther } from '../http/see-other.js';

/**
 * The logout that an application begins (OpenID Connect RP-Initiated Logout 1.0; docs/api.md, section 12.9). The engine
 * checks the request, asks the user, and leads back to the application.
 */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
@UseFilters(PageErrorFilter)
export class LogoutController {
  constructor(
    private readonly server: AuthorizationServer,
    private readonly delegated: DelegatedSessions,
  ) {}

  @Get(PATHS.endSession)
  async ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const session = await this.delegated.findOf(request);
    await this.server.answer(request, reply, { url: `${PATHS.endSession}?${queryOf(request)}`, session });
  }

  /** A form of another site comes without cookies, which the redirect brings. */
  @Post(PATHS.endSession)
  askByForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): void {
    const location = `${PATHS.endSession}?${toForm(request, fields)}`;
    seeOther(reply, location);
  }

  /** The user's answer. */
  @Post(PATHS.endSessionConfirm)
  @UseGuards(SameOriginGuard)
  async confirm(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() fields: unknown): Promise<void> {
    const form = toForm(request, fields);
    const session = await this.delegated.findOf(request);
    await this.server.answer(request, reply, { url: PATHS.endSessionConfirm, form, session });
  }

  @Get(PATHS.endSessionSuccess)
  success(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.server.answer(request, reply, { url: `${PATHS.endSessionSuccess}?${queryOf(request)}` });
  }
}
