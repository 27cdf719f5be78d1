import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { BrowserOriginsService } from '../clients/browser-origins.service.js';
import { PATHS } from '../authorization-server/protocol/paths.js';

const READABLE = new Set<string>([
  PATHS.token,
  PATHS.revocation,
  PATHS.userinfo,
  PATHS.jwks,
  PATHS.metadata,
  PATHS.discovery,
]);
/** Seconds for which a browser may cache the answer to a preflight. */
const MAX_AGE = 600;

const EXPOSED = 'X-Request-Id, Retry-After, WWW-Authenticate, Deprecation, Link';
const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type',
  'Access-Control-Max-Age': String(MAX_AGE),
};

/**
 * Lets pages of public clients read the answers of the API and of the authorization server (Fetch, section 3.3),
 * without cookies. No page of another origin can read anything that depends on a session or a sign-in.
 */
export function allowBrowserClients(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const origins = app.get(BrowserOriginsService, { strict: false });
  fastify.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    if (!path.startsWith('/api/') && !READABLE.has(path)) return;
    void reply.header('Vary', 'Origin');
    const { origin } = request.headers;
    if (!origin) return;
    const isAllowed = await origins.includes(origin);
    // Without a header of this kind, the engine would allow any origin on its paths.
    if (isAllowed || READABLE.has(path)) void reply.header('Access-Control-Expose-Headers', EXPOSED);
    if (!isAllowed) return;
    void reply.header('Access-Control-Allow-Origin', origin);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'])
      await reply.status(204).headers(PREFLIGHT).send();
  });
}
