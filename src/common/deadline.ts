import { AsyncLocalStorage } from 'node:async_hooks';

/** Until when a request may wait for the database, by `performance.now()`. All that it asks shares this. */
export class Deadline {
  private constructor(private until: number) {}

  static in(ms: number): Deadline {
    return new Deadline(performance.now() + ms);
  }

  get leftMs(): number {
    return this.until - performance.now();
  }

  /** Gives back time that was not spent on the database. */
  extend(ms: number): void {
    this.until += ms;
  }

  /** Runs `work`, and all that it begins, with this deadline. */
  run<T>(work: () => T): T {
    return deadlines.run(this, work);
  }
}

const deadlines = new AsyncLocalStorage<Deadline | undefined>();

/** That of the request which is being answered. There is none on the command line, and none on SQLite. */
export function currentDeadline(): Deadline | undefined {
  return deadlines.getStore();
}

/** Runs work that others wait for too: the deadline of the request that happens to begin it is not theirs. */
export function withoutDeadline<T>(work: () => T): T {
  return deadlines.run(undefined, work);
}

/** Waits for shared work, but no longer than this request may. @throws the error of `lateError` */
export function untilDeadline<T>(work: Promise<T>): Promise<T> {
  const deadline = currentDeadline();
  if (!deadline) return work;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(lateError()), Math.max(deadline.leftMs, 0));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits for somebody else's server, which has a limit of its own: the database keeps the time that it had. */
export async function pauseDeadline<T>(work: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await work;
  } finally {
    currentDeadline()?.extend(performance.now() - startedAt);
  }
}

/** What a driver would say of a connection that does not answer. */
export function lateError(): Error {
  return Object.assign(new Error('The database did not answer in time.'), { code: 'ETIMEDOUT' });
}
