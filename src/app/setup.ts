import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import cookie from '@fastify/cookie';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { announceDeprecation } from './deprecation.js';
import { allowBrowserClients } from './cors.js';
import { ServerAdapter } from './adapter.js';
import type { PeerLimits } from './adapter.js';
import { serveForwardAuth } from './forward-auth.js';
import { AppModule } from './app.module.js';
import { rejectOtherMethods } from './methods.js';
import { serveDocumentation } from './openapi.js';
import { AppLogger } from '../config/app-logger.js';
import type { Clock } from '../common/clock.js';
import { toFailure } from '../http/error.filter.js';
import { ERRORS } from '../common/errors/errors.js';
import { ErrorFilter } from '../http/page-error.filter.js';
import { validationPipe } from '../common/errors/validation.js';
import { withoutAlias } from '../common/paths.js';
import { addressIn } from '../common/network.js';
import { parseQueryString } from '../common/query-string.js';
import { TextGuard } from '../http/text.guard.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import type { Settings } from '../config/settings.js';

const MAX_BODY_BYTES = 64 * 1024;
/** A client that sends or reads more slowly holds no connection. */
const PEER_LIMITS: PeerLimits = { patience: 30_000, interval: 1_000 };
/** The longest path segment that reaches validation; what is longer than a reference can be is refused there. */
const MAX_SEGMENT = 8 * 1024;

/** Whatever the address of an answer holds, a page that it leads to is not told; and what says nothing else is in no frame. */
const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "frame-ancestors 'none'",
};

/** The application as it runs, up to `listen`. The tests use this one too. */
export async function createApp(
  settings: Settings,
  clock?: Clock,
  limits = PEER_LIMITS,
): Promise<NestFastifyApplication> {
  const proxies = new TrustedProxies(settings.TRUSTED_PROXIES);
  const options: FastifyServerOptions = {
    bodyLimit: MAX_BODY_BYTES,
    // So that limits count for the visitor and not for the proxy. Public URLs are those of the settings all the same.
    trustProxy: (address: string) => proxies.includes(addressIn(address) ?? undefined),
    genReqId: () => randomUUID(),
    rewriteUrl: (request: IncomingMessage) => withoutAlias(request.url ?? '/'),
    frameworkErrors: answerRouterError,
    clientErrorHandler: answerUnreadableRequest,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_SEGMENT, querystringParser: parseQueryString },
  };
  const adapter = new ServerAdapter(options, limits, settings.SHUTDOWN_GRACE * 1000);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings, clock), adapter, {
    logger: new AppLogger(settings),
    abortOnError: false,
    // Whether it is UTF-8 can't be told from what was made of it.
    rawBody: true,
  });
  await configureApp(app, settings);
  return app;
}

async function configureApp(app: NestFastifyApplication, settings: Settings): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  addCommonHooks(fastify);
  // Fastify reads text by default, and no route of ours takes it.
  fastify.removeContentTypeParser('text/plain');
  allowBrowserClients(app);
  announceDeprecation(fastify, settings.PUBLIC_URL);
  const answerOtherMethods = rejectOtherMethods(fastify);
  // It only writes them: what reads them is `separateCookies`, which takes no name for ours that only looks like one.
  await app.register(cookie, { hook: false });
  app.useGlobalGuards(new TextGuard());
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ErrorFilter(settings));
  serveDocumentation(app);
  serveForwardAuth(app, COMMON_HEADERS);
  await app.init();
  answerOtherMethods();
}

function addCommonHooks(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ ...COMMON_HEADERS, 'X-Request-Id': request.id });
    if (isEmptyJson(request)) delete request.raw.headers['content-type'];
    done();
  });
}

/** Libraries name JSON also where they send no body, which as JSON would be malformed. */
function isEmptyJson({ raw: { headers } }: FastifyRequest): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  return !hasBody && /^application\/json\b/i.test(headers['content-type'] ?? '');
}

/** The router answers a malformed path before any hook runs. */
function answerRouterError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toFailure(error, request);
  void reply
    .status(status)
    .headers({ ...COMMON_HEADERS, ...headers, 'X-Request-Id': request.id })
    .send(body);
}

/** What Node can't read as HTTP: a header that is too large or malformed, or a request that took too long. */
function answerUnreadableRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) return;
  const [status, description] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The request line and headers are larger than 64 KiB.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request did not arrive in time.']
        : ['400 Bad Request', ERRORS.invalid_request.description];
  const body = JSON.stringify({ id: 'invalid_request', description });
  const headers = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${randomUUID()}`,
    ...Object.entries(COMMON_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  // Also a client that never closes its side is let go.
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
