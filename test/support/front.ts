import { createServer, request as forward } from 'node:http';
import type { Server } from 'node:http';

/** What stands in front of a service: it passes requests on, or says that there are too many, or nothing at all. */
export class Front {
  /** The ID of the request that was passed on last, as the service has answered it. */
  lastRequestId: string | undefined;
  private readonly seen: string[] = [];
  private busy = { times: 0, retryAfter: '', status: 0 };
  private silent = false;

  private constructor(private readonly server: Server) {}

  static async start(to: number): Promise<Front> {
    const server = createServer((request, response) => {
      const { busy } = front;
      front.seen.push(request.url!);
      if (front.silent) return;
      if (busy.times-- > 0) {
        const headers = { 'Retry-After': busy.retryAfter, 'Content-Type': 'text/html' };
        response.writeHead(busy.status, headers).end('<h1>Busy</h1>');
        return;
      }
      const { method, headers, url: path } = request;
      const next = forward({ host: 'localhost', port: to, method, path, headers }, (answer) => {
        front.lastRequestId = answer.headers['x-request-id'] as string | undefined;
        response.writeHead(answer.statusCode!, answer.rawHeaders);
        answer.pipe(response);
      });
      next.on('error', () => response.destroy());
      request.pipe(next);
    });
    const front = new Front(server);
    await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
    return front;
  }

  get url(): string {
    return `http://localhost:${(this.server.address() as { port: number }).port}`;
  }

  /** How many requests for a path there were since it recovered. */
  count(path: string): number {
    return this.seen.filter((each) => each === path).length;
  }

  isBusy(times: number, retryAfter: string, status = 503): void {
    this.recover();
    this.busy = { times, retryAfter, status };
  }

  isSilent(): void {
    this.recover();
    this.silent = true;
  }

  recover(): void {
    this.seen.length = 0;
    this.busy = { times: 0, retryAfter: '', status: 0 };
    this.silent = false;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}
