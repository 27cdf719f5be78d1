import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { ServerAdapter } from './adapter.js';
import { ForwardAuthService } from '../forward-auth/forward-auth.service.js';
import { FORWARD_AUTH } from '../forward-auth/original-request.js';

/**
 * Serves the route that proxies ask, with the original request's method and with its path below the route. It runs
 * before guards and body parsers and needs none: the service itself decides who may ask.
 */
export function serveForwardAuth(app: NestFastifyApplication, commonHeaders: Record<string, string>): void {
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
  answerAtOnce(app.getHttpAdapter() as unknown as ServerAdapter, forwardAuth, commonHeaders);
}

/**
 * Answers what is cached before the framework sees the request. This route is called for every request of every
 * protected site, and the framework's router and hooks would take several times as long. Every other request passes on
 * to the framework.
 */
function answerAtOnce(
  adapter: ServerAdapter,
  forwardAuth: ForwardAuthService,
  commonHeaders: Record<string, string>,
): void {
  const server = adapter.getHttpServer() as Server;
  const always = [...Object.entries(commonHeaders).flat(), 'Content-Length', '0'];
  const [framework] = server.listeners('request') as RequestListener[];
  adapter.answerInTurn((request, response) => {
    // A server that is closing must tell its clients so, which the framework does.
    const isAsked = server.listening && request.url!.startsWith(FORWARD_AUTH);
    const headers = isAsked ? forwardAuth.answerFromCache(request) : null;
    if (!headers) return framework!.call(server, request, response);
    headers.push(...always, 'X-Request-Id', randomUUID());
    response.writeHead(200, headers);
    response.end();
  });
}
