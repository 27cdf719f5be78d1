import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { GuardedConnections } from './guarded-connections.js';
import type { Resolve } from './guarded-request.js';

let server: Server;
let answer: (response: ServerResponse, request: IncomingMessage) => void;
let connections: number;
const opened: GuardedConnections[] = [];

beforeEach(async () => {
  connections = 0;
  answer = (response) => response.writeHead(204).end();
  server = createServer((request, response) => {
    request.resume().once('end', () => answer(response, request));
  }).on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A name that has other addresses at each look. After the last ones it keeps them. */
function resolving(...looks: string[][]): Resolve & { count: number } {
  const resolve = Object.assign(
    ((_name, _options, callback) => {
      const found = looks[Math.min(resolve.count++, looks.length - 1)]!;
      callback(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as Resolve,
    { count: 0 },
  );
  return resolve;
}

function isAllowed(address: string): boolean {
  return address === '127.0.0.1';
}

/** Connections to the server by a name. Of the addresses that are not public, only the server's is allowed. */
function open(resolve: Resolve, timeoutMs = 5_000): GuardedConnections {
  const { port } = server.address() as AddressInfo;
  const one = new GuardedConnections(`http://receiver.example:${port}/x`, { max: 4, timeoutMs, isAllowed, resolve });
  opened.push(one);
  return one;
}

it('a connection is used again, without another look at the name', async () => {
  const resolve = resolving(['127.0.0.1'], ['10.0.0.1']);
  const one = open(resolve);
  for (let n = 0; n < 3; n++) expect(await one.post({}, 'x')).toEqual({ status: 204, retryAfter: undefined });
  expect({ connections, looks: resolve.count }).toEqual({ connections: 1, looks: 1 });
});

it('a name that leads to a private address at the second look is not connected to any more', async () => {
  const one = open(resolving(['127.0.0.1'], ['10.0.0.1']));
  answer = (response) => response.writeHead(204, { connection: 'close' }).end();
  await one.post({}, 'x');
  await expect(one.post({}, 'x')).rejects.toThrow('The site has no public address.');
  expect(connections).toBe(1);
});

it.each([[['127.0.0.1', '169.254.169.254']], [['10.0.0.1']], [['::1']], [['fd00::1']]])(
  'a name with the addresses %j is never connected to',
  async (addresses) => {
    await expect(open(resolving(addresses)).post({}, 'x')).rejects.toThrow('The site has no public address.');
    expect(connections).toBe(0);
  },
);

it.each(['http://10.0.0.1/', 'http://[::1]/', 'https://169.254.169.254/latest/meta-data'])(
  'the address in %s is never connected to',
  async (url) => {
    const one = new GuardedConnections(url, { max: 1, timeoutMs: 5_000, isAllowed: () => false });
    await expect(one.post({}, 'x')).rejects.toThrow('The site has no public address.');
  },
);

it('a request is sent again if the other side has closed the idle connection', async () => {
  const one = open(resolving(['127.0.0.1']));
  await one.post({}, 'x');
  let isFirst = true;
  answer = (response) => {
    if (!isFirst) return response.writeHead(200).end();
    isFirst = false;
    return response.destroy();
  };
  expect(await one.post({}, 'x')).toEqual({ status: 200, retryAfter: undefined });
  expect(connections).toBe(2);
});

it('redirects are answers, and no more', async () => {
  answer = (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/', 'retry-after': '7' }).end();
  expect(await open(resolving(['127.0.0.1'])).post({}, 'x')).toEqual({ status: 307, retryAfter: '7' });
});

it('an answer has to come in time', async () => {
  answer = () => undefined;
  await expect(open(resolving(['127.0.0.1']), 50).post({}, 'x')).rejects.toThrow('within 0.05 seconds');
});

it('a long body is not read, and the next request has a connection', async () => {
  answer = (response) => response.writeHead(200).end(Buffer.alloc(1_000_000));
  const one = open(resolving(['127.0.0.1']));
  for (let n = 0; n < 3; n++) expect((await one.post({}, 'x')).status).toBe(200);
});
