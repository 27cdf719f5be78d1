import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { DomainError } from '../common/errors/errors.js';
import { html, sendPage } from '../http/page.js';
import { Settings } from '../config/settings.js';
import { GUIDES, readGuide } from './guide.js';
import type { Guide } from './guide.js';

/** Serves the guide that the access call's `Deprecation` header points to, and its pages for single languages. */
@ApiExcludeController()
@Controller()
@CalledBy('anyone')
export class GuideController {
  private readonly guides = new Map<string, Guide>();

  constructor(private readonly settings: Settings) {}

  @Get('/guides/:name')
  show(@Param('name') given: string, @Res() reply: FastifyReply): void {
    const { title, body } = this.guide(given);
    sendPage(reply, 200, title, html`${body}<p><a href="/docs">The API’s documentation</a></p>`);
  }

  private guide(given: string): Guide {
    const name = GUIDES.find((each) => each === given);
    if (!name) throw new DomainError('not_found');
    const guide = this.guides.get(name) ?? readGuide(name, this.settings.PUBLIC_URL);
    this.guides.set(name, guide);
    return guide;
  }
}
