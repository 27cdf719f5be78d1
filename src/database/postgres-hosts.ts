import { setTimeout } from 'node:timers/promises';
import { callbackify } from 'node:util';
import { Client } from 'pg';
import type { ClientBase, ClientConfig } from 'pg';
import { lateError } from '../common/deadline.js';
import { streamOf } from './postgres-pool.js';
import { isDatabaseUnavailable, isReadOnly, READ_ONLY_STATE } from './unavailable.js';

/**
 * Milliseconds for which connections wait for a host that accepts writes, once the one that did is gone; and when that
 * is over, as long as a round of questions takes.
 */
const HOLD_MS = 1_500;
const BRIEF_MS = 500;
/** Milliseconds for an answer of a host, and between two rounds of questions. */
const ASK_MS = 2_000;
const PAUSE_MS = 200;
/** Milliseconds in which a host that is named earlier may answer too, once one accepts writes. */
const ORDER_MS = 250;

type Host = Pick<Client, 'host' | 'port'>;

/**
 * The hosts of DATABASE_URL, of which one accepts writes. When that one is gone, another is looked for. All who connect
 * share the search and wait for a moment, about as long as a restart takes. If none is found by then, they wait for one
 * round of questions only, until one is.
 */
export class PostgresHosts {
  private known?: Host;
  private searching?: Promise<Host>;
  private lostAt?: number;
  private failure?: unknown;

  constructor(private readonly urls: string[]) {}

  /** The host that accepts writes. @throws what the hosts said otherwise */
  async find(): Promise<Host> {
    if (this.known) return this.known;
    this.lostAt ??= performance.now();
    const until = this.lostAt + HOLD_MS;
    const search = (this.searching ??= this.search(until));
    search.catch(() => undefined);
    const limit = Math.max(until - performance.now(), BRIEF_MS);
    const held = setTimeout(limit, undefined, { ref: false }).then(() => Promise.reject(this.failure ?? lateError()));
    held.catch(() => undefined);
    return Promise.race([search, held]);
  }

  get isKnown(): boolean {
    return this.known !== undefined;
  }

  /** Looks at all hosts again before the next connection. */
  forget(): void {
    this.known = undefined;
  }

  private async search(until: number): Promise<Host> {
    for (;;) {
      try {
        this.known = await this.ask();
        this.lostAt = undefined;
        this.failure = undefined;
        this.searching = undefined;
        return this.known;
      } catch (error) {
        this.failure = error;
        const isOver = !isDatabaseUnavailable(error) || performance.now() >= until;
        await setTimeout(PAUSE_MS);
        if (!isOver) continue;
        this.searching = undefined;
        throw error;
      }
    }
  }

  /**
   * Asks all hosts at once, because one that is silent must not hold up the others. Of those that accept writes, the one
   * that is named first counts.
   */
  private async ask(): Promise<Host> {
    const found: Host[] = [];
    const errors: unknown[] = [];
    const asked = this.urls.map(async (url, index) => {
      try {
        found[index] = await ask(url);
      } catch (error) {
        errors.push(error);
        throw error;
      }
    });
    try {
      await Promise.any(asked);
    } catch {
      throw errors.find((error) => !isDatabaseUnavailable(error)) ?? errors.find(isReadOnly) ?? errors[0];
    }
    await Promise.race([Promise.allSettled(asked), setTimeout(ORDER_MS, undefined, { ref: false })]);
    return found.find((host) => host !== undefined)!;
  }
}

/** Makes the class of connections, for a pool, that go to the host which accepts writes. */
export function clientFor(hosts: PostgresHosts): typeof Client {
  return class HostClient extends Client {
    constructor(config?: string | ClientConfig) {
      super(config);
      this.on('error', () => hosts.forget());
    }

    override connect(): Promise<Client>;
    override connect(callback: (error: Error | null, client?: Client) => void): void;
    override connect(callback?: (error: Error | null, client?: Client) => void): Promise<Client> | void {
      if (!callback) return this.connectToHost();
      callbackify(() => this.connectToHost())(callback);
    }

    private async connectToHost(): Promise<Client> {
      const { host, port } = await hosts.find();
      // The pool has given it up meanwhile.
      if (streamOf(this).destroyed) throw lateError();
      Object.assign(this, { host, port });
      try {
        await super.connect();
        await requireWritable(this);
      } catch (error) {
        hosts.forget();
        streamOf(this).destroy();
        throw error;
      }
      return this;
    }
  };
}

async function ask(url: string): Promise<Host> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: ASK_MS, application_name: 'latchkey' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await requireWritable(client);
  } catch (error) {
    streamOf(client).destroy();
    throw error;
  }
  void client.end().catch(() => undefined);
  const { host, port } = client;
  return { host, port };
}

/** A standby is read-only too. */
async function requireWritable(client: ClientBase): Promise<void> {
  const question = { text: `SELECT current_setting('transaction_read_only') AS "readOnly"`, query_timeout: ASK_MS };
  const { rows } = await client.query<{ readOnly: 'on' | 'off' }>(question);
  if (rows[0]!.readOnly === 'on')
    throw Object.assign(new Error('The database is read-only, as a standby is.'), { code: READ_ONLY_STATE });
}
