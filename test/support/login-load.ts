import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';

/** One answer of the service. */
export interface LoadAnswer {
  what: 'issue' | 'redeem';
  status: number;
  retryAfter?: string;
  startedAt: number;
  endedAt: number;
}

/** A token that was answered, and the cookie of the session that it has started. */
export interface Login {
  token: string;
  cookie?: string;
}

interface Received {
  status: number;
  retryAfter?: string;
  cookie?: string;
  text: string;
}

/**
 * Hosts that let a user in `rate` times a second, whatever is answered: each gets a login token, and a browser redeems
 * it.
 */
export class LoginLoad {
  readonly answers: LoadAnswer[] = [];
  readonly logins: Login[] = [];
  private readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 1_000 });
  private readonly open = new Set<Promise<void>>();
  private isRunning = true;
  private readonly running: Promise<void>;

  constructor(
    private readonly url: string,
    private readonly caller: { token: string; user: string },
    rate: number,
  ) {
    this.running = this.run(rate);
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.running;
    await Promise.all(this.open);
    this.agent.destroy();
  }

  private async run(rate: number): Promise<void> {
    const startedAt = performance.now();
    for (let count = 0; this.isRunning; await setTimeout(5))
      for (; count < ((performance.now() - startedAt) / 1000) * rate; count++) {
        const login = this.logIn();
        this.open.add(login);
        void login.finally(() => this.open.delete(login));
      }
  }

  private async logIn(): Promise<void> {
    const headers = { authorization: `Bearer ${this.caller.token}` };
    const issued = await this.ask('issue', `/api/2.1.1/access/${this.caller.user}`, headers);
    if (issued.status !== 200) return;
    const { token } = JSON.parse(issued.text) as { token: string };
    const login: Login = { token };
    this.logins.push(login);
    const { cookie } = await this.ask('redeem', `/login?token=${token}`, { accept: 'application/json' });
    if (cookie) login.cookie = cookie;
  }

  private async ask(what: LoadAnswer['what'], path: string, headers: Record<string, string>): Promise<Received> {
    const startedAt = performance.now();
    const received = await this.receive(path, headers);
    const { status, retryAfter } = received;
    this.answers.push({ what, status, retryAfter, startedAt, endedAt: performance.now() });
    return received;
  }

  private receive(path: string, headers: Record<string, string>): Promise<Received> {
    return new Promise((resolve, reject) => {
      const request = get(this.url + path, { agent: this.agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode!,
            retryAfter: response.headers['retry-after'],
            cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
            text: Buffer.concat(chunks).toString(),
          }),
        );
      });
      request.once('error', reject);
    });
  }
}
