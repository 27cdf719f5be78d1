import { oldestFirst, startOf } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import type { RecordedEvent } from '../record-feed/recorded-events.js';

/**
 * The events on their way to an endpoint, and how far they are delivered. An event may come late, at an earlier place
 * than those before it, and any number of times; it is sent once.
 */
export class Lane {
  /** What was taken and is not delivered, by ID: what waits, and what is under way. */
  private readonly open = new Map<string, RecordedEvent>();
  /** What is delivered and lies after the cursor. */
  private readonly done = new Map<string, RecordedEvent>();
  private waiting: RecordedEvent[] = [];

  /** `cursor` is the place up to which everything is delivered. `reach` is the one up to which everything was taken. */
  constructor(
    public cursor: Position,
    public reach = cursor,
  ) {}

  get waitingCount(): number {
    return this.waiting.length;
  }

  get isEmpty(): boolean {
    return this.open.size === 0;
  }

  /** Takes an event to send, unless it lies before the cursor or is known. */
  take(event: RecordedEvent): void {
    const { id } = event.event;
    if (oldestFirst(event, this.cursor) <= 0 || this.open.has(id) || this.done.has(id)) return;
    this.open.set(id, event);
    this.waiting.push(event);
  }

  /** The next event to send. It is under way until `settle` or `fail` is called. */
  next(): RecordedEvent | undefined {
    return this.waiting.shift();
  }

  settle(event: RecordedEvent): void {
    this.open.delete(event.event.id);
    this.done.set(event.event.id, event);
  }

  fail(event: RecordedEvent): void {
    this.open.delete(event.event.id);
  }

  /** Forgets what waits. It is taken again from the cursor on. */
  drop(): void {
    this.advance();
    for (const { event } of this.waiting) this.open.delete(event.id);
    this.waiting = [];
    this.reach = this.cursor;
  }

  /** Moves the cursor as far as everything is delivered. */
  advance(): void {
    const oldest = this.oldest();
    const before = oldest && startOf(oldest.at);
    const to = before && oldestFirst(before, this.reach) < 0 ? before : this.reach;
    if (oldestFirst(to, this.cursor) <= 0) return;
    this.cursor = to;
    for (const [id, event] of this.done) if (oldestFirst(event, to) <= 0) this.done.delete(id);
  }

  /** The oldest event that was taken and is not delivered. */
  oldest(): RecordedEvent | undefined {
    let oldest: RecordedEvent | undefined;
    for (const event of this.open.values()) if (!oldest || oldestFirst(event, oldest) < 0) oldest = event;
    return oldest;
  }
}

export function later(a: Position, b: Position): Position {
  return oldestFirst(a, b) < 0 ? b : a;
}
