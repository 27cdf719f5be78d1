import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app/setup.js';
import { loadSettings } from '../../../src/config/settings.js';
import { testEnvironment } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { forgetFailedAttempts } from '../../support/forge.js';
import { wire } from '../../support/raw.js';
import { caller, setUp, statusesOf, t, user } from './setup.js';

setUp();

/** What an error looks like on the wire, in every case. */
function shapeOf({ status, headers, body }: Answer): unknown {
  return { status, type: headers.get('content-type'), requestId: headers.get('x-request-id'), body };
}

function invalidRequest(status: number): unknown {
  return {
    status,
    type: 'application/json; charset=utf-8',
    requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    body: { id: 'invalid_request', description: expect.any(String) },
  };
}

const MEGABYTE = 'x'.repeat(1024 * 1024);

const KIBIBYTES_64 = 64 * 1024;

function request(line: string, headers: string[] = [], body = ''): string {
  return [line, 'Host: latchkey.test', 'Accept: application/json', ...headers, '', body].join('\r\n');
}

function bodies(length: number): { media: string; body: string }[] {
  return [
    { media: 'application/json', body: `"${'x'.repeat(length - 2)}"` },
    { media: 'application/x-www-form-urlencoded', body: `a=${'x'.repeat(length - 2)}` },
  ];
}

describe('S34: large requests', () => {
  it.each([
    { what: 'a login token', message: request(`GET /login?token=${MEGABYTE} HTTP/1.1`) },
    {
      what: 'a bearer token',
      message: request('GET /api/2.1.1/user/self HTTP/1.1', [`Authorization: Bearer ${MEGABYTE}`]),
    },
    { what: 'a session cookie', message: request('GET /session HTTP/1.1', [`Cookie: latchkey=${MEGABYTE}`]) },
    { what: 'a header that nobody reads', message: request('GET /session HTTP/1.1', [`X-More: ${MEGABYTE}`]) },
    { what: 'a header name', message: request('GET /session HTTP/1.1', [`X-${MEGABYTE}: 1`]) },
    { what: 'a path', message: request(`GET /api/2.1.1/access/${MEGABYTE} HTTP/1.1`) },
    {
      what: 'a thousand headers',
      message: request(
        'GET /session HTTP/1.1',
        Array.from({ length: 1_000 }, (_, i) => `X-${i}: ${'x'.repeat(1_000)}`),
      ),
    },
  ])('S34: $what of 1 MB is answered with 431', async ({ message }) => {
    expect(shapeOf(await wire(t.url, message))).toEqual(invalidRequest(431));
  });

  it.each([
    {
      what: 'a login token',
      path: `/login?token=${'x'.repeat(15_000)}`,
      header: 'x-more',
      value: () => '1',
      status: 401,
      id: 'invalid_token',
    },
    {
      what: 'a bearer token',
      path: '/api/2.1.1/user/self',
      header: 'authorization',
      value: () => `Bearer ${'x'.repeat(15_000)}`,
      status: 401,
      id: 'not_authenticated',
    },
    {
      what: 'a session cookie',
      path: '/session',
      header: 'cookie',
      value: () => `latchkey=${'x'.repeat(15_000)}`,
      status: 401,
      id: 'not_authenticated',
    },
    {
      what: 'a user reference',
      path: `/api/2.1.1/user/${'x'.repeat(8_000)}`,
      header: 'authorization',
      value: () => `Bearer ${caller.token}`,
      status: 400,
      id: 'missing_field',
    },
    {
      what: 'a path',
      path: `/${'x'.repeat(15_000)}`,
      header: 'x-more',
      value: () => '1',
      status: 404,
      id: 'not_found',
    },
  ])('S34: $what just below the limit is answered with $status', async ({ path, header, value, status, id }) => {
    await forgetFailedAttempts(t);
    const answer = await t.call(path, { headers: { accept: 'application/json', [header]: value() } });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { id, description: expect.any(String) },
    });
  });

  it.each(bodies(KIBIBYTES_64 + 1))(
    'S34: a body of $media over 64 KiB is answered with 413, announced or in chunks',
    async ({ media, body }) => {
      const headers = [`Content-Type: ${media}`];
      const announced = await wire(
        t.url,
        request('POST /logout HTTP/1.1', [...headers, `Content-Length: ${body.length}`], body),
      );
      expect(shapeOf(announced)).toEqual(invalidRequest(413));
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      expect(
        shapeOf(
          await wire(t.url, request('POST /logout HTTP/1.1', [...headers, 'Transfer-Encoding: chunked'], chunks)),
        ),
      ).toEqual(invalidRequest(413));
    },
  );

  it('S34: a body of 1 MB is answered with 413 before it is sent', async () => {
    const message = request('POST /logout HTTP/1.1', [
      'Content-Type: application/json',
      `Content-Length: ${MEGABYTE.length}`,
    ]);
    expect(shapeOf(await wire(t.url, message))).toEqual(invalidRequest(413));
  });

  it.each(bodies(KIBIBYTES_64))('S34: a body of $media of 64 KiB is read', async ({ media, body }) => {
    const answer = await t.call('/logout', {
      method: 'POST',
      headers: { 'content-type': media, 'sec-fetch-site': 'same-origin' },
      body,
    });
    expect(answer.status).toBe(204);
  });
});

