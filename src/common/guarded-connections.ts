import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { guardedLookup, lateReason, reasonOf, RequestError, requireAllowedAddress } from './guarded-request.js';
import type { IsAllowed, Resolve } from './guarded-request.js';

/** Bytes of an answer that are read, so that its connection can be used again. After that the connection is closed. */
const MAX_DRAINED_BYTES = 64 * 1024;
/** Milliseconds for which a connection that nobody uses stays open. */
const IDLE_MS = 5_000;
/** What happens to a request if the other side has just closed the connection, which it may do whenever it is idle. */
const CLOSED = new Set(['ECONNRESET', 'EPIPE']);

/** What the other server answered. Nobody reads the body. */
export interface GuardedAnswer {
  status: number;
  retryAfter: string | undefined;
}

interface GuardedConnectionsOptions {
  /** How many requests may be under way at once, each on a connection of its own. */
  max: number;
  /** The time limit for the whole answer in milliseconds. */
  timeoutMs: number;
  isAllowed: IsAllowed;
  resolve?: Resolve;
}

/**
 * Connections to one address of somebody else's server, which stay open between requests. The rules are those of
 * `guardedRequest`: a connection is made only to an address that was checked, and stays on it; a new one checks again.
 */
export class GuardedConnections {
  private readonly agent: HttpAgent;
  private readonly request: (options: RequestOptions) => ClientRequest;
  private readonly options: RequestOptions;

  constructor(
    private readonly url: string,
    private readonly limits: GuardedConnectionsOptions,
  ) {
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const isHttps = protocol === 'https:';
    const kept = { keepAlive: true, maxSockets: limits.max, maxFreeSockets: limits.max, timeout: IDLE_MS };
    this.agent = isHttps ? new HttpsAgent(kept) : new HttpAgent(kept);
    this.request = isHttps ? requestHttps : requestHttp;
    this.options = {
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: pathname + search,
      lookup: guardedLookup(limits.isAllowed, limits.resolve),
    };
  }

  /**
   * Sends a request. If the connection turns out to be closed already, it is sent once more, so the other server must
   * know a repeated request by what is in it. @throws RequestError
   */
  async post(headers: Record<string, string>, body: string): Promise<GuardedAnswer> {
    requireAllowedAddress(this.url, this.limits.isAllowed);
    try {
      return await this.send(headers, body, this.agent);
    } catch (error) {
      if (!(error instanceof ClosedMeanwhile)) throw error;
      return this.send(headers, body, false);
    }
  }

  /** Closes the connections, and ends the requests that are under way. */
  close(): void {
    this.agent.destroy();
  }

  private send(headers: Record<string, string>, body: string, agent: RequestOptions['agent']): Promise<GuardedAnswer> {
    return new Promise((resolve, reject) => {
      const request = this.request({
        ...this.options,
        method: 'POST',
        agent,
        headers: {
          'accept-encoding': 'identity',
          'user-agent': 'Latchkey',
          'content-length': String(Buffer.byteLength(body)),
          ...headers,
        },
      });
      const timer = setTimeout(() => request.destroy(lateReason(this.limits.timeoutMs)), this.limits.timeoutMs);
      request
        .once('close', () => clearTimeout(timer))
        .once('error', (error: NodeJS.ErrnoException) => {
          const isClosed = agent !== false && request.reusedSocket && CLOSED.has(error.code ?? '');
          reject(isClosed ? new ClosedMeanwhile('The connection was closed.') : reasonOf(error));
        })
        .once('upgrade', ({ statusCode }, socket) => {
          // A protocol upgrade was not requested, and Node ends such a request without an error.
          socket.destroy();
          reject(new RequestError(`It answers with status ${statusCode}.`));
        })
        .once('response', (response) => {
          drain(response);
          resolve({ status: response.statusCode!, retryAfter: response.headers['retry-after'] });
        })
        .end(body);
    });
  }
}

class ClosedMeanwhile extends RequestError {}

/** Reads what is left of an answer, unless it is long. A late one is ended by the time limit. */
function drain(response: IncomingMessage): void {
  let length = 0;
  response
    .on('data', ({ length: more }: Buffer) => {
      length += more;
      if (length > MAX_DRAINED_BYTES) response.destroy();
    })
    .on('error', () => response.destroy());
}
