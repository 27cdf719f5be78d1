import type { FastifyInstance, HTTPMethods } from 'fastify';
import { DomainError } from '../common/errors/errors.js';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Collects the routes that are registered from now on. Call the returned function once all are registered: each path
 * then answers every other method with 405 and `Allow` (RFC 9110, section 15.5.6).
 */
export function rejectOtherMethods(fastify: FastifyInstance): () => void {
  const allowed = new Map<string, Set<HTTPMethods>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    // The router treats both as one route.
    const path = url.replace(/(?<=.)\/$/, '');
    const methods = allowed.get(path) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    allowed.set(path, methods);
  });
  return () => {
    for (const [url, methods] of allowed) {
      if (url.includes('*')) continue;
      const Allow = [...methods].toSorted().join(', ');
      const others = METHODS.filter((method) => !methods.has(method));
      if (others.length === 0) continue;
      fastify.route({
        url,
        method: others,
        handler: () => {
          throw new DomainError('method_not_allowed', undefined, { headers: { Allow } });
        },
      });
    }
  };
}
