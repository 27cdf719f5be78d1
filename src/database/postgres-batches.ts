import { AsyncLocalStorage } from 'node:async_hooks';
import { currentDeadline, untilDeadline, withoutDeadline } from '../common/deadline.js';
import type { Deadline } from '../common/deadline.js';
import { fromBytes } from '../common/login-id.js';
import type { BatchForm, Parameter } from './statement.js';

/** Calls in one batch. More would gain little, and all of them run again if one of them fails. */
const MAX_CALLS = 64;
/** Batches of one statement that run at the same time: while one is flushed to the disk, the next can be prepared. */
const MAX_BATCHES = 2;
/** Milliseconds after which a batch that still runs holds up no others. Most take a few. */
const SLOW_MS = 20;

interface Call {
  parameters: Parameter[];
  deadline: Deadline | undefined;
  resolve: (rows: unknown[]) => void;
  reject: (error: unknown) => void;
  /** Runs the statement for this call only, with the deadline of its request. */
  runAlone: () => Promise<unknown[]>;
}

/** Runs the statement of a batch with an array for each parameter. */
type RunBatch = (arrays: unknown[][]) => Promise<(object & { call: string })[]>;

/**
 * The calls of one statement. All calls of one turn of the event loop go together, in one statement and one commit; so
 * do those that come while others run. A call without company runs by itself.
 */
export class PostgresBatches {
  /** Calls by the ID of their row. A statement can't insert a row twice, so no batch has two calls with one ID. */
  private readonly waiting = new Map<string, Call>();
  private running = 0;

  constructor(
    private readonly form: BatchForm,
    private readonly runBatch: RunBatch,
  ) {}

  /**
   * Runs a call, and returns its rows. It is left to `runAlone` if the call is the only one, if one with its ID waits
   * already, or if its batch fails: whatever was wrong may have been about another call.
   */
  run(parameters: Parameter[], runAlone: () => Promise<unknown[]>): Promise<unknown[]> {
    const id = fromBytes(parameters[this.form.id] as Buffer);
    if (this.waiting.has(id)) return runAlone();
    const answer = new Promise<unknown[]>((resolve, reject) => {
      const deadline = currentDeadline();
      this.waiting.set(id, { parameters, deadline, resolve, reject, runAlone: AsyncLocalStorage.bind(runAlone) });
    });
    if (this.waiting.size === 1) setImmediate(() => this.startWaiting());
    return untilDeadline(answer);
  }

  private startWaiting(): void {
    while (this.running < MAX_BATCHES && this.waiting.size > 0) this.start(this.takeBatch());
  }

  /** Removes up to `MAX_CALLS` from the waiting. Calls whose request was answered as late are left out. */
  private takeBatch(): Map<string, Call> {
    const batch = new Map<string, Call>();
    for (const [id, call] of this.waiting) {
      this.waiting.delete(id);
      if (call.deadline && call.deadline.leftMs <= 0) continue;
      if (batch.set(id, call).size === MAX_CALLS) break;
    }
    return batch;
  }

  private start(batch: Map<string, Call>): void {
    if (batch.size === 0) return;
    const end = this.begin();
    if (batch.size === 1) {
      for (const { runAlone, resolve, reject } of batch.values()) runAlone().finally(end).then(resolve, reject);
      return;
    }
    const answers = this.ask(batch).finally(end);
    for (const [id, { runAlone, resolve, reject }] of batch)
      answers.then((rows) => rows.get(id) ?? [], runAlone).then(resolve, reject);
  }

  /** Counts a batch as running until the returned function is called, or until it has run for `SLOW_MS`. */
  private begin(): () => void {
    let isRunning = true;
    const end = (): void => {
      if (!isRunning) return;
      isRunning = false;
      clearTimeout(timer);
      this.running--;
      this.startWaiting();
    };
    const timer = setTimeout(end, SLOW_MS);
    this.running++;
    return end;
  }

  /** The rows of each call by its ID. The batch has no deadline: each call waits for it until its own. */
  private async ask(batch: Map<string, Call>): Promise<Map<string, unknown[]>> {
    const calls = [...batch.values()];
    const arrays = this.form.isUuid.map((isUuid, index) =>
      calls.map(({ parameters }) => (isUuid ? fromBytes(parameters[index] as Buffer) : parameters[index])),
    );
    const rows = await withoutDeadline(() => this.runBatch(arrays));
    return new Map(rows.map(({ call, ...row }) => [call, [row]]));
  }
}
