import type { ClientBase } from 'pg';
import { withoutDeadline } from '../common/deadline.js';
import { guardStatements } from './guarded-statements.js';
import { notYet } from './unavailable.js';

/** Milliseconds for an answer of the server. */
const ASK_MS = 2_000;

/** The history of a server, and whether the database says that it is the one that it has been on. */
export interface Found {
  history: string;
  isRecorded: boolean;
}

/** What the gate knows, and how it learns more. */
export interface Guard {
  /** SQL that finds the row of `Found`. */
  question: string;
  /** The history that this process has been on so far. */
  known: string;
  /** Resolves with the history of the server once everything there is as it must be. */
  recognize: () => Promise<string>;
}

/**
 * Lends connections to one history of the server only. After a failover the server may have lost what was committed
 * last: no connection to it is lent before that was dealt with.
 */
export class HistoryGate {
  private guard?: Guard;
  private recognizing?: Promise<void>;

  /** From now on, only connections are lent whose server has the known history. */
  close(guard: Guard): void {
    this.guard = guard;
  }

  /** For the pool, when it has opened a connection. All that are opened meanwhile wait together. */
  async admit(client: ClientBase): Promise<void> {
    if (!this.guard || (await isKnown(client, this.guard))) return;
    this.recognizing ??= withoutDeadline(() => recognize(this.guard!)).finally(() => (this.recognizing = undefined));
    await this.recognizing;
    // The server that was recognized may be another one.
    if (!(await isKnown(client, this.guard))) throw notYet();
  }

  /** As `admit`, for a connection to PgBouncer, which may send each transaction to another server than the one before. */
  async admitShared(client: ClientBase): Promise<void> {
    await this.admit(client);
    guardStatements(client, () => this.guard);
  }
}

async function isKnown(client: ClientBase, { question, known }: Guard): Promise<boolean> {
  const { rows } = await client.query<Found>({ text: question, query_timeout: ASK_MS } as { text: string });
  return rows[0]!.isRecorded && rows[0]!.history === known;
}

async function recognize(guard: Guard): Promise<void> {
  try {
    guard.known = await guard.recognize();
  } catch (error) {
    throw notYet(error);
  }
}
