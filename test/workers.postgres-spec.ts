import { execFile } from 'node:child_process';
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from './support/free-port.js';
import { TestApp, testEnvironment } from './support/app.js';
import { Instance } from './support/instance.js';
import type { TestCaller } from './support/world.js';

const WORKERS = 3;

let t: TestApp;
let caller: TestCaller;
let user: string;
let instance: Instance;

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
  ({ id: user } = await t.world.userOf(caller));
});
afterAll(() => t.stop());
afterEach(() => instance.stop('SIGKILL'));

/** The built service with workers. */
async function start(overrides: Record<string, string> = {}): Promise<void> {
  instance = await Instance.start(overrides, [], ['--workers', String(WORKERS)]);
}

interface Answer {
  /** A status, or the error of the connection. */
  outcome: string;
  text: string;
}

/** Asks on a new connection, so that any worker may answer. */
function ask(path: string, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${caller.token}`, accept: 'application/json' };
    const request = get(instance.url + path, { agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.once('end', () => resolve({ outcome: String(response.statusCode), text }));
      response.once('error', ({ code }: NodeJS.ErrnoException) => resolve({ outcome: `${code} in an answer`, text }));
    });
    request.once('error', ({ code }: NodeJS.ErrnoException) => resolve({ outcome: String(code), text: '' }));
  });
}

/** The processes that have said that they are ready, in that order. */
function workersSoFar(): number[] {
  return instance.output.flatMap((line) => /Worker (\d+) is ready/.exec(line)?.[1] ?? []).map(Number);
}

async function waitFor(isThere: () => boolean): Promise<void> {
  for (let round = 0; !isThere(); round++) {
    if (round > 1_000) throw new Error(`It has not happened: ${isThere}`);
    await setTimeout(20);
  }
}

/** The processes that answer requests on new connections. Each warns once of an unknown proxy, and its line has its number. */
async function answering(): Promise<Set<number>> {
  await Promise.all(Array.from({ length: 10 * WORKERS }, () => ask('/forward-auth')));
  await setTimeout(200);
  const lines = instance.output.concat(instance.errorOutput).filter((line) => line.includes('TRUSTED_PROXIES'));
  return new Set(lines.map((line) => Number(/\[Nest\] (\d+)/.exec(line)?.[1])));
}

describe('several workers', () => {
  it('share one address, all answer, and the start says so once', async () => {
    await start();
    expect(workersSoFar()).toHaveLength(WORKERS);
    expect(await answering()).toEqual(new Set(workersSoFar()));
    const ready = instance.output.filter((line) => line.includes('Ready on'));
    expect(ready).toEqual([expect.stringMatching(/Ready on http:\/\/127\.0\.0\.1:\d+, public URL .*, 3 workers/)]);
    expect(instance.output.filter((line) => line.includes('There is no organization'))).toEqual([]);
    expect(await instance.stop('SIGTERM')).toBe(0);
  });

  it('start one session with a token that arrives at all of them at once', async () => {
    await start();
    for (let round = 0; round < 5; round++) {
      const { token } = JSON.parse((await ask(`/api/2.1.1/access/${user}`)).text) as { token: string };
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask(`/login?token=${token}`)));
      const ids = answers.map(({ outcome, text }) => (Number(outcome) < 400 ? 'session' : JSON.parse(text).id));
      expect(ids.filter((id) => id !== 'token_used')).toEqual(['session']);
    }
  });

  it('answer every later request when one of them is killed, and get another one in its place', async () => {
    await start();
    const [killed] = workersSoFar();
    process.kill(killed!, 'SIGKILL');
    await waitFor(() => instance.errorOutput.some((line) => line.includes(`Worker ${killed} was ended by SIGKILL.`)));
    const answers: Answer[] = [];
    while (workersSoFar().length === WORKERS)
      answers.push(...(await Promise.all(Array.from({ length: 10 }, () => ask(`/api/2.1.1/access/${user}`)))));
    expect(answers.filter(({ outcome }) => outcome !== '200')).toEqual([]);
    expect(answers.length).toBeGreaterThan(0);
    expect(await answering()).toEqual(new Set(workersSoFar().slice(1)));
  });

  it('answer at SIGTERM in full what was begun, refuse no new connection but by ECONNREFUSED, and end', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const answers: (Answer & { isKept: boolean })[] = [];
    const work = async (isKept: boolean): Promise<void> => {
      while (answers.at(-1)?.outcome !== 'ECONNREFUSED')
        answers.push({ ...(await ask('/openapi.json', isKept && agent)), isKept });
    };
    const clients = Promise.all(Array.from({ length: 20 }, (_, number) => work(number % 2 === 0)));
    await waitFor(() => answers.length > 500);
    const code = await instance.stop('SIGTERM');
    await clients;
    agent.destroy();
    expect(code).toBe(0);
    // A connection that is kept may end while a request is on its way.
    const cut = answers.filter(
      ({ outcome, isKept }) => outcome !== '200' && outcome !== 'ECONNREFUSED' && !(isKept && outcome === 'ECONNRESET'),
    );
    expect(cut).toEqual([]);
  });

  it('end with an error when they die at once again and again', async () => {
    await start();
    const killed = new Set<number>();
    const { ended } = instance;
    const over = new AbortController();
    void ended.then(() => over.abort());
    while (!over.signal.aborted) {
      for (const worker of workersSoFar()
        .filter((one) => !killed.has(one))
        .slice(0, 1)) {
        process.kill(worker, 'SIGKILL');
        killed.add(worker);
      }
      await setTimeout(50);
    }
    expect(await ended).toBe(1);
    expect(instance.errorOutput.join('\n')).toContain('in a row that ended at once, so the service ends');
  });

  it('have metrics of their own, each at the next port', async () => {
    const port = await freePort();
    await start({ METRICS_ADDRESS: `127.0.0.1:${port}` });
    for (let number = 0; number < WORKERS; number++) {
      const answer = await fetch(`http://127.0.0.1:${port + number}/metrics`);
      expect(await answer.text()).toContain('latchkey_access_calls_total');
    }
  });
});

/** Runs the built service to its end. */
function run(env: Record<string, string>, ...args: string[]): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...env } };
    execFile(process.execPath, ['dist/main.cjs', ...args], options, (error, _stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stderr }),
    );
  });
}

describe('a start with workers', () => {
  it.each(['0', '65', '-1', '2.5', 'many', ''])('is refused with %j of them', async (number) => {
    const { code, stderr } = await run(testEnvironment(), `--workers=${number}`);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Latchkey did not start. --workers must be a number from 1 to 64.\n',
    });
  });

  it('is refused on SQLite', async () => {
    const env = testEnvironment({ DATABASE_URL: '', DATABASE_PATH: '/nowhere/latchkey.db' });
    const { code, stderr } = await run(env, '--workers', '2');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('needs PostgreSQL: set DATABASE_URL'),
    });
  });

  it('says once why it failed', async () => {
    const { port } = new URL(t.url);
    const { code, stderr } = await run(testEnvironment({ PORT: port }), '--workers', '3');
    const reasons = stderr.split('\n').filter((line) => line.startsWith('Latchkey did not start.'));
    expect({ code, reasons }).toEqual({ code: 1, reasons: [expect.stringContaining('Set PORT to a free port.')] });
  });
});
