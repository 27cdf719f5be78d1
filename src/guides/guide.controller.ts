import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { DomainError } from '../common/errors/errors.js';
import { html } from '../http/html.js';
import { sendPage } from '../http/page.js';
import { Settings } from '../config/settings.js';
import { readGuides } from './guide.js';
import type { Guide } from './guide.js';

/** Serves the guide that the access call's `Deprecation` header points to, and its pages for single languages. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
export class GuideController {
  private guides?: Map<string, Guide>;

  constructor(private readonly settings: Settings) {}

  @Get('/guides/:name')
  show(@Param('name') name: string, @Res() reply: FastifyReply): void {
    this.guides ??= readGuides(this.settings.PUBLIC_URL);
    const guide = this.guides.get(name);
    if (!guide) throw new DomainError('not_found');
    sendPage(reply, 200, html`${guide.title}`, html`${guide.body}<p><a href="/docs">The API’s documentation</a></p>`, {
      onlyIn: 'en',
    });
  }
}
