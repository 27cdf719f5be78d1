import { addSeconds } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { GuardedConnections } from '../common/guarded-connections.js';
import { oldestFirst, startOf } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import type { RecordedEvent } from '../record-feed/recorded-events.js';
import type { RecordFeedService } from '../record-feed/record-feed.service.js';
import type { WebhookEndpoint } from '../schema/entities/webhook-endpoint.entity.js';
import type { WebhookKey } from '../schema/entities/webhook-key.entity.js';
import { webhookDeliveries, webhookDelay } from '../telemetry/metrics.js';
import type { DeliveryStore, Progress } from './delivery-store.js';
import { Lane, later } from './lane.js';
import type { Follower, OrganizationTail } from './organization-tail.js';
import { hasFailedForLong, pauseSeconds, readRetryAfter } from './retry-schedule.js';
import type { WebhookConnectionsService } from './webhook-connections.service.js';
import { messageOf } from './webhook-message.js';
import { sendMessage } from './webhook-sender.js';
import type { SendOutcome, SigningWebhookKey } from './webhook-sender.js';

/** Requests that are under way to one endpoint at once: at the start, and at most. After a failure, one. */
const FIRST_WINDOW = 4;
const MAX_WINDOW = 32;
/** Events that are read at once by an endpoint that has to catch up, and how few may wait before it reads more. */
const PAGE = 500;
const FEW = 100;
/** Events that may wait in memory. With more, the endpoint is so slow that it has to catch up. */
const MAX_WAITING = 5_000;
/** Milliseconds between two records of the progress, with new deliveries and without. */
const RECORD_MS = 1_000;
const IDLE_RECORD_MS = 60_000;
/** How much more may be under way while a part of the record is sent again. */
const REPLAY_ROOM = 1.25;
const GONE = 410;

/** What an endpoint's delivery works with. */
export interface DeliveryTools {
  feed: RecordFeedService;
  store: DeliveryStore;
  connections: WebhookConnectionsService;
  clock: Clock;
  /** The end of the endpoint's record. */
  tail: OrganizationTail;
  /** What goes wrong in the background. */
  onError: (error: unknown) => void;
}

/** A part of the record that is sent again. */
interface Replay {
  lane: Lane;
  until: Date;
}

/**
 * Sends the events of an organization to one of its endpoints, in the order of the record, a few at once. An endpoint
 * that has to catch up reads settled events by itself; then it follows the end of the record together with the others.
 * If it fails, all its events wait.
 */
export class EndpointDelivery implements Follower {
  private readonly live: Lane;
  private replay: Replay | null;
  private connections: GuardedConnections;
  private keys: SigningWebhookKey[];
  private names: Set<string> | null;
  private readonly sending = new Set<Promise<void>>();
  private reading: Promise<void> | null = null;
  private recording: Promise<void> | null = null;
  private isFollowing = false;
  private isStopped = false;
  private isChanged = false;
  private window = FIRST_WINDOW;
  private recordedAt = 0;
  private failures: number;
  private failingSince: Date | null;
  private pausedUntil: Date | null;
  private lastError: string | null;
  private lastSuccessAt: Date | null;

  constructor(
    private endpoint: WebhookEndpoint,
    keys: WebhookKey[],
    private readonly tools: DeliveryTools,
  ) {
    const { cursorAt, cursorRank, cursorId } = endpoint;
    this.live = new Lane({ at: cursorAt, rank: cursorRank, id: cursorId });
    this.connections = tools.connections.open(endpoint.url, MAX_WINDOW);
    this.keys = tools.connections.signersOf(keys);
    this.names = endpoint.events.length > 0 ? new Set(endpoint.events) : null;
    this.replay = replayOf(endpoint);
    ({ failures: this.failures, failingSince: this.failingSince, nextAt: this.pausedUntil } = endpoint);
    ({ lastError: this.lastError, lastSuccessAt: this.lastSuccessAt } = endpoint);
    if (this.failures > 0) this.window = 1;
  }

  get version(): number {
    return this.endpoint.version;
  }

  get organizationId(): string {
    return this.endpoint.organizationId;
  }

