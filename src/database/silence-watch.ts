import { Client } from 'pg';
import { streamOf } from './postgres-pool.js';
import { codeOf } from './unavailable.js';

/** Milliseconds between two looks at a connection, and for a look. */
const INTERVAL_MS = 5_000;
const LOOK_MS = 2_000;
/** Looks without a sign of life after which a connection is given up. */
const MAX_LOOKS = 3;

const FIND = `SELECT "state" = 'active' AND "wait_event" IS DISTINCT FROM 'ClientRead'
                AND "wait_event" IS DISTINCT FROM 'ClientWrite' AS "isWorking"
              FROM "pg_stat_activity" WHERE "pid" = $1`;
const END = `SELECT pg_terminate_backend("pid") FROM "pg_stat_activity"
             WHERE "pid" = ANY($1) AND "datname" = current_database() AND "usename" = CURRENT_USER`;

/**
 * Gives up connections that may be silent for as long as a statement takes, once the server does not work on it: it
 * has not got the whole statement, or its answer is lost. The server is asked on a connection of its own.
 */
export class SilenceWatch {
  private readonly clients = new Set<Client>();

  constructor(private readonly url: string) {}

  /** For the pool, when it has opened a connection. */
  readonly onConnect = async (client: Client): Promise<void> => {
    const question = { text: 'SELECT pg_backend_pid() AS "pid"', query_timeout: LOOK_MS };
    const { rows } = await client.query<{ pid: number }>(question);
    // A pool in between, such as PgBouncer, has a number of its own for it, and the server knows only the pool.
    if (rows[0]!.pid === pidOf(client)) this.watch(client);
  };

  private watch(client: Client): void {
    this.clients.add(client);
    const stream = streamOf(client);
    let heard = stream.bytesRead;
    let looks = 0;
    const look = async (): Promise<void> => {
      const isSilent = isWaiting(client) && stream.bytesRead === heard;
      heard = stream.bytesRead;
      looks = isSilent && !(await this.isWorkedOn(client)) && stream.bytesRead === heard ? looks + 1 : 0;
      if (looks === MAX_LOOKS) await this.giveUp(client);
    };
    const timer = setInterval(() => void look(), INTERVAL_MS);
    client.once('end', () => {
      clearInterval(timer);
      this.clients.delete(client);
    });
  }

  /** Whether the server works on what it was asked. What can't be known, because it takes no connection now, counts as that. */
  private async isWorkedOn(client: Client): Promise<boolean> {
    try {
      const rows = await this.ask<{ isWorking: boolean }>(client, FIND, [pidOf(client)]);
      return rows[0]?.isWorking ?? false;
    } catch (error) {
      return isAnswer(error);
    }
  }

  /** The server would wait for the rest of a statement, with all locks held. */
  private async giveUp(silent: Client): Promise<void> {
    // Where it can't be reached, it has to notice by itself.
    await this.ask(silent, END, [[...this.clients].map(pidOf)]).catch(() => undefined);
    const error = new Error('A connection went silent while the schema was brought up to date. Start again.');
    for (const client of this.clients) streamOf(client).destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  }

  /** Asks the host of a connection. */
  private async ask<Row extends object>({ host, port }: Client, text: string, values: unknown[]): Promise<Row[]> {
    const limits = { connectionTimeoutMillis: LOOK_MS, query_timeout: LOOK_MS };
    const client = Object.assign(new Client({ connectionString: this.url, ...limits }), { host, port });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<Row>(text, values)).rows;
    } finally {
      void client.end();
    }
  }
}

/** What node-postgres knows of a connection and its types don't. */
interface ClientInternals {
  processID: number;
  readyForQuery: boolean;
  _ending: boolean;
}

function pidOf(client: Client): number {
  return (client as unknown as ClientInternals).processID;
}

/** For an answer, or for the server to close it. */
function isWaiting(client: Client): boolean {
  const { readyForQuery, _ending: isEnding } = client as unknown as ClientInternals;
  return !readyForQuery || isEnding;
}

/** Errors of the server have a code of five characters (SQLSTATE). */
function isAnswer(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error));
}
