import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as the application behind a proxy received it. */
export interface Seen {
  method: string;
  url: string;
  /** Names as received. A name that came twice is there twice. */
  headers: [name: string, value: string][];
  body: string;
}

/** An application that knows nothing of Latchkey. It answers with the request that it received. */
export class EchoApplication {
  readonly seen: Seen[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<EchoApplication> {
    const server = createServer({ maxHeaderSize: 64 * 1024 });
    const application = new EchoApplication(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const seen = application.record(request, Buffer.concat(chunks).toString());
        if (seen.url === '/events') {
          // Sends one event and keeps the stream open.
          response.writeHead(200, { 'Content-Type': 'text/event-stream' });
          response.write('data: 1\n\n');
          return;
        }
        // The address to which a payment returns.
        if (seen.url === '/payment/return') {
          response.writeHead(303, { Location: '/course/paid' }).end();
          return;
        }
        // `/status/401` is the application's own refusal.
        const status = Number(/^\/status\/(\d{3})/.exec(seen.url)?.[1] ?? 200);
        response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' });
        response.end(
          `<!doctype html><title>Application</title><pre id="user">${headerOf(seen, 'X-Latchkey-User')}</pre>`,
        );
      });
    });
    server.on('upgrade', (request, socket: Socket) => {
      const seen = application.record(request, '');
      const user = headerOf(seen, 'X-Latchkey-User');
      // Some proxies check this header (RFC 6455, section 4.2.2).
      const accept = createHash('sha1')
        .update(`${headerOf(seen, 'Sec-WebSocket-Key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Seen: ${user}\r\n\r\n`,
      );
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return application;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get last(): Seen {
    return this.seen.at(-1)!;
  }

  stop(): Promise<unknown> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  private record({ method, url, rawHeaders }: IncomingMessage, body: string): Seen {
    const headers = rawHeaders.flatMap((name, i): Seen['headers'] => (i % 2 ? [] : [[name, rawHeaders[i + 1]!]]));
    const seen = { method: method!, url: url!, headers, body };
    this.seen.push(seen);
    return seen;
  }
}

/** Every value of a header as a program sees it that ignores the case of names; empty if there is none. */
export function headerOf({ headers }: Seen, name: string): string {
  return headers
    .filter(([one]) => one.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value)
    .join('|');
}
