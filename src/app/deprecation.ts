import type { FastifyInstance } from 'fastify';
import { API } from '../common/paths.js';
import { SERVICE_ACCOUNT_GUIDE } from '../guides/guide.js';

/** 11 January 2026, when 2.1.1 announced the end of the call, in the format of RFC 9745, section 2.1. */
const DEPRECATED_SINCE = '@1768089600';

/**
 * Marks every answer of the access call, errors too, as deprecated (RFC 9745) and links to its successor. It is a hook,
 * because guards and the router answer before an interceptor would run.
 */
export function announceDeprecation(fastify: FastifyInstance, publicUrl: string): void {
  const guide = `<${publicUrl}${SERVICE_ACCOUNT_GUIDE}>`;
  const link = `${guide}; rel="deprecation"; type="text/html", ${guide}; rel="successor-version"; type="text/html"`;
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith(`/${API}/access`))
      void reply.header('Deprecation', DEPRECATED_SINCE).header('Link', link);
    done();
  });
}