  /** Goes on with what an administrator has changed. */
  change(endpoint: WebhookEndpoint, keys: WebhookKey[]): void {
    const before = this.endpoint;
    this.endpoint = endpoint;
    this.keys = this.tools.connections.signersOf(keys);
    this.names = endpoint.events.length > 0 ? new Set(endpoint.events) : null;
    ({ failures: this.failures, failingSince: this.failingSince, nextAt: this.pausedUntil } = endpoint);
    const replay = replayOf(endpoint);
    const isSame = endpoint.replayUntil?.getTime() === before.replayUntil?.getTime();
    if (!isSame || !this.replay) this.replay = replay;
    // What was recorded meanwhile of the row before was not kept.
    this.isChanged = true;
    if (endpoint.url === before.url) return;
    this.connections.close();
    this.connections = this.tools.connections.open(endpoint.url, MAX_WINDOW);
  }

  /** Seconds for which the oldest event waits that is not delivered; 0 if there is none. */
  lagSeconds(now: Date): number {
    const since = this.live.oldest()?.at ?? (this.isFollowing ? now : this.live.cursor.at);
    return Math.max(now.getTime() - since.getTime(), 0) / 1000;
  }

  take(event: RecordedEvent): void {
    if (this.names && !this.names.has(event.event.event)) return;
    this.live.take(event);
    this.send();
  }

  /** Does what is due. It is called several times a second. */
  tick(): void {
    if (this.isStopped) return;
    const now = this.tools.clock.now();
    if (this.pausedUntil && this.pausedUntil > now) return;
    this.pausedUntil = null;
    if (this.isFollowing) this.live.reach = this.tools.tail.floor;
    if (this.live.waitingCount > MAX_WAITING) this.fallBehind();
    this.reading ??= this.read()
      .catch(this.tools.onError)
      .finally(() => {
        this.reading = null;
      });
    this.send();
    this.recordSometimes();
  }

  /** Ends, and records how far it has come. Requests have `graceMs` to be answered. */
  async stop(graceMs: number): Promise<void> {
    this.isStopped = true;
    this.tools.tail.leave(this);
    const timer = setTimeout(() => this.connections.close(), graceMs);
    await Promise.all(this.sending);
    clearTimeout(timer);
    this.connections.close();
    await this.reading;
    await this.recording;
    await this.record();
  }

  /** Ends at once, because the endpoint is no longer this instance's. */
  abandon(): void {
    this.isStopped = true;
    this.tools.tail.leave(this);
    this.connections.close();
  }

  private fallBehind(): void {
    this.tools.tail.leave(this);
    this.isFollowing = false;
    this.live.drop();
  }

  private async read(): Promise<void> {
    if (this.replay) await this.readReplay(this.replay);
    if (!this.isFollowing) await this.catchUp();
  }

  /** Takes settled events, and follows the end of the record as soon as it is reached. */
  private async catchUp(): Promise<void> {
    const { tail } = this.tools;
    while (this.isReady && this.live.waitingCount < FEW) {
      const floor = tail.floor;
      const isEnd = await this.readPage(this.live, floor, (event) => this.take(event));
      if (!this.isReady) return;
      if (!isEnd) continue;
      this.live.reach = later(this.live.reach, floor);
      if (tail.floor !== floor) continue;
      this.isFollowing = true;
      tail.follow(this);
      return;
    }
  }

  private async readReplay({ lane, until }: Replay): Promise<void> {
    const { floor } = this.tools.tail;
    const end = startOf(until);
    const to = oldestFirst(end, floor) < 0 ? end : floor;
    if (lane.waitingCount >= FEW || !this.isReady) return;
    const isEnd = await this.readPage(lane, to, (event) => {
      if (!this.names || this.names.has(event.event.event)) lane.take(event);
    });
    if (isEnd && this.isReady) lane.reach = later(lane.reach, to);
    this.send();
  }

  /** Reads on up to a place. @returns whether it is reached */
  private async readPage(lane: Lane, to: Position, take: (event: RecordedEvent) => void): Promise<boolean> {
    const { organizationId } = this.endpoint;
    const after = lane.reach;
    const before = new Date(to.at.getTime() + 1);
    if (oldestFirst(after, to) >= 0) return true;
    const page = await this.tools.feed.read({ organizationId, after, before, limit: PAGE });
    // Meanwhile it may have failed, and then it reads again from the cursor.
    if (lane.reach !== after || !this.isReady) return false;
    for (const event of page) take(event);
    if (page.length > 0) lane.reach = page.at(-1)!;
    return page.length < PAGE;
  }

  private get isReady(): boolean {
    return !this.isStopped && this.pausedUntil === null;
  }

