import { Server } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyServerOptions } from 'fastify';

/** How long a peer may take, in milliseconds. */
export interface PeerLimits {
  /** For a whole request to arrive, and then for what is answered to be read. */
  patience: number;
  /** Between two looks at who has taken too long. */
  interval: number;
}

/** More than the proxies in front of a site let through by default, so that whoever has that many cookies gets an answer. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Milliseconds, while the server closes, in which a request that was sent before still arrives on an open connection. */
const ARRIVAL_MS = 1_000;
const CLOSING_INTERVAL_MS = 100;
/** Milliseconds that taking in what already waits for the server may take at most before it listens no more. */
const ACCEPTING_MS = 2_000;
const SHORT_TURN_MS = 2;

/**
 * Fastify on a server whose peers hold nothing up. It is closed in the order that loses no request: first it listens no
 * more, then what was asked is answered and each connection ends after that, and whoever has asked nothing is let go.
 */
export class ServerAdapter extends FastifyAdapter {
  private readonly sockets = new Set<Socket>();
  /** Since when a peer has left something unread. */
  private readonly unreadSince = new Map<Socket, number>();
  private closing?: Promise<void>;

  /** `graceMs`: how long closing may take before whoever is still there is cut off. */
  constructor(
    options: FastifyServerOptions,
    private readonly limits: PeerLimits,
    private readonly graceMs: number,
  ) {
    super({
      ...options,
      // A request that gets in while the server closes is answered as ever.
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

  /** Comes first, before anything that the application ends. */
  override beforeClose(): void {
    super.beforeClose();
    if (this.server.listening) this.closing = this.finish();
  }

  override async close(): Promise<void> {
    await this.closing;
    await super.close();
  }

  private get server(): Server {
    return this.instance.server as Server;
  }

  private async finish(): Promise<void> {
    const { server } = this;
    const askedAt = performance.now();
    await this.acceptWaiting(Math.min(ACCEPTING_MS, this.graceMs / 2));
    // http.Server's own would also cut off the connections on which a request is on its way, and no longer look for slow ones.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    server.prependListener('request', closeAfter);
    for (const socket of this.sockets) closeAfterAnswer(socket);
    const closedAt = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      const isOver = now - askedAt >= this.graceMs;
      for (const socket of this.sockets)
        if (isOver || (now - closedAt >= ARRIVAL_MS && !answering(socket))) socket.destroy();
    }, CLOSING_INTERVAL_MS);
    await closed;
    clearInterval(timer);
  }

  /**
   * The system resets whoever still waits to be taken in when the server listens no more: until a turn of the event loop
   * has brought nobody, and was so short that nobody has come since.
   */
  private async acceptWaiting(limitMs: number): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
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

/** The answer that is being given on a connection: Node says it of every socket of an HTTP server. */
function answering(socket: Socket): ServerResponse | null {
  // oxlint-disable-next-line no-underscore-dangle -- Node has no public name for it
  return (socket as unknown as { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}

function closeAfterAnswer(socket: Socket): void {
  const response = answering(socket);
  if (response) response.shouldKeepAlive = false;
}
