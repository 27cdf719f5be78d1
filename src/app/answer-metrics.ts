import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { API } from '../common/paths.js';
import { FORWARD_AUTH } from '../forward-auth/original-request.js';
import { errorIdOf } from '../http/error.filter.js';
import { countAccessIssued, countAccessRefused, forwardAuth, RouteMetrics } from '../telemetry/metrics.js';
import type { Route } from '../telemetry/metrics.js';

const ACCESS_CALLS = [`/${API}/access`, `/${API}/access/:user`, `/${API}/access/:thirdParty/:id`];
/** The groups of routes, by how the pattern of a route begins. The first that fits counts. */
const GROUPS: [RegExp, Route][] = [
  [new RegExp(`^(${ACCESS_CALLS.join('|')})$`), 'access'],
  [new RegExp(`^${FORWARD_AUTH}`), 'forward_auth'],
  [/^\/login$/, 'login'],
  [/^\/(session|logout)$/, 'session'],
  [/\/token$/, 'token'],
  [/^\/(oauth|\.well-known)\//, 'oauth'],
  [/^\/api\//, 'api'],
  [/^\/console/, 'console'],
  [/^\/health/, 'health'],
  [/^/, 'pages'],
];
const UNKNOWN = new RouteMetrics('unknown');

const began = new WeakMap<IncomingMessage, number>();

/** Says when a request began that was passed on to the framework later, by `performance.now()`. */
export function beganAt(request: IncomingMessage, at: number): void {
  began.set(request, at);
}

/** Counts each answer of the framework. What is answered before it counts its answers by itself. */
export function measureAnswers(fastify: FastifyInstance): void {
  const routes = new Map<string, RouteMetrics>();
  fastify.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    const at = began.get(request.raw);
    const ms = at === undefined ? reply.elapsedTime : performance.now() - at;
    metricsOf(url, routes).count(reply.statusCode, ms);
    if (url?.startsWith(FORWARD_AUTH)) countForwardAuth(reply);
    else if (url && request.method === 'GET' && ACCESS_CALLS.includes(url)) countAccess(request, reply);
    done();
  });
}

function metricsOf(url: string | undefined, routes: Map<string, RouteMetrics>): RouteMetrics {
  if (url === undefined) return UNKNOWN;
  let found = routes.get(url);
  if (!found) routes.set(url, (found = new RouteMetrics(GROUPS.find(([pattern]) => pattern.test(url))![1])));
  return found;
}

function countAccess(request: FastifyRequest, { statusCode }: FastifyReply): void {
  if (statusCode < 400) countAccessIssued('call');
  else countAccessRefused('call', errorIdOf(request) ?? 'other');
}

function countForwardAuth({ statusCode }: FastifyReply): void {
  if (statusCode < 300) forwardAuth.passed.inc();
  else if (statusCode === 302) forwardAuth.sentToSignIn.inc();
  else if (statusCode < 400) forwardAuth.redirected.inc();
  else if (statusCode === 401) forwardAuth.signedOut.inc();
  else if (statusCode < 500) forwardAuth.refused.inc();
  else forwardAuth.failed.inc();
}
