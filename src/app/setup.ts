import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import cookie from '@fastify/cookie';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { limitAnswers } from './deadlines.js';
import { announceDeprecation } from './deprecation.js';
import { allowBrowserClients } from './cors.js';
import { measureAnswers } from './answer-metrics.js';
import { ServerAdapter } from './adapter.js';
import type { PeerLimits } from './adapter.js';
import { answerAtOnce } from './at-once.js';
import { forwardAuthAtOnce, serveForwardAuth } from './forward-auth.js';
import { accessCallsAtOnce, signInLinksAtOnce } from './logins-at-once.js';
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
import { asPartOf, requestIdOf } from '../common/request-id.js';
import { addressIn } from '../common/network.js';
import { parseQueryString } from '../common/query-string.js';
import { keepLanguages } from '../http/language-choice.js';
import { PageDesign } from '../http/page-design.js';
import { TextGuard } from '../http/text.guard.js';
import { TrustedProxies } from '../common/trusted-proxies.js';
import { inTraceOf } from '../telemetry/spans.js';
import type { Settings } from '../config/settings.js';

const MAX_BODY_BYTES = 64 * 1024;
/** Connections of clients that send or read more slowly are closed. */
const PEER_LIMITS: PeerLimits = { patience: 30_000, interval: 1_000 };
/** The longest path segment that reaches validation, which refuses segments that are longer than any reference. */
const MAX_SEGMENT = 8 * 1024;

/** No page that an answer leads to learns the answer's address. By default, no page may frame an answer. */
const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "frame-ancestors 'none'",
};

/** Creates the application as it runs, up to `listen`. The tests use it too. */
export async function createApp(
  settings: Settings,
  clock?: Clock,
  limits = PEER_LIMITS,
): Promise<NestFastifyApplication> {
  const proxies = new TrustedProxies(settings.TRUSTED_PROXIES);
  const options: FastifyServerOptions = {
    bodyLimit: MAX_BODY_BYTES,
    // Limits then apply to the visitor and not to the proxy. Public URLs come from the settings all the same.
    trustProxy: (address: string) => proxies.includes(addressIn(address) ?? undefined),
    genReqId: requestIdOf,
    rewriteUrl: (request: IncomingMessage) => withoutAlias(request.url ?? '/'),
    frameworkErrors: answerRouterError,
    clientErrorHandler: answerUnreadableRequest,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_SEGMENT, querystringParser: parseQueryString },
  };
  const adapter = new ServerAdapter(options, limits, settings.SHUTDOWN_GRACE * 1000);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings, clock), adapter, {
    logger: new AppLogger(settings),
    abortOnError: false,
    // The parsed body no longer shows whether it was UTF-8.
    rawBody: true,
  });
  await configureApp(app, settings);
  return app;
}

async function configureApp(app: NestFastifyApplication, settings: Settings): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  addCommonHooks(fastify);
  measureAnswers(fastify);
  if (settings.DATABASE_URL) limitAnswers(fastify);
  fastify.decorate('pageDesign', new PageDesign(settings));
  keepLanguages(fastify, settings);
  // Fastify parses text/plain by default, but none of our routes accepts it.
  fastify.removeContentTypeParser('text/plain');
  allowBrowserClients(app);
  announceDeprecation(fastify, settings.PUBLIC_URL);
  const answerOtherMethods = rejectOtherMethods(fastify);
  // The plugin only writes cookies. `separateCookies` reads them, because it never takes a similar name for one of
  // ours.
  await app.register(cookie, { hook: false });
  app.useGlobalGuards(new TextGuard());
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ErrorFilter(settings));
  serveDocumentation(app);
  serveForwardAuth(app);
  const common = Object.entries(COMMON_HEADERS).flat();
  const early = [forwardAuthAtOnce, accessCallsAtOnce, signInLinksAtOnce];
  answerAtOnce(
    app.getHttpAdapter() as unknown as ServerAdapter,
    early.map((answering) => answering(app, common)),
  );
  await app.init();
  answerOtherMethods();
}

function addCommonHooks(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ ...COMMON_HEADERS, 'X-Request-Id': request.id });
    if (isEmptyJson(request)) delete request.raw.headers['content-type'];
    inTraceOf(request.headers, () => asPartOf(request.raw, done));
  });
  // Reading a body loses the context in which the request began.
  fastify.addHook('preValidation', (request, _reply, done) =>
    inTraceOf(request.headers, () => asPartOf(request.raw, done)),
  );
}

/** Whether a request names JSON but has no body. Client libraries do so, and an empty body would be malformed JSON. */
function isEmptyJson({ raw: { headers } }: FastifyRequest): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  return !hasBody && /^application\/json\b/i.test(headers['content-type'] ?? '');
}

/** Answers a malformed path. The router refuses it before any hook runs. */
function answerRouterError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toFailure(error, request);
  void reply
    .status(status)
    .headers({ ...COMMON_HEADERS, ...headers, 'X-Request-Id': request.id })
    .send(body);
}

/** Answers a request that Node can't read as HTTP: its header is too large or malformed, or it took too long. */
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
  // The connection is also closed if the client never closes its side.
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
