import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toFailure } from '../../http/error.filter.js';

/** What OAuth calls a failure of ours; the contract's own name for it is the `id`. */
const OAUTH_ERRORS: Record<string, string> = { internal_error: 'server_error', unavailable: 'temporarily_unavailable' };

/** For what programs call at the authorization server: the error object, also in the words of RFC 6749, section 5.2. */
@Catch()
export class OAuthErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const { status, headers, body } = toFailure(error, http.getRequest<FastifyRequest>());
    const names = { error: OAUTH_ERRORS[body.id] ?? body.id, error_description: body.description };
    void http
      .getResponse<FastifyReply>()
      .status(status)
      .headers({ ...headers, 'Cache-Control': 'no-store' })
      .send({ ...names, ...body });
  }
}
