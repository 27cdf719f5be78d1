import { LatchkeyError } from './error.js';

/** How long the client tries. */
export interface SendOptions {
  /** In place of the platform's own `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** Milliseconds for one attempt; 10,000 unless it is given. */
  timeoutMs?: number;
  /** Milliseconds for a call with all its attempts and the pauses between them; 30,000 unless it is given. */
  totalMs?: number;
  /** How often a call that may be repeated is repeated after 429, 503 and no answer; twice unless it is given. */
  retries?: number;
}

/** Until when a call may go on, and the caller's signal to stop before. */
export interface Limit {
  signal: AbortSignal;
  leftMs: () => number;
}

/** Sends what `make` makes, once or as often as it may be repeated. */
export type Send = (make: () => Request | Promise<Request>, mayRepeat: boolean, limit: Limit) => Promise<Response>;

/** Answers that say that nothing was done, and that another attempt may succeed. */
const BUSY = new Set([429, 503]);

const FIRST_PAUSE_MS = 200;

export function limitOf({ totalMs = 30_000 }: SendOptions, signal: AbortSignal): Limit {
  const endsAt = Date.now() + totalMs;
  return { signal, leftMs: () => Math.max(endsAt - Date.now(), 0) };
}

/** What sends a request until it is answered with anything but 429 and 503, or may not be repeated again. */
export function patientSender(options: SendOptions): Send {
  const { retries = 2 } = options;
  return async (make, mayRepeat, limit) => {
    for (let attempt = 1; ; attempt++) {
      const isLast = !mayRepeat || attempt > retries;
      const answer = await sendOnce(await make(), options, limit);
      if (answer instanceof Response && !BUSY.has(answer.status)) return answer;
      const waitMs = pauseMs(attempt, answer instanceof Response ? answer.headers.get('Retry-After') : null);
      if (isLast || waitMs >= limit.leftMs()) {
        if (answer instanceof Response) return answer;
        throw answer;
      }
      await pause(waitMs, limit.signal);
    }
  };
}

/** One attempt with its whole body, since a connection may be lost in the middle. @throws the reason of the caller's signal */
async function sendOnce(request: Request, options: SendOptions, { signal, leftMs }: Limit): Promise<Response | Error> {
  const { fetch = (made) => globalThis.fetch(made), timeoutMs = 10_000 } = options;
  try {
    const timeout = AbortSignal.timeout(Math.min(timeoutMs, leftMs()));
    const response = await fetch(new Request(request, { signal: AbortSignal.any([signal, timeout]) }));
    const body = await response.arrayBuffer();
    const { status, statusText, headers } = response;
    return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers });
  } catch (cause) {
    if (signal.aborted) throw cause;
    return noAnswer(cause);
  }
}

/**
 * Milliseconds until the next attempt: what the service asks for, or else twice as long after each attempt. Clients that
 * failed together don't come back together.
 */
function pauseMs(attempt: number, retryAfter: string | null): number {
  const own = FIRST_PAUSE_MS * 2 ** (attempt - 1);
  const jitter = own * Math.random();
  if (retryAfter === null) return own / 2 + jitter / 2;
  const seconds = Number(retryAfter);
  // RFC 9110, section 10.2.3: seconds or a date.
  const asked = Number.isNaN(seconds) ? Date.parse(retryAfter) - Date.now() : seconds * 1000;
  return Number.isNaN(asked) ? own : Math.max(asked, 0) + jitter;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await beforeAbort(elapsed, signal).finally(() => clearTimeout(timer));
}

/** Waits for `work`, but not longer than until the caller gives up. @throws the reason of the signal */
export async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const waiting = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: waiting.signal });
  });
  return Promise.race([work, aborted]).finally(() => waiting.abort());
}

function noAnswer(cause: unknown): LatchkeyError {
  const isTimeout = (cause as Error).name === 'TimeoutError';
  const description = isTimeout ? 'The service did not answer in time.' : 'The service cannot be reached.';
  return new LatchkeyError(isTimeout ? 'timeout' : 'no_connection', 0, null, description, {}, { cause });
}

/** The error of an answer that is none of success. */
export async function errorOf(response: Response): Promise<LatchkeyError> {
  const body = (await response
    .clone()
    .json()
    .catch(() => ({}))) as Record<string, unknown>;
  const {
    id = body.error ?? 'unreadable',
    description = `The service answered ${response.status}.`,
    ...members
  } = body;
  return new LatchkeyError(
    String(id),
    response.status,
    response.headers.get('X-Request-Id'),
    String(description),
    members,
  );
}
