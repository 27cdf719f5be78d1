import type { Socket } from 'node:net';
import type { ClientBase } from 'pg';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';

/** Milliseconds after which PostgreSQL gives up a lock, a statement, and a transaction whose client says nothing more. */
const LOCK_MS = 3_500;
const STATEMENT_MS = 4_000;
const IDLE_IN_TRANSACTION_MS = 5_000;
/** Milliseconds after which a connection that nobody uses leaves the pool. */
const IDLE_MS = 4_000;
/**
 * Milliseconds after which a connection on which nothing comes and goes is taken for dead. It is longer than what
 * PostgreSQL gives a statement, and what an unused connection stays: what is silent for so long will never answer.
 */
const SILENCE_MS = 4_500;

/**
 * The options with an end for everything, on the side of the server and, since a connection can die without a word (a
 * failover, a firewall), on ours.
 */
export function limited(options: PostgresDataSourceOptions): PostgresDataSourceOptions {
  return {
    ...options,
    extra: {
      ...(options.extra as object),
      lock_timeout: LOCK_MS,
      statement_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      idleTimeoutMillis: IDLE_MS,
      onConnect: endWhenSilent,
    },
  };
}

function endWhenSilent(client: ClientBase): void {
  const stream = streamOf(client);
  const silent = Object.assign(new Error('The database does not answer.'), { code: 'ETIMEDOUT' });
  // All statements that wait on it fail at once, a ROLLBACK too, and the pool takes no such connection back.
  stream.setTimeout(SILENCE_MS, () => stream.destroy(silent));
}

/** The socket of a connection: the only way to end one whose peer says nothing. */
export function streamOf(client: ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