  /** Sends as much as there is room for. New events go first, and a replay has a part of the room. */
  private send(): void {
    while (this.isReady && this.sending.size < this.window) {
      const event = this.live.next();
      if (!event) break;
      this.start(this.live, event);
    }
    const most = this.window === 1 ? 1 : this.window * REPLAY_ROOM;
    while (this.replay && this.isReady && this.sending.size < most) {
      const event = this.replay.lane.next();
      if (!event) break;
      this.start(this.replay.lane, event);
    }
  }

  private start(lane: Lane, event: RecordedEvent): void {
    const attempt = this.attempt(lane, event)
      .catch(this.tools.onError)
      .finally(() => {
        this.sending.delete(attempt);
        this.send();
      });
    this.sending.add(attempt);
  }

  private async attempt(lane: Lane, event: RecordedEvent): Promise<void> {
    const outcome = await sendMessage(messageOf(event), this.keys, this.connections, this.tools.clock);
    webhookDeliveries[outcome.delivered ? 'delivered' : outcome.status ? 'refused' : 'unanswered'].inc();
    if (outcome.delivered) this.succeed(lane, event);
    else await this.fail(lane, event, outcome);
  }

  private succeed(lane: Lane, event: RecordedEvent): void {
    const now = this.tools.clock.now();
    lane.settle(event);
    if (lane === this.live) webhookDelay.observe(Math.max(now.getTime() - event.at.getTime(), 0) / 1000);
    this.lastSuccessAt = now;
    this.isChanged = true;
    if (this.pausedUntil) return;
    this.failures = 0;
    this.failingSince = null;
    this.window = Math.min(this.window * 2, MAX_WINDOW);
  }

  private async fail(lane: Lane, event: RecordedEvent, { status, retryAfter, error }: SendOutcome): Promise<void> {
    const isFirst = this.isReady;
    if (isFirst) this.pause(readRetryAfter(retryAfter, this.tools.clock.now()), error!);
    lane.fail(event);
    if (!isFirst) return;
    const { id, organizationId } = this.endpoint;
    await this.recording;
    await this.record();
    if (status === GONE) await this.tools.store.disable(id, organizationId, 'GONE');
    else if (hasFailedForLong(this.failingSince!, this.tools.clock.now()))
      await this.tools.store.disable(id, organizationId, 'FAILING');
  }

  /** All events of the endpoint wait: what one of them met, the others would meet too. */
  private pause(askedSeconds: number | null, error: string): void {
    const now = this.tools.clock.now();
    this.failures++;
    this.failingSince ??= now;
    this.pausedUntil = addSeconds(now, pauseSeconds(this.failures, askedSeconds));
    this.lastError = error.slice(0, 255);
    this.window = 1;
    this.fallBehind();
    this.replay?.lane.drop();
  }

  private recordSometimes(): void {
    const since = performance.now() - this.recordedAt;
    if (this.recording || since < (this.isChanged ? RECORD_MS : IDLE_RECORD_MS)) return;
    this.recording = this.record()
      .catch(this.tools.onError)
      .finally(() => {
        this.recording = null;
      });
  }

  private async record(): Promise<void> {
    this.recordedAt = performance.now();
    this.isChanged = false;
    this.live.advance();
    await this.tools.store.record(this.endpoint.id, this.endpoint.version, this.progress());
  }

  private progress(): Progress {
    const replay = this.advanceReplay();
    const { failures, failingSince, pausedUntil, lastError, lastSuccessAt } = this;
    return { cursor: this.live.cursor, replay, failures, failingSince, nextAt: pausedUntil, lastError, lastSuccessAt };
  }

  /** How far the replay has come; `null` if there is none, or if it is over. */
  private advanceReplay(): Progress['replay'] {
    if (!this.replay) return null;
    const { lane, until } = this.replay;
    lane.advance();
    if (lane.isEmpty && oldestFirst(lane.reach, startOf(until)) >= 0) this.replay = null;
    return this.replay && { position: lane.cursor, until };
  }
}

/** The replay in the endpoint's row, which goes on from where it was recorded. */
function replayOf({ replayAt, replayRank, replayId, replayUntil }: WebhookEndpoint): Replay | null {
  if (replayAt === null || replayUntil === null) return null;
  return { lane: new Lane({ at: replayAt, rank: replayRank!, id: replayId! }), until: replayUntil };
}
