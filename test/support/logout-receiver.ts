import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { JWTPayload, ProtectedHeaderParameters } from 'jose';

/** A logout token as an application received it. */
export interface ReceivedLogout {
  token: string;
  header: ProtectedHeaderParameters;
  claims: JWTPayload;
  method: string;
  contentType: string | undefined;
  at: number;
}

/** The address at which an application receives logout tokens: a server of its own on loopback. */
export class LogoutReceiver {
  readonly received: ReceivedLogout[] = [];
  /** Answers a request. A request that is never answered stays open. */
  answer: (response: ServerResponse) => void = (response) => response.writeHead(200).end();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<LogoutReceiver> {
    const server = createServer((request, response) => void receiver.receive(request, response));
    const receiver = new LogoutReceiver(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/backchannel-logout`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The `sid`s that were named so far, in alphabetical order. */
  get sids(): unknown[] {
    return this.received.map(({ claims }) => claims.sid).toSorted();
  }

  /** The first `count` tokens, as soon as they are there. @throws Error if they are not there within `ms` */
  async first(count: number, ms = 2_000): Promise<ReceivedLogout[]> {
    const until = performance.now() + ms;
    while (this.received.length < count) {
      if (performance.now() > until) throw new Error(`${this.received.length} of ${count} tokens within ${ms} ms`);
      await setTimeout(10);
    }
    return this.received.slice(0, count);
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token')!;
    this.received.push({
      token,
      header: decodeProtectedHeader(token),
      claims: decodeJwt(token),
      method: request.method!,
      contentType: request.headers['content-type'],
      at: performance.now(),
    });
    this.answer(response);
  }
}
