import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { seeOther } from '../../http/see-other.js';

/** The page belongs to a sign-in that is over. The browser is redirected to `location`, where it can continue. */
export class StartAgain extends Error {
  constructor(readonly location: string) {
    super('The sign-in has ended.');
  }
}

@Catch(StartAgain)
export class StartAgainFilter implements ExceptionFilter {
  catch({ location }: StartAgain, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    seeOther(reply, location);
  }
}
