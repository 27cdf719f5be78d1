import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { call, TestApp } from './support/app.js';
import { Instance } from './support/instance.js';
import type { TestCaller } from './support/world.js';

const GRACE_SECONDS = 15;
/** What an end without anything to wait for takes at most, in milliseconds, on a machine that does other things too. */
const SOON_MS = 10_000;

let t: TestApp;
let caller: TestCaller;
let user: string;
let instance: Instance;
const sockets: Socket[] = [];

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
});
afterAll(() => t.stop());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await instance.stop('SIGKILL');
});

async function start(graceSeconds = GRACE_SECONDS): Promise<void> {
  instance = await Instance.start({ SHUTDOWN_GRACE: String(graceSeconds) });
}

/** A client that sends `text` and never closes its side; it reads nothing if it is deaf. */
async function open(text: string, { isDeaf = false } = {}): Promise<{ socket: Socket; received: () => string }> {
  const { hostname, port } = new URL(instance.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  sockets.push(socket);
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  if (isDeaf) socket.pause();
  else socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  return { socket, received: () => Buffer.concat(chunks).toString() };
}

/** Milliseconds until the process has ended after SIGTERM, and with which code. */
async function end(): Promise<{ code: number | null; tookMs: number }> {
  const startedAt = performance.now();
  const code = await instance.stop('SIGTERM');
  return { code, tookMs: performance.now() - startedAt };
}

const HALF_A_BODY =
  'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":';
const HEALTH = 'GET /health/live HTTP/1.1\r\nHost: latchkey.test\r\n\r\n';

describe('S39: peers that hold a connection open', () => {
  it.each([
    { what: 'has sent nothing', text: '' },
    { what: 'has sent half of a request line', text: 'GET /heal' },
    { what: 'has sent half of its headers', text: 'GET /health/live HTTP/1.1\r\nHost: latchkey.test\r\nX-More: ' },
    { what: 'has its answer and keeps the connection', text: HEALTH },
  ])('S39: one that $what does not hold the end up', async ({ text }) => {
    await start();
    await Promise.all(Array.from({ length: 20 }, () => open(text)));
    await setTimeout(200);
    const { code, tookMs } = await end();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  it.each([
    {
      what: 'has sent half of a body',
      text: HALF_A_BODY,
      isDeaf: false,
    },
    {
      what: 'never reads what it asks for',
      text: '/docs/swagger-ui-bundle.js'.replace(/.*/, (path) =>
        `GET ${path} HTTP/1.1\r\nHost: latchkey.test\r\n\r\n`.repeat(20),
      ),
      isDeaf: true,
    },
  ])('S39: one that $what is cut off after the grace', async ({ text, isDeaf }) => {
    const graceSeconds = 2;
    await start(graceSeconds);
    await open(text, { isDeaf });
    await setTimeout(300);
    const { code, tookMs } = await end();
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThan(graceSeconds * 1000 - 100);
    expect(tookMs).toBeLessThan((graceSeconds + 1) * 1000 + 1_000);
  });

  it('S39: the grace counts from the signal, also while new connections are still accepted', async () => {
    const graceSeconds = 4;
    await start(graceSeconds);
    await open(HALF_A_BODY);
    // Clients that connect all the time: the server goes on accepting for two seconds.
    const clients = Promise.all(Array.from({ length: 40 }, askUntilRefused));
    await setTimeout(500);
    const { code, tookMs } = await end();
    await clients;
    // A second after the grace, counted from the signal, the process would end itself with 1.
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThan(graceSeconds * 1000 - 100);
  });

  it('S39: a request that arrives in the meantime on an open connection is answered, and the connection ends', async () => {
    await start();
    const peer = await open('GET /health/live HTTP/1.1\r\nHost: latchkey.test\r\n');
    await setTimeout(200);
    const ended = end();
    await setTimeout(100);
    peer.socket.write('\r\n');
    expect((await ended).code).toBe(0);
    expect(peer.received()).toMatch(/^HTTP\/1\.1 200 OK\r\n(?=(.*\r\n)*connection: close\r\n)/i);
  });

  it('a second signal ends it at once', async () => {
    await start();
    await open(
      'POST /logout HTTP/1.1\r\nHost: latchkey.test\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{',
    );
    await setTimeout(200);
    const startedAt = performance.now();
    const first = instance.stop('SIGTERM');
    await setTimeout(200);
    await instance.stop('SIGTERM');
    expect(await first).toBe(128 + 15);
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
  });
});

interface Request {
  path: string;
  /** A status, or the error of the connection. */
  outcome: string;
  /** Whether some of an answer had arrived. */
  isAnswered: boolean;
  /** Whether the connection had carried a request before. */
  isReused: boolean;
}

function ask(path: string, agent: Agent | false): Promise<Request> {
  return new Promise((resolve) => {
    const request = get(instance.url + path, { agent, headers: { authorization: `Bearer ${caller.token}` } });
    const end = (outcome: unknown, isAnswered: boolean): void =>
      resolve({ path, outcome: String(outcome), isAnswered, isReused: request.reusedSocket });
    request.once('response', (response) => {
      response.resume();
      response.once('end', () => end(response.statusCode, true));
      response.once('error', ({ code }: NodeJS.ErrnoException) => end(code, true));
    });
    request.once('error', ({ code }: NodeJS.ErrnoException) => end(code, false));
  });
}

/** Asks on one new connection after the other until there is no server any more. */
async function askUntilRefused(): Promise<void> {
  for (let outcome = ''; outcome !== 'ECONNREFUSED';) ({ outcome } = await ask('/openapi.json', false));
}

describe('S39: under load', () => {
  it('S39: whatever was begun is answered in full, nothing with 503, and no new connection is reset', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const requests: Request[] = [];
    const early: string[] = [];
    const access = `/api/2.1.1/access/${user}`;
    const paths = [access, '/health/live', '/openapi.json'];
    const tokens = (): Promise<number> => t.world.loginTokensOf(user).then(({ length }) => length);
    const tokensBefore = await tokens();
    let isAskedToEnd = false;
    const work = async (isNew: boolean): Promise<void> => {
      for (let i = 0; requests.at(-1)?.outcome !== 'ECONNREFUSED'; i++) {
        const request = await ask(paths[i % paths.length]!, isNew ? false : agent);
        requests.push(request);
        if (!isAskedToEnd) early.push(request.outcome);
      }
    };
    const workers = Promise.all(Array.from({ length: 40 }, (_, number) => work(number % 2 === 0)));
    while (requests.length < 1_000) await setTimeout(20);
    isAskedToEnd = true;
    const { code } = await end();
    await workers;
    agent.destroy();
    expect(code).toBe(0);
    expect(new Set(early)).toEqual(new Set(['200']));
    const unanswered = requests.filter(({ outcome }) => outcome !== '200');
    // A new connection is served or refused. One that is kept may end while a request is on its way: the server can't
    // know of it.
    for (const { outcome, isAnswered, isReused } of unanswered) {
      expect(isReused ? ['ECONNREFUSED', 'ECONNRESET'] : ['ECONNREFUSED']).toContain(outcome);
      expect(isAnswered).toBe(false);
    }
    // Whatever the instance did, somebody was told.
    const answered = requests.filter(({ path, outcome }) => path === access && outcome === '200');
    expect((await tokens()) - tokensBefore).toBe(answered.length);
  }, 180_000);

  it('S39: not one request fails behind a load balancer that asks whether the instance is ready', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const outcomes: string[] = [];
    const balancer = { isReady: true };
    const paths = [`/api/2.1.1/access/${user}`, '/session', '/openapi.json'];
    const work = async (isNew: boolean): Promise<void> => {
      for (let i = 0; balancer.isReady; i++) {
        const { path, outcome } = await ask(paths[i % paths.length]!, isNew ? false : agent);
        outcomes.push(path === '/session' && outcome === '401' ? '200' : outcome);
      }
    };
    const workers = Array.from({ length: 40 }, (_, number) => work(number % 2 === 0));
    let last = await call(instance.url, '/health/ready');
    while (outcomes.length < 1_000) last = await call(instance.url, '/health/ready');
    expect(last.status).toBe(200);
    const ended = end();
    const served = outcomes.length;
    // As a load balancer does, it takes some failures in a row before it sends no more.
    for (let failures = 0; failures < 3;) {
      await setTimeout(200);
      last = await call(instance.url, '/health/ready');
      failures = last.status === 503 ? failures + 1 : 0;
    }
    expect({ ...last.body, retry: last.headers.get('retry-after') }).toEqual({
      id: 'unavailable',
      description: 'The instance is shutting down.',
      failing: 'draining',
      retry: '2',
    });
    expect((await call(instance.url, '/health')).body).toEqual(last.body);
    expect((await call(instance.url, '/health/live')).status).toBe(200);
    expect(outcomes.length).toBeGreaterThan(served);
    balancer.isReady = false;
    await Promise.all(workers);
    agent.destroy();
    expect(new Set(outcomes)).toEqual(new Set(['200']));
    expect((await ended).code).toBe(0);
  }, 180_000);
});
