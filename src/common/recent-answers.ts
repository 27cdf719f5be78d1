import type { Clock } from './clock.js';

interface Remembered<T> {
  answer: T;
  /** When it was asked for, in milliseconds; `-Infinity` once it is believed no more. */
  askedAt: number;
}

interface Question<T> {
  answer: Promise<T | null>;
  /** In milliseconds. */
  askedAt: number;
  isVoid: boolean;
}

/**
 * Answers that were asked for a moment ago: at most `size` of them, each believed for `lifetimeMs`. Calls for one key
 * that come while it is asked wait for the same answer, unless that would be too old for them. What is known here to be
 * wrong is forgotten by `forget`; what changes elsewhere is noticed when the answer is too old, so that nobody has to tell.
 */
export class RecentAnswers<T> {
  private readonly remembered = new Map<string, Remembered<T>>();
  private readonly asking = new Map<string, Question<T>>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: { size: number; lifetimeMs: number },
  ) {}

  /** The answer for `key`, if it is young enough to be believed. */
  recall(key: string): T | undefined {
    const known = this.remembered.get(key);
    return known && this.isFresh(known) ? known.answer : undefined;
  }

  /**
   * The same, or what `ask` says now. It is given what was remembered before, which may be out of date. `null` is not
   * remembered, so that what nobody knows takes no place from what is known; a question that fails leaves nothing
   * that is believed.
   */
  get(key: string, ask: (before: T | undefined) => Promise<T | null>): Promise<T | null> {
    const recalled = this.recall(key);
    if (recalled !== undefined) return Promise.resolve(recalled);
    const question = this.asking.get(key);
    if (question && this.isFresh(question)) return question.answer;
    if (question) question.isVoid = true;
    return this.startQuestion(key, ask);
  }

  /** Forgets the answer for `key`, also the one that is on its way: it was asked for before what made it wrong. */
  forget(key: string): void {
    this.remembered.delete(key);
    const question = this.asking.get(key);
    if (question) question.isVoid = true;
    this.asking.delete(key);
  }

  private startQuestion(key: string, ask: (before: T | undefined) => Promise<T | null>): Promise<T | null> {
    const question = { askedAt: this.clock.now().getTime(), isVoid: false } as Question<T>;
    this.asking.set(key, question);
    question.answer = this.ask(key, question, ask);
    return question.answer;
  }

  private async ask(
    key: string,
    question: Question<T>,
    ask: (before: T | undefined) => Promise<T | null>,
  ): Promise<T | null> {
    const known = this.remembered.get(key);
    if (known) known.askedAt = -Infinity;
    try {
      const answer = await ask(known?.answer);
      if (!question.isVoid) this.remember(key, answer, question.askedAt);
      return answer;
    } finally {
      if (!question.isVoid) this.asking.delete(key);
    }
  }

  private remember(key: string, answer: T | null, askedAt: number): void {
    // What was asked for last is the last to make room.
    this.remembered.delete(key);
    if (answer === null) return;
    if (this.remembered.size >= this.limits.size) this.remembered.delete(this.remembered.keys().next().value!);
    this.remembered.set(key, { answer, askedAt });
  }

  /** A clock that was set back makes no answer younger. */
  private isFresh({ askedAt }: Pick<Remembered<T>, 'askedAt'>): boolean {
    const age = this.clock.now().getTime() - askedAt;
    return age >= 0 && age <= this.limits.lifetimeMs;
  }
}

/**
 * Milliseconds for which the answer of the database about what may be taken away is believed. That it was taken
 * away reaches every instance within two seconds, whether anybody tells it or not; the rest is for the question itself.
 */
export const BELIEVED_MS = 1_500;
