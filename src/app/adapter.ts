import { Server } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyServerOptions } from 'fastify';

/** Limits for slow peers, in milliseconds. */
export interface PeerLimits {
  /** How long a whole request may take to arrive, and then its answer to be read. */
  patience: number;
  /** The pause between two checks for slow peers. */
  interval: number;
}

/** More than proxies allow by default, so that a browser with that many cookies gets our answer. */
const MAX_HEADER_BYTES = 64 * 1024;
/**
 * While the server closes: milliseconds in which a request that was sent before can still arrive on an open connection.
 */
const ARRIVAL_MS = 1_000;
const CLOSING_INTERVAL_MS = 100;
/**
 * The longest time, in milliseconds, for accepting the connections that already wait, before the server stops
 * listening.
 */
const ACCEPTING_MS = 2_000;
const SHORT_TURN_MS = 2;
/** Requests of one connection that may wait for their turn. With more, the connection ends after the next answer. */
const MAX_WAITING = 100;
/**
 * After an answer of at least this many bytes, a connection without another request ends as soon as one whose client
 * does not read: the system takes answers of some megabytes, and does not say whether the client reads them.
 */
const LARGE_BYTES = 64 * 1024;

/**
 * Fastify on a server that slow peers can't hold up. It closes without losing a request: it stops listening, answers
 * the requests that it has, ends each connection after that, and drops the connections without a request.
 */
export class ServerAdapter extends FastifyAdapter {
  private readonly sockets = new Set<Socket>();
  /** Since when each peer has left data unread. */
  private readonly unreadSince = new Map<Socket, number>();
  /** How many requests of a connection wait for their turn. */
  private readonly waiting = new WeakMap<Socket, number>();
  /** The requests that have arrived while the waiting connections are accepted, before the server closes. */
  private held?: (() => void)[];
  private closing?: Promise<void>;
  /** What is waited for before the server closes, while it serves requests as ever. */
  private draining: () => Promise<void> = () => Promise.resolve();

  /** `graceMs` is the longest time that closing may take before the remaining connections are cut. */
  constructor(
    options: FastifyServerOptions,
    private readonly limits: PeerLimits,
    private readonly graceMs: number,
  ) {
    super({
      ...options,
      // A request that arrives while the server closes is answered as usual.
      return503OnClosing: false,
      requestTimeout: limits.patience,
      http: {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: limits.patience,
        connectionsCheckingInterval: limits.interval,
      },
    });
    const server = this.server;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.forget(socket));
    });
    const looking = setInterval(() => this.dropUnread(), limits.interval).unref();
    server.once('close', () => clearInterval(looking));
  }

  /**
   * Answers each request of a connection when the answers before it have been sent. Node would begin all requests that
   * a client sends together (pipelining, RFC 9112, section 9.3.2), also for one that reads no answer.
   */
  answerInTurn(answer: RequestListener): void {
    this.server.removeAllListeners('request');
    this.server.on('request', (request, response) => {
      const begin = (): void => {
        if (this.held) return void this.held.push(begin);
        this.watchLargeAnswer(request, response);
        answer(request, response);
      };
      // A response gets the socket when its turn comes.
      if (response.socket) begin();
      else this.wait(request, response, begin);
    });
  }

  /** Lets the server serve requests until `drain` is done, before it closes. That is part of its grace. */
  drainFirst(drain: () => Promise<void>): void {
    this.draining = drain;
  }

  /** Runs before the application shuts anything down. */
  // oxlint-disable-next-line typescript/no-misused-promises -- Nest waits for it, which its type does not say
  override async beforeClose(): Promise<void> {
    const askedAt = performance.now();
    if (this.server.listening) await this.draining();
    super.beforeClose();
    if (this.server.listening) this.closing = this.finish(askedAt);
  }

  override async close(): Promise<void> {
    await this.closing;
    await super.close();
  }

  private get server(): Server {
    return this.instance.server as Server;
  }

  private async finish(askedAt: number): Promise<void> {
    const { server } = this;
    await this.acceptWaiting(Math.min(ACCEPTING_MS, this.graceMs / 2));
    // http.Server's own `close` would also cut connections on which a request is arriving, and stop checking for slow
    // ones.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    server.prependListener('request', closeAfter);
    for (const socket of this.sockets) closeAfterAnswer(socket);
    const held = this.held!;
    delete this.held;
    for (const begin of held) begin();
    void this.cut(askedAt, performance.now());
    await closed;
  }

  /** Cuts the connections without a request once one had time to arrive, and after the grace all connections. */
  private async cut(askedAt: number, closedAt: number): Promise<void> {
    while (this.sockets.size > 0) {
      await setTimeout(CLOSING_INTERVAL_MS);
      const now = performance.now();
      // Timers come before sockets in a turn of the event loop, and a request may have arrived in this one.
      await setImmediate();
      const isOver = now - askedAt >= this.graceMs;
      for (const socket of this.sockets)
        if (isOver || (now - closedAt >= ARRIVAL_MS && !currentResponse(socket))) socket.destroy();
    }
  }

  /**
   * Accepts the connections that wait in the system's queue, which the system resets when the server stops listening.
   * It is done when a turn of the event loop brings none and was too short for others to have come. Meanwhile no request
   * is begun: turns become short, and clients that wait for an answer do not connect again.
   */
  private async acceptWaiting(limitMs: number): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
    this.held = [];
    let hasAccepted = false;
    const accepted = (): void => void (hasAccepted = true);
    this.server.on('connection', accepted);
    await setImmediate();
    for (let isQuiet = false; !isQuiet && performance.now() < giveUpAt;) {
      const startedAt = performance.now();
      hasAccepted = false;
      await setImmediate();
      isQuiet = !hasAccepted && performance.now() - startedAt < SHORT_TURN_MS;
    }
    this.server.off('connection', accepted);
  }

  private wait({ socket }: IncomingMessage, response: ServerResponse, begin: () => void): void {
    const count = (this.waiting.get(socket) ?? 0) + 1;
    this.waiting.set(socket, count);
    if (count >= MAX_WAITING) {
      closeAfterAnswer(socket);
      socket.pause();
    }
    response.once('socket', () => {
      const waiting = this.waiting.get(socket)!;
      // The answer before this one may have been sent too far to say that it is the last. Its end made Node read on.
      if (waiting >= MAX_WAITING) response.shouldKeepAlive = false;
      this.waiting.set(socket, waiting - 1);
      begin();
    });
  }

  private watchLargeAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
    const before = socket.bytesWritten;
    response.once('finish', () => {
      if (socket.bytesWritten - before >= LARGE_BYTES) socket.setTimeout(this.limits.patience);
    });
  }

  private dropUnread(): void {
    const now = performance.now();
    for (const socket of this.sockets) {
      if (socket.writableLength === 0) this.unreadSince.delete(socket);
      else if (!this.unreadSince.has(socket)) this.unreadSince.set(socket, now);
      else if (now - this.unreadSince.get(socket)! >= this.limits.patience) socket.destroy();
    }
  }

  private forget(socket: Socket): void {
    this.sockets.delete(socket);
    this.unreadSince.delete(socket);
  }
}

const closeAfter: RequestListener = (_request, response) => (response.shouldKeepAlive = false);

/** The response that is being sent on a connection. Node sets it on every socket of an HTTP server. */
function currentResponse(socket: Socket): ServerResponse | null {
  // oxlint-disable-next-line no-underscore-dangle -- Node has no public name for it
  return (socket as unknown as { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}

function closeAfterAnswer(socket: Socket): void {
  const response = currentResponse(socket);
  if (response) response.shouldKeepAlive = false;
}
