import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServerAdapter } from '../src/app/adapter.js';

const MANY = 20_000;

let server: Server;
/** How many requests the server has begun to answer. */
let begun: number;

beforeEach(async () => {
  const adapter = new ServerAdapter({}, { patience: 30_000, interval: 1_000 }, 10_000);
  server = adapter.getHttpServer() as Server;
  begun = 0;
  // An answer that is sent at once has begun before the next request of its connection is read.
  adapter.answerInTurn((_request, response) => {
    begun++;
    response.writeHead(200, { 'Content-Length': 2 }).end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends `count` requests together, the last of which asks to end the connection, and waits until it has ended. */
async function send(count: number): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  const request = 'GET / HTTP/1.1\r\nHost: latchkey.test\r\n';
  socket.write(`${`${request}\r\n`.repeat(count - 1)}${request}Connection: close\r\n\r\n`);
  await once(socket, 'close');
}

describe('S34: requests that are sent together', () => {
  it('S34: are all answered if they are few', async () => {
    await send(50);
    expect(begun).toBe(50);
  });

  it('S34: end their connection behind a hundred that wait, also if an answer has begun when they come', async () => {
    await send(MANY);
    expect(begun).toBeLessThan(200);
  });
});
