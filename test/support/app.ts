import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app/setup.js';
import { loadSettings, Settings } from '../../src/config/settings.js';
import { inspect, recordLogs, searchEverywhere } from './canary.js';
import { TestClock } from './clock.js';
import { createDatabase, dropDatabase } from './database.js';
import { World } from './world.js';
import type { TestCaller } from './world.js';

export const PUBLIC_URL = 'http://latchkey.test';
export const TEST_SECRET = 'k7Qm2vXz9RtLw4NsYb8HcJ3fDg6PaE1u';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; `undefined` if it is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a body holds is what the tests find out
  body: any;
}

interface CallOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** The service's environment in tests. */
export function testEnvironment(overrides: Record<string, string> = {}): Record<string, string> {
  const { DATABASE_URL, DATABASE_PATH } = process.env;
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'error',
    PUBLIC_URL,
    SECRET_KEY: TEST_SECRET,
    ...(DATABASE_URL ? { DATABASE_URL } : { DATABASE_PATH: DATABASE_PATH! }),
    ...overrides,
  };
}

/** The real application on this test file's real database, listening on a port of its own. */
export class TestApp {
  private isStopped = false;

  private constructor(
    readonly nest: NestFastifyApplication,
    readonly url: string,
    readonly clock: TestClock,
    readonly world: World,
  ) {}

  static async start(overrides: Record<string, string> = {}, port = 0): Promise<TestApp> {
    await createDatabase();
    return TestApp.startOnSameDatabase(overrides, port);
  }

  /** Starts another instance on the database of a running one. Close its `nest`, and stop the other. */
  static async startOnSameDatabase(overrides: Record<string, string> = {}, port = 0): Promise<TestApp> {
    const clock = new TestClock();
    recordLogs();
    const settings = loadSettings(testEnvironment({ LOG_LEVEL: 'debug', ...overrides }));
    const nest = await createApp(settings, clock);
    await nest.listen(port, '127.0.0.1');
    return new TestApp(nest, await nest.getUrl(), clock, new World(nest));
  }

  /** Stops the application. @throws Error if a secret that the tests used was left behind somewhere */
  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    await this.nest.close();
    try {
      await searchEverywhere();
    } finally {
      await dropDatabase();
    }
  }

  /** Calls a path exactly as it is written, and follows no redirect. */
  call(path: string, options: CallOptions = {}): Promise<Answer> {
    return call(this.url, path, options);
  }

  /** Calls the API with a caller's token. */
  as({ token }: Pick<TestCaller, 'token'>): (path: string, options?: CallOptions) => Promise<Answer> {
    return (path, { headers, ...options } = {}) =>
      this.call(`/api/2.1.1${path}`, { headers: { authorization: `Bearer ${token}`, ...headers }, ...options });
  }

  /** Calls the API with the fields of a form. */
  send(
    caller: Pick<TestCaller, 'token'>,
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    fields: Record<string, string> = {},
  ): Promise<Answer> {
    return this.as(caller)(path, {
      method,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    });
  }

  /** Obtains a login token for `user`. */
  async loginToken(caller: TestCaller, user: string, query = ''): Promise<string> {
    const { status, body, text } = await this.as(caller)(`/access/${user}${query}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return body.token;
  }

  /** Opens a sign-in link, with `headers` such as the browser's cookie. */
  login(token: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call(`/login?token=${token}`, { headers: { accept: 'application/json', ...headers } });
  }

  /** Signs a new browser in and returns its cookie. */
  async signIn(caller: TestCaller, user: string, query = ''): Promise<string> {
    return cookieOf(await this.login(await this.loginToken(caller, user, query)));
  }

  /** Moves the clock to a second after the end of every session that is not used meanwhile. */
  passIdleTime(): void {
    const now = this.clock.now();
    const idle = this.nest.get(Settings).idleAfter(now).getTime() - now.getTime();
    this.clock.advance(idle / 1000 + 1);
  }
}

/** The statements that an instance runs twice a second by itself. They belong to no request whose statements are counted. */
export const BY_ITSELF = new Set(['find_due_logouts', 'find_due_webhooks']);

export async function call(base: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const response = await fetch(base + path, { redirect: 'manual', ...options });
  const text = await response.text();
  const answer = { status: response.status, headers: response.headers, text, body: parseJson(text) };
  inspect({ path, ...options }, answer);
  return answer;
}

/** The status and the error id of an answer. */
export function outcome({ status, body }: Answer): [number, string | undefined] {
  return [status, body?.id];
}

/** The cookie that an answer sets, as a browser sends it back. */
export function cookieOf({ headers }: Answer): string {
  const [cookie] = headers.getSetCookie();
  if (!cookie) throw new Error('No cookie was set.');
  return cookie.split(';')[0]!;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
