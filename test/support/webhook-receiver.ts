import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { TestApp } from './app.js';
import type { TestCaller } from './world.js';

/** A request as a receiver got it. */
export interface ReceivedWebhook {
  id: string;
  headers: IncomingHttpHeaders;
  text: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
  at: number;
}

/** A receiver of webhooks: a server of its own on loopback. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  /** Answers a request. A request that is never answered stays open. */
  answer: (response: ServerResponse, request: ReceivedWebhook) => void = (response) => response.writeHead(204).end();
  connections = 0;

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<WebhookReceiver> {
    const server = createServer((request, response) => void receiver.receive(request, response));
    const receiver = new WebhookReceiver(server);
    server.on('connection', () => receiver.connections++);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/webhooks`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Closes the connections that are open, as a server does that is restarted. */
  closeConnections(): void {
    this.server.closeAllConnections();
  }

  /** The IDs that were received, each once. */
  get ids(): Set<string> {
    return new Set(this.received.map(({ id }) => id));
  }

  /** Waits until so many different events were received. @throws Error if they are not there within `ms` */
  async events(count: number, ms = 20_000): Promise<ReceivedWebhook[]> {
    const until = performance.now() + ms;
    while (this.ids.size < count) {
      if (performance.now() > until) throw new Error(`${this.ids.size} of ${count} events within ${ms} ms`);
      await setTimeout(10);
    }
    return this.received;
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { type, timestamp, data } = JSON.parse(text);
    const id = request.headers['webhook-id'] as string;
    const webhook = { id, headers: request.headers, text, type, timestamp, data, at: performance.now() };
    this.received.push(webhook);
    this.answer(response, webhook);
  }
}

/** What the tests need of a webhook. */
export interface TestWebhook {
  id: string;
  secret?: string;
  keys: { id: string; publicKey?: string; signsUntil?: string }[];
}

/** Makes a webhook by the API. */
export async function newWebhook(
  t: TestApp,
  caller: TestCaller,
  { status, ...fields }: { url: string; events?: string[]; keyType?: string; status?: string },
): Promise<TestWebhook> {
  const send = (method: string, path: string, body: object): ReturnType<TestApp['call']> =>
    t.as(caller)(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await send('POST', '/webhooks', fields);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  if (status) await send('PUT', `/webhook/${answer.body.id}`, { status });
  return answer.body as TestWebhook;
}

/** Verifies a request with the package `standardwebhooks`. @throws Error if no signature is good */
export function verifyWith(key: string, { text, headers }: ReceivedWebhook): void {
  new Webhook(key).verify(text, headers as Record<string, string>);
}

/** Whether one of the signatures is that of this Ed25519 key (Standard Webhooks 1.0), by node:crypto. */
export function isSignedBy(publicKey: string, { text, headers }: ReceivedWebhook): boolean {
  const x = Buffer.from(publicKey.replace('whpk_', ''), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const content = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`);
  return (headers['webhook-signature'] as string)
    .split(' ')
    .filter((signature) => signature.startsWith('v1a,'))
    .some((signature) => verify(null, content, key, Buffer.from(signature.slice(4), 'base64')));
}
