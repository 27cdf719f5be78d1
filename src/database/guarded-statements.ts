import * as pg from 'pg';
import type { ClientBase } from 'pg';
import { streamOf } from './postgres-pool.js';
import { codeOf, notYet, READ_ONLY_STATE } from './unavailable.js';

/** Statements that neither read nor write data, and that may have to be the first of a transaction. */
const CONTROL = /^\s*(START|BEGIN|SET|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b/i;
/** Part of the error of a statement whose server has another history. */
const OTHER = 'another history';
/** PostgreSQL's code on a standby for a question about the write-ahead log. */
const STANDBY_STATE = '55000';

interface Guard {
  question: string;
  known: string;
}
type Given = string | { text: string; query_timeout?: number };
type Callback = (error: Error | null, result?: unknown) => void;

/** What node-postgres has and its types don't. */
interface Connection {
  parse(message: { text: string; name: string }): void;
  bind(message: object): void;
  execute(message: object): void;
}
interface Internals {
  text: string;
  query_timeout?: number;
  requiresPreparation(): boolean;
  prepare(connection: Connection): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
  handleError(error: Error, connection: Connection): void;
}
const Query = pg.Query as unknown as new (given: Given, values: unknown, callback: Callback) => Internals;

/** A statement before which the server checks its history, in the same round trip and the same transaction. */
class GuardedQuery extends Query {
  private isAdmitted = false;

  constructor(
    private readonly guard: Guard,
    private readonly client: ClientBase,
    given: Given,
    values: unknown,
    callback: Callback,
  ) {
    super(given, values, callback);
    if (typeof given !== 'string') this.query_timeout = given.query_timeout;
  }

  override requiresPreparation(): boolean {
    return true;
  }

  override prepare(connection: Connection): void {
    const { question, known } = this.guard;
    // A plain statement can only make an error by a cast that fails. Otherwise it has no row.
    const check = `SELECT FROM (${question}) f WHERE CASE WHEN f."isRecorded" AND f."history" = '${known}'
      THEN false ELSE ('${OTHER}: ' || f."history")::int = 0 END`;
    connection.parse({ text: check, name: '' });
    connection.bind({});
    connection.execute({});
    super.prepare(connection);
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.isAdmitted) super.handleCommandComplete(message, connection);
    this.isAdmitted = true;
  }

  override handleError(error: Error, connection: Connection): void {
    const fault = this.isAdmitted ? undefined : faultOf(error);
    super.handleError(fault ?? error, connection);
    // The next statement gets a connection that was admitted.
    if (fault) streamOf(this.client).destroy();
  }
}

/** Why the check has failed, if it was for that. */
function faultOf(error: Error): Error | undefined {
  if (error.message.includes(OTHER)) return notYet(error);
  if (codeOf(error) === STANDBY_STATE) return Object.assign(error, { code: READ_ONLY_STATE });
  return undefined;
}

/** Makes every statement of a connection fail on a server that has another history than the known one. */
export function guardStatements(client: ClientBase, findGuard: () => Guard | undefined): void {
  const send = client.query.bind(client) as (...given: unknown[]) => unknown;
  const query = (given: Given, values?: unknown, callback?: Callback): unknown => {
    if (typeof values === 'function') return query(given, undefined, values as Callback);
    const guard = findGuard();
    if (!guard || CONTROL.test(typeof given === 'string' ? given : given.text)) return send(given, values, callback);
    if (callback) return send(new GuardedQuery(guard, client, given, values, callback));
    return new Promise((resolve, reject) => {
      send(
        new GuardedQuery(guard, client, given, values, (error, result) => (error ? reject(error) : resolve(result))),
      );
    });
  };
  client.query = query as typeof client.query;
}
