import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toFailure } from '../../http/error.filter.js';

/** The OAuth errors for failures on our side. The answer's `id` is the API's error id. */
const OAUTH_ERRORS: Record<string, string> = { internal_error: 'server_error', unavailable: 'temporarily_unavailable' };

/**
 * For the authorization server's endpoints for programs: answers with the error object, which also has the members of
 * RFC 6749, section 5.2.
 */
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
