import type { Socket } from 'node:net';
import { callbackify } from 'node:util';
import { Pool } from 'pg';
import type { ClientBase, PoolClient, PoolConfig } from 'pg';
import { currentDeadline, lateError } from '../common/deadline.js';

/** The hosts that a connection may go to. */
interface Hosts {
  isKnown: boolean;
  find(): Promise<unknown>;
}

type Done = (error?: Error | boolean) => void;
type Callback = (error: Error | undefined, client: PoolClient | undefined, done: Done) => void;

/**
 * A pool that lends a connection to a request no longer than until the deadline of the request. A connection that is
 * still lent then is destroyed: all statements that wait on it fail at once, and the server rolls back what was begun.
 */
export class DeadlinePool extends Pool {
  constructor(options?: PoolConfig) {
    super(options);
    // TypeORM listens for errors a moment after it gets a connection. One that comes before then, with the answer to the
    // statement of whoever had the connection, would end the process. The next statement on it fails.
    this.on('connect', (client) => client.on('error', () => undefined));
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<PoolClient> | void {
    const { hosts } = this.options as unknown as { hosts: Hosts };
    if (!callback || hosts.isKnown) return this.lend(callback);
    // Whoever waited in the pool for a host would also wait for all those before.
    callbackify(() => hosts.find())((error) => {
      if (error) callback(error, undefined, () => undefined);
      else void this.lend(callback);
    });
  }

  /** Drops the connections that nobody uses. */
  dropIdle(): void {
    for (let count = this.idleCount; count > 0; count--) {
      super.connect((error, client) => {
        if (error || !client) return;
        client.release(true);
        // The pool would say goodbye and wait for the other side, which may be gone.
        streamOf(client).destroy();
      });
    }
  }

  private lend(callback?: Callback): Promise<PoolClient> | void {
    const deadline = currentDeadline();
    if (!deadline || !callback) return callback ? super.connect(callback) : super.connect();
    let lent: ClientBase | undefined;
    let isLate = false;
    const end = (): void => {
      isLate = true;
      if (lent) streamOf(lent).destroy(lateError());
      else callback(lateError(), undefined, () => undefined);
    };
    const { leftMs } = deadline;
    if (leftMs <= 0) {
      process.nextTick(end);
      return;
    }
    const timer = setTimeout(end, leftMs);
    super.connect((error, client, done) => {
      if (isLate) return client?.release();
      if (!client) {
        clearTimeout(timer);
        return callback(error, client, done);
      }
      lent = client;
      const { release } = client;
      client.release = (problem) => {
        clearTimeout(timer);
        release(problem);
      };
      // The pool calls back from whatever freed the connection.
      deadline.run(() => callback(undefined, client, client.release));
    });
  }
}

/** The socket of a connection: the only way to end one whose peer says nothing. */
export function streamOf(client: ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
