import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { html, sendPage } from '../common/page.js';
import { Settings } from '../config/settings.js';
import { readGuide, SERVICE_ACCOUNT_GUIDE } from './guide.js';
import type { Guide } from './guide.js';

/** What the `Deprecation` header of the access call points at. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
export class GuideController {
  private guide: Guide | undefined;

  constructor(private readonly settings: Settings) {}

  @Get(SERVICE_ACCOUNT_GUIDE)
  serviceAccounts(@Res() reply: FastifyReply): void {
    this.guide ??= readGuide('service-accounts', this.settings.PUBLIC_URL);
    const { title, body } = this.guide;
    sendPage(reply, 200, title, html`${body}<p><a href="/docs">The API’s documentation</a></p>`);
  }
}
