import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CalledBy } from '../auth/called-by.decorator.js';
import { codingFor, readConsole } from './console-files.js';
import type { ConsoleFile } from './console-files.js';

/** The console runs its own scripts and styles and nothing else, and speaks with this service alone. */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** A file whose name has a hash of its content never changes. Everything else is asked for again. */
const FOREVER = 'public, max-age=31536000, immutable';
const EACH_TIME = 'no-cache';

/** Serves the files of the console (docs/api.md, section 16). They contain nobody's data, so they are for everybody. */
@ApiExcludeController()
@Controller('console')
@CalledBy('anyone')
export class ConsoleController {
  private files?: ReadonlyMap<string, ConsoleFile>;

  @Get('assets/:name')
  asset(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const file = this.read().get(`assets/${name}`);
    if (file) send(request, reply, file, FOREVER);
    else void reply.status(404).headers(HEADERS).type('text/plain').send('There is no such file.\n');
  }

  /** The page. Its address says what it shows, so every address below /console has it. */
  @Get(['', '*'])
  page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(request, reply, this.read().get('index.html')!, EACH_TIME);
  }

  private read(): ReadonlyMap<string, ConsoleFile> {
    return (this.files ??= readConsole());
  }
}

function send({ headers }: FastifyRequest, reply: FastifyReply, file: ConsoleFile, caching: string): void {
  void reply.headers({ ...HEADERS, 'Cache-Control': caching, ETag: file.etag, Vary: 'Accept-Encoding' });
  if (headers['if-none-match'] === file.etag) {
    void reply.status(304).send();
    return;
  }
  const coding = codingFor(headers['accept-encoding']);
  if (coding !== 'identity') void reply.header('Content-Encoding', coding);
  void reply.type(file.type).send(file.bodies[coding]);
}
