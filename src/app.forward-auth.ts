import { METHODS } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { ForwardAuthService } from './forward-auth/forward-auth.service.js';
import { FORWARD_AUTH } from './forward-auth/original-request.js';

/**
 * The route that proxies ask, in whatever form they ask: with the method of the original request, and its path below.
 * It is answered before guards and body parsers, which it needs none of: the service decides on its own who may ask,
 * and this runs at every request of every protected site.
 */
export function serveForwardAuth(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const forwardAuth = app.get(ForwardAuthService, { strict: false });
  const methods = METHODS.filter((method) => method !== 'CONNECT');
  for (const method of methods) if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method);
  for (const url of [FORWARD_AUTH, `${FORWARD_AUTH}/*`]) {
    fastify.route({
      url,
      method: methods,
      onRequest: (request, reply) => forwardAuth.answer(request, reply),
      handler: () => {
        throw new Error('It was answered before.');
      },
    });
  }
}