describe('S34: slow and half-open requests', () => {
  /** The service with limits of a fraction of a second, so that a test can wait for them. */
  let hasty: NestFastifyApplication;
  let server: Server;
  let url: string;
  const sockets: Socket[] = [];
  let logged: jest.Spied<Logger['error']>;

  beforeAll(async () => {
    hasty = await createApp(loadSettings(testEnvironment()), t.clock, { patience: 400, interval: 50 });
    server = hasty.getHttpServer();
    await hasty.listen(0, '127.0.0.1');
    url = await hasty.getUrl();
  });
  beforeEach(() => {
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await noConnectionIsLeft();
  });
  afterAll(() => hasty.close());

  const HEALTH = 'GET /health HTTP/1.1\r\nHost: latchkey.test\r\nConnection: close\r\n\r\n';

  /** A client that sends `text` and never closes its side. */
  async function open(text: string): Promise<{ socket: Socket; answer: Promise<string> }> {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    sockets.push(socket);
    const chunks: Buffer[] = [];
    const answer = new Promise<string>((resolve) => {
      socket.on('data', (chunk) => chunks.push(chunk));
      for (const event of ['end', 'error', 'close'])
        socket.once(event, () => resolve(Buffer.concat(chunks).toString()));
    });
    await new Promise((resolve) => socket.once('connect', resolve));
    if (text) socket.write(text);
    return { socket, answer };
  }

  function connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  async function noConnectionIsLeft(withinMs = 5_000): Promise<number> {
    const deadline = Date.now() + withinMs;
    while ((await connections()) > 0 && Date.now() < deadline) await setTimeout(25);
    return connections();
  }

  const SLOW = [
    { what: 'nothing', text: '' },
    { what: 'half of a request line', text: 'GET /logi' },
    { what: 'half of the headers', text: 'GET /login?token=x HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ' },
    {
      what: 'half of a body',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
    },
    {
      what: 'half of a chunk',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"a":',
    },
  ];

  it.each(SLOW)('S34: a client that sends $what is told that it took too long', async ({ text }) => {
    const { answer } = await open(text);
    const [head, body] = (await answer).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(head).toMatch(/\r\nX-Request-Id: [\da-f-]{36}(\r\n|$)/i);
    expect(JSON.parse(body!)).toEqual({ id: 'invalid_request', description: expect.any(String) });
  });

  it('S34: the connections of slow clients are gone after that, also when the clients keep their side open', async () => {
    const clients = await Promise.all(SLOW.map(({ text }) => open(text)));
    const answers = await Promise.all(clients.map(({ answer }) => answer));
    expect(answers).toEqual(answers.map(() => expect.stringMatching(/^HTTP\/1\.1 408 /)));
    expect(await noConnectionIsLeft()).toBe(0);
  });

  it.each([
    { what: 'no HTTP', text: 'GARBAGE\r\n\r\n', status: 400 },
    {
      what: 'headers of 70 KB',
      text: `GET / HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ${'x'.repeat(70_000)}\r\n\r\n`,
      status: 431,
    },
    {
      what: 'a body that is too long',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{',
      status: 413,
    },
  ])(
    'S34: the connection of a client that sends $what is gone after its answer, also when the client keeps its side open',
    async ({ text, status }) => {
      const { answer } = await open(text);
      expect(await answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(await noConnectionIsLeft()).toBe(0);
    },
  );

  it.each([
    { what: 'headers', text: 'GET / HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ' },
    {
      what: 'a body',
      text: 'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
    },
  ])('S34: a client that sends $what drop by drop is cut off', async ({ text }) => {
    const { socket, answer } = await open(text);
    const drops = setIntervalUntil(answer, 20, () => socket.writable && socket.write('x'));
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    await drops;
  });

  it('S34: clients that never read their answers are let go', async () => {
    // More than the buffers of both sides of a connection hold.
    const text = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: latchkey.test\r\n\r\n'.repeat(20);
    const clients = Array.from({ length: 10 }, async () => {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      sockets.push(socket.pause());
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(text);
    });
    await Promise.all(clients);
    expect(await noConnectionIsLeft(20_000)).toBe(0);
  });

  it('S34: a client that never reads an answer which the system takes as a whole is let go as soon', async () => {
    // The answer has 1.5 MB, and the server has nothing left to send.
    const { socket } = await open('');
    socket.pause();
    socket.write('GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: latchkey.test\r\n\r\n');
    expect(await noConnectionIsLeft(20_000)).toBe(0);
  });

  it('S34: a connection ends behind a hundred requests that wait for their turn', async () => {
    const health = 'GET /health HTTP/1.1\r\nHost: latchkey.test\r\n\r\n';
    const { answer } = await open(health.repeat(5_000));
    const text = await answer;
    const answered = text.match(/HTTP\/1\.1 200 /g)?.length ?? 0;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(200);
    expect(text.toLowerCase().split('http/1.1 200').at(-1)).toContain('connection: close');
  });

  it('S34: requests that are sent together are answered in their order, each when the one before is sent', async () => {
    const paths = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? '/api/2.1.1/version' : `/nothing-${i}`));
    const texts = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: latchkey.test\r\nAccept: application/json\r\n`);
    const { answer } = await open(`${texts.join('\r\n')}Connection: close\r\n\r\n`);
    const statuses = [...(await answer).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
    expect(statuses).toEqual(paths.map((path) => (path.startsWith('/nothing') ? '404' : '200')));
  });

  it('S34: a request behind answers that its client does not read is not begun', async () => {
    const token = await t.loginToken(caller, user);
    const accepted = new Promise<Socket>((resolve) => {
      server.once('connection', resolve);
    });
    const { socket } = await open('');
    socket.pause();
    const many = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: latchkey.test\r\n\r\n'.repeat(20);
    socket.write(`${many}GET /login?token=${token} HTTP/1.1\r\nHost: latchkey.test\r\n\r\n`);
    await once(await accepted, 'close');
    await setTimeout(500);
    expect((await t.login(token)).status).toBe(303);
  });

  it('S34: a client that goes away in the middle of a body is no failure of the service', async () => {
    const { socket } = await open(SLOW[3]!.text);
    const request = await new Promise<IncomingMessage>((resolve) => {
      server.once('request', resolve);
    });
    const closed = new Promise((resolve) => request.once('close', resolve));
    socket.destroy();
    await closed;
    expect(await noConnectionIsLeft()).toBe(0);
    expect(logged).not.toHaveBeenCalled();
  });

  it('S34: others are served while a hundred clients keep it waiting', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => open(SLOW[i % SLOW.length]!.text)));
    const answers = await Promise.all(Array.from({ length: 10 }, () => wire(url, HEALTH)));
    expect(statusesOf(answers)).toEqual({ 200: 10 });
  });

  it('S34: the service as it runs gives a request at most 30 s to arrive', () => {
    const { headersTimeout, requestTimeout } = t.nest.getHttpServer() as Server;
    // Node takes the smaller of the two for the headers and the greater one for the whole request.
    expect(Math.max(headersTimeout, requestTimeout)).toBeLessThanOrEqual(30_000);
    expect(Math.min(headersTimeout, requestTimeout)).toBeGreaterThan(0);
    // It looks for who has taken too long as often as this says, in milliseconds; by default every 30 s.
    expect(t.nest.getHttpServer()).toMatchObject({ connectionsCheckingInterval: 1_000 });
  });
});

/** Does `work` at intervals until `end` is there. */
async function setIntervalUntil(end: Promise<unknown>, milliseconds: number, work: () => unknown): Promise<void> {
  const timer = setInterval(work, milliseconds);
  await end;
  clearInterval(timer);
}
