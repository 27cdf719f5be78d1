import { addSeconds } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import { oldestFirst, startOf } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import type { RecordedEvent } from '../record-feed/recorded-events.js';
import type { RecordFeedService } from '../record-feed/record-feed.service.js';
import { later } from './lane.js';

/** Events that are read at once. */
const PAGE = 1000;
/** Events may have an instant that lies ahead by so many seconds, from the clock of another instance. */
const AHEAD_SECONDS = 60;
/** A quick look goes back by so many seconds from the newest event, a thorough one to the first that is not settled. */
const QUICK_SECONDS = 1;
/** Milliseconds between two looks, for so long after an event, and later; and between two thorough looks. */
const BUSY_LOOK_MS = 100;
const BUSY_MS = 30_000;
const IDLE_LOOK_MS = 500;
const THOROUGH_MS = 2_000;

/** Whose record is read, and how. */
interface TailSource {
  feed: RecordFeedService;
  clock: Clock;
  organizationId: string;
  /** What goes wrong in the background. */
  onError: (error: unknown) => void;
}

/** Whoever gets the events of an organization as soon as they are there. */
export interface Follower {
  take: (event: RecordedEvent) => void;
}

/**
 * The end of an organization's record: the events that are not settled. All endpoints of the organization that have
 * caught up follow it, so that the record is read once for them.
 */
export class OrganizationTail {
  /** Up to here the record is complete, and all events were given to the followers. */
  floor: Position;
  private readonly known = new Map<string, RecordedEvent>();
  private readonly followers = new Set<Follower>();
  private newest: Date;
  private looking: Promise<void> | null = null;
  private lookedAt = -Infinity;
  private thoroughAt = -Infinity;
  private foundAt = -Infinity;

  /** `settled` is an instant until which the record is complete. */
  constructor(
    private readonly source: TailSource,
    settled: Date,
  ) {
    this.floor = startOf(settled);
    this.newest = settled;
  }

  /** Gives the follower all events after the floor, now and as they come. */
  follow(follower: Follower): void {
    this.followers.add(follower);
    for (const event of this.known.values()) follower.take(event);
  }

  leave(follower: Follower): void {
    this.followers.delete(follower);
  }

  /** Looks for events if it is time to. `settled` was asked before. It is called several times a second. */
  tick(settled: Date): void {
    const now = performance.now();
    const isBusy = now - this.foundAt < BUSY_MS;
    if (this.looking || now - this.lookedAt < (isBusy ? BUSY_LOOK_MS : IDLE_LOOK_MS)) return;
    const isThorough = !isBusy || now - this.thoroughAt >= THOROUGH_MS;
    this.lookedAt = now;
    if (isThorough) this.thoroughAt = now;
    this.looking = (isThorough ? this.lookThoroughly(settled) : this.look()).catch(this.source.onError).finally(() => {
      this.looking = null;
    });
  }

  /** Looks for events that have come since the last look. Those that were committed late are found by `lookThoroughly`. */
  private async look(): Promise<void> {
    const from = startOf(addSeconds(this.newest, -QUICK_SECONDS));
    await this.read(later(from, this.floor));
  }

  /** Looks at all that was not settled. */
  private async lookThoroughly(settled: Date): Promise<void> {
    await this.read(this.floor);
    const floor = later(startOf(settled), this.floor);
    if (floor === this.floor) return;
    this.floor = floor;
    for (const [id, event] of this.known) if (oldestFirst(event, floor) <= 0) this.known.delete(id);
  }

  private async read(from: Position): Promise<void> {
    const { feed, clock, organizationId } = this.source;
    const before = addSeconds(clock.now(), AHEAD_SECONDS);
    let after = from;
    for (;;) {
      const page = await feed.read({ organizationId, after, before, limit: PAGE });
      for (const event of page) this.give(event);
      if (page.length < PAGE) return;
      after = page.at(-1)!;
    }
  }

  private give(event: RecordedEvent): void {
    if (this.known.has(event.event.id)) return;
    this.known.set(event.event.id, event);
    this.foundAt = performance.now();
    if (event.at > this.newest) this.newest = event.at;
    for (const follower of this.followers) follower.take(event);
  }
}
