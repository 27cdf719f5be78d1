import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { DomainError } from '../common/errors/errors.js';

/*
 * The spans of the hot paths (docs/traces.md). Without an SDK they are nobody's, and cost next to nothing. A span has an
 * outcome and no other attribute: nothing of a request's address, which may hold a token.
 */

const OUTCOME = 'latchkey.outcome';
export const SESSION_CHECK = 'latchkey session check';

const tracer = trace.getTracer('latchkey');

/** Any headers of a request. */
type Headers = Record<string, string | string[] | undefined>;

/** Runs `work`, and all that it begins, as a part of the trace that the request names (`traceparent`). */
export function inTraceOf<T>(headers: Headers, work: () => T): T {
  if (headers.traceparent === undefined) return work();
  return context.with(propagation.extract(context.active(), headers), work);
}

/** Runs `work` in a span. Its outcome is what `outcomeOf` says, or the error id. */
export function inSpan<T>(name: string, work: () => Promise<T>, outcomeOf: (answer: T) => string): Promise<T> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      const answer = await work();
      span.setAttribute(OUTCOME, outcomeOf(answer));
      return answer;
    } catch (error) {
      const isOurs = !(error instanceof DomainError) || error.status >= 500;
      span.setAttribute(OUTCOME, error instanceof DomainError ? error.id : 'failed');
      if (isOurs) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A session check that memory has answered. It began at `startedAt`, by `performance.now()`. */
export function recordRemembered(headers: Headers, startedAt: number): void {
  const parent = headers.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers);
  const span = tracer.startSpan(SESSION_CHECK, { startTime: startedAt }, parent);
  span.setAttribute(OUTCOME, 'remembered');
  span.end();
}
