import type { IncomingMessage } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AccessController } from '../access/access.controller.js';
import { AccessService } from '../access/access.service.js';
import type { AccessDto } from '../access/dto/access.dto.js';
import { BearerGuard } from '../auth/bearer.guard.js';
import { API } from '../common/paths.js';
import { asPartOf } from '../common/request-id.js';
import { Settings } from '../config/settings.js';
import type { LoginOutcome } from '../sessions/login/login.service.js';
import { LoginService } from '../sessions/login/login.service.js';
import { SessionCookie } from '../sessions/live/session-cookie.js';
import { LoginPages } from '../sessions/pages/login-pages.js';
import { countAccessIssued, RouteMetrics } from '../telemetry/metrics.js';
import { inTraceOf } from '../telemetry/spans.js';
import { beganAt } from './answer-metrics.js';
import { isPlainGet, send } from './at-once.js';
import type { AnswerAtOnce } from './at-once.js';
import { deadlineOf } from './deadlines.js';
import { deprecationHeaders } from './deprecation.js';

/** An access call with a user ID and no parameters, at the path that the router knows. */
const ACCESS_CALL = new RegExp(String.raw`^/${API}/access/([\w-]{22})$`);
/** A sign-in link with nothing but its token. */
const SIGN_IN_LINK = /^\/login\?token=([\w.-]+)$/;

/**
 * Answers access calls of known callers. The services decide as they always do: what is sent from here is only the
 * token. A refusal or an error goes on in the framework, whose route finds it in `begun`.
 */
export function accessCallsAtOnce(app: NestFastifyApplication, common: string[]): AnswerAtOnce {
  const guard = app.get(BearerGuard, { strict: false });
  const access = app.get(AccessService, { strict: false });
  const settings = app.get(Settings, { strict: false });
  const rule = guard.ruleOf(AccessController);
  const limit = limitOn(settings);
  const metrics = new RouteMetrics('access');
  const own = { Vary: 'Origin', 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' };
  const headers = [...common, ...Object.entries({ ...deprecationHeaders(settings.PUBLIC_URL), ...own }).flat()];
  return (request, response, passOn) => {
    const id = isPlainGet(request) ? ACCESS_CALL.exec(request.url!)?.[1] : undefined;
    const caller = id === undefined ? null : guard.findKnown(request, rule);
    if (!caller) return false;
    const startedAt = performance.now();
    const begun = limit(request, () => access.issue(caller, { by: 'id', id: id! }, {}));
    const answer = (issued: AccessDto): void => {
      send(response, 200, [...headers], JSON.stringify(issued));
      countAccessIssued('call');
      metrics.count(200, performance.now() - startedAt);
    };
    begun.then(answer).catch(() => {
      access.begun.set(request, begun);
      beganAt(request, startedAt);
      passOn();
    });
    return true;
  };
}

/**
 * Answers sign-in links in browsers that show no session: what is sent from here is only the new session. Everything
 * else goes on in the framework, whose route finds it in `begun`.
 */
export function signInLinksAtOnce(app: NestFastifyApplication, common: string[]): AnswerAtOnce {
  const logins = app.get(LoginService, { strict: false });
  const pages = app.get(LoginPages, { strict: false });
  const cookie = app.get(SessionCookie, { strict: false });
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const limit = limitOn(app.get(Settings, { strict: false }));
  const metrics = new RouteMetrics('login');
  return (request, response, passOn) => {
    const token = isPlainGet(request) ? SIGN_IN_LINK.exec(request.url!)?.[1] : undefined;
    if (token === undefined || cookie.read(request).length > 0) return false;
    const startedAt = performance.now();
    const begun = limit(request, () => logins.redeemInNewBrowser({ headers: request.headers, query: { token } }));
    const goOn = (): void => {
      logins.begun.set(request, begun);
      beganAt(request, startedAt);
      passOn();
    };
    const answer = async (outcome: LoginOutcome | null): Promise<void> => {
      if (outcome?.is !== 'started') return goOn();
      const said = {
        Location: await pages.targetOfStarted(outcome),
        'Set-Cookie': fastify.serializeCookie(...cookie.of(outcome.session)),
        'Cache-Control': 'no-store',
      };
      send(response, 303, [...common, ...Object.entries(said).flat()]);
      metrics.count(303, performance.now() - startedAt);
    };
    begun.then(answer).catch(goOn);
    return true;
  };
}

/**
 * Gives work the time that a request may wait for PostgreSQL, as `limitAnswers` does in the framework, and lets it record
 * a refusal with the ID that the framework answers. What is sent from here is recorded without one.
 */
function limitOn({ DATABASE_URL }: Settings): <T>(request: IncomingMessage, work: () => T) => T {
  const limited: ReturnType<typeof limitOn> = DATABASE_URL
    ? (request, work) => deadlineOf(request).run(work)
    : (_, work) => work();
  return (request, work) => inTraceOf(request.headers, () => asPartOf(request, () => limited(request, work)));
}
