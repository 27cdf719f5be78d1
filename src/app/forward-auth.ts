import { METHODS } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { send } from './at-once.js';
import type { AnswerAtOnce } from './at-once.js';
import { ForwardAuthService } from '../forward-auth/forward-auth.service.js';
import { forwardAuth as counts, RouteMetrics } from '../telemetry/metrics.js';
import { recordRemembered } from '../telemetry/spans.js';
import { FORWARD_AUTH } from '../forward-auth/original-request.js';

/**
 * Serves the route that proxies ask, with the original request's method and with its path below the route. It runs
 * before guards and body parsers and needs none: the service itself decides who may ask.
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

/** Answers what is cached at once. This route is called for every request of every protected site. */
export function forwardAuthAtOnce(app: NestFastifyApplication, common: string[]): AnswerAtOnce {
  const forwardAuth = app.get(ForwardAuthService, { strict: false });
  const metrics = new RouteMetrics('forward_auth');
  return (request, response) => {
    if (!request.url!.startsWith(FORWARD_AUTH)) return false;
    const startedAt = performance.now();
    const headers = forwardAuth.answerFromCache(request);
    if (!headers) return false;
    send(response, 200, [...headers, ...common]);
    counts.passedFromMemory.inc();
    metrics.count(200, performance.now() - startedAt);
    recordRemembered(request.headers, startedAt);
    return true;
  };
}
