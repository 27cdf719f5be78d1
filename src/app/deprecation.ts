import type { FastifyInstance } from 'fastify';
import { API } from '../common/paths.js';
import { SERVICE_ACCOUNT_GUIDE } from '../guides/guide.js';

/** 11 January 2026, when 2.1.1 announced the end of the call, in the format of RFC 9745, section 2.1. */
const DEPRECATED_SINCE = '@1768089600';

/** Says that the access call is deprecated (RFC 9745), and links to its successor. */
export function deprecationHeaders(publicUrl: string): { Deprecation: string; Link: string } {
  const guide = `<${publicUrl}${SERVICE_ACCOUNT_GUIDE}>`;
  return {
    Deprecation: DEPRECATED_SINCE,
    Link: `${guide}; rel="deprecation"; type="text/html", ${guide}; rel="successor-version"; type="text/html"`,
  };
}

/**
 * Marks every answer of the access call, errors too, as deprecated. It is a hook, because guards and the router answer
 * before an interceptor would run.
 */
export function announceDeprecation(fastify: FastifyInstance, publicUrl: string): void {
  const headers = deprecationHeaders(publicUrl);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith(`/${API}/access`)) void reply.headers(headers);
    done();
  });
}
