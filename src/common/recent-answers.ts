import type { Clock } from './clock.js';
import { untilDeadline, withoutDeadline } from './deadline.js';

interface Remembered<T> {
  answer: T;
  /** When this answer is used for the last time, in milliseconds. A slow answer is too old when it comes. */
  usedUntil: number;
  /** When the question was asked, in milliseconds; `-Infinity` if the answer must not be used any more. */
  askedAt: number;
}

type Ask<T> = (before: T | undefined, usedUntil: number | undefined) => Promise<T | null>;

interface Question<T> {
  answer: Promise<T | null>;
  /** When the question was asked, in milliseconds. */
  askedAt: number;
  isVoid: boolean;
}

/**
 * A cache of at most `size` answers, each used for `lifetimeMs`. Concurrent calls for one key share one question,
 * unless its answer would be too old for them. `forget` removes an answer that is known here to be out of date. A
 * change elsewhere needs no notification: the answer expires soon enough.
 */
export class RecentAnswers<T> {
  private readonly remembered = new Map<string, Remembered<T>>();
  private readonly asking = new Map<string, Question<T>>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: { size: number; lifetimeMs: number },
  ) {}

  /** The answer for `key`, or `undefined` if there is none or it is too old. */
  getCached(key: string): T | undefined {
    const known = this.remembered.get(key);
    return known && this.isFresh(known) ? known.answer : undefined;
  }

  /**
   * The answer for `key`, from the cache or else from `ask`. `ask` receives the previous answer, which may be out of
   * date, and until when it was used, in milliseconds. `null` is not cached, so that unknown keys do not push known
   * ones out. If `ask` fails, the previous answer is not used again.
   */
  get(key: string, ask: Ask<T>): Promise<T | null> {
    const cached = this.getCached(key);
    if (cached !== undefined) return Promise.resolve(cached);
    const question = this.asking.get(key);
    if (question && this.isFresh(question)) return untilDeadline(question.answer);
    if (question) question.isVoid = true;
    return untilDeadline(this.startQuestion(key, ask));
  }

  /**
   * Removes the answer for `key`. An answer that is still being fetched is not cached either, because it may be out of
   * date.
   */
  forget(key: string): void {
    this.remembered.delete(key);
    const question = this.asking.get(key);
    if (question) question.isVoid = true;
    this.asking.delete(key);
  }

  private startQuestion(key: string, ask: Ask<T>): Promise<T | null> {
    const question = { askedAt: this.clock.now().getTime(), isVoid: false } as Question<T>;
    this.asking.set(key, question);
    question.answer = withoutDeadline(() => this.ask(key, question, ask));
    return question.answer;
  }

  private async ask(key: string, question: Question<T>, ask: Ask<T>): Promise<T | null> {
    const known = this.remembered.get(key);
    if (known) known.askedAt = -Infinity;
    try {
      const answer = await ask(known?.answer, known?.usedUntil);
      if (!question.isVoid) this.remember(key, answer, question.askedAt);
      return answer;
    } finally {
      if (!question.isVoid) this.asking.delete(key);
    }
  }

  private remember(key: string, answer: T | null, askedAt: number): void {
    // Deleting the entry first moves it to the end of the map: the oldest answers are evicted first.
    this.remembered.delete(key);
    if (answer === null) return;
    if (this.remembered.size >= this.limits.size) this.remembered.delete(this.remembered.keys().next().value!);
    const usedUntil = Math.max(askedAt + this.limits.lifetimeMs, this.clock.now().getTime());
    this.remembered.set(key, { answer, askedAt, usedUntil });
  }

  /** After the clock was set back, an answer from the future does not count as fresh. */
  private isFresh({ askedAt }: Pick<Remembered<T>, 'askedAt'>): boolean {
    const age = this.clock.now().getTime() - askedAt;
    return age >= 0 && age <= this.limits.lifetimeMs;
  }
}

/**
 * How long an answer from the database about a right is used, in milliseconds. A right that is taken away is gone on
 * every instance within two seconds, without any notification. The remaining half second is for the query itself.
 */
export const CACHE_MS = 1_500;
