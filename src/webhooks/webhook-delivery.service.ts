import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { RecordFeedService } from '../record-feed/record-feed.service.js';
import { DeliveryStore } from './delivery-store.js';
import type { DueEndpoint } from './delivery-store.js';
import { EndpointDelivery } from './endpoint-delivery.js';
import { OrganizationTail } from './organization-tail.js';
import { WebhookConnectionsService } from './webhook-connections.service.js';

/** Milliseconds between two looks at what is due, at which endpoints there are, and between two renewals of the leases. */
const TICK_MS = 100;
const ATTEND_MS = 500;
const RENEW_MS = 5_000;
/** Milliseconds between two questions for the instant until which the record is complete. */
const SETTLE_MS = 1_000;
/** Milliseconds that requests have to be answered when the service stops. What is not answered is sent again. */
const GRACE_MS = 3_000;

/**
 * Sends events to the endpoints of organizations (docs/webhooks.md). Every instance does so, each to endpoints of its
 * own. What is not known to be delivered is sent, so a crash at any moment loses nothing.
 */
@Injectable()
export class WebhookDeliveryService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Webhooks');
  private readonly deliveries = new Map<string, EndpointDelivery>();
  private readonly tails = new Map<string, OrganizationTail>();
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | null = null;
  private isBroken = false;
  private settled: Date | null = null;
  private readonly doneAt = { attend: -Infinity, renew: 0, settle: -Infinity };

  constructor(
    private readonly store: DeliveryStore,
    private readonly feed: RecordFeedService,
    private readonly connections: WebhookConnectionsService,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Waits for the requests that are under way, records what they came to, and leaves the rest to other instances. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.working;
    await Promise.all(
      [...this.deliveries].map(([id, delivery]) =>
        this.leave(id, delivery).catch((error: unknown) => this.report(error)),
      ),
    );
  }

  /** Seconds for which the oldest event waits that this instance has to deliver. */
  lagSeconds(): number {
    const now = this.clock.now();
    return Math.max(0, ...[...this.deliveries.values()].map((delivery) => delivery.lagSeconds(now)));
  }

  private tick(): void {
    this.working ??= this.work()
      .catch((error: unknown) => this.report(error))
      .finally(() => {
        this.working = null;
      });
    for (const tail of this.tails.values()) tail.tick(this.settled!);
    for (const delivery of this.deliveries.values()) delivery.tick();
  }

  private async work(): Promise<void> {
    await this.every(ATTEND_MS, 'attend', async () => {
      await this.attend();
      this.isBroken = false;
    });
    if (this.deliveries.size === 0) return;
    await this.every(RENEW_MS, 'renew', () => this.renew());
    await this.every(SETTLE_MS, 'settle', async () => {
      this.settled = await this.feed.settledUntil();
    });
  }

  private async every(ms: number, what: keyof typeof this.doneAt, work: () => Promise<void>): Promise<void> {
    const now = performance.now();
    if (now - this.doneAt[what] < ms) return;
    this.doneAt[what] = now;
    await work();
  }

  /** Leaves endpoints that are no longer this instance's, notices what was changed, and takes those that are free. */
  private async attend(): Promise<void> {
    const due = await this.store.find();
    const own = new Map(due.filter((one) => this.store.isOwn(one)).map((one) => [one.id, one]));
    for (const id of this.deliveries.keys()) if (!own.has(id)) this.abandon(id);
    for (const [id, delivery] of this.deliveries)
      if (own.get(id)!.version !== delivery.version) await this.reload(id, delivery);
    // In any order, so that instances that start together share them.
    const free = due.filter(({ id }) => !this.deliveries.has(id)).toSorted(() => Math.random() - 0.5);
    for (const one of free) if (this.timer) await this.take(one);
  }

  private async take({ id }: DueEndpoint): Promise<void> {
    if (!(await this.store.claim(id))) return;
    const loaded = await this.store.load(id);
    if (!loaded) return;
    this.settled = await this.feed.settledUntil();
    const { organizationId } = loaded.endpoint;
    const { feed, store, connections, clock } = this;
    const onError = (error: unknown): void => this.report(error);
    const source = { feed, clock, organizationId, onError };
    const tail = this.tails.get(organizationId) ?? new OrganizationTail(source, this.settled);
    this.tails.set(organizationId, tail);
    const tools = { feed, store, connections, clock, tail, onError };
    this.deliveries.set(id, new EndpointDelivery(loaded.endpoint, loaded.keys, tools));
  }

  private async reload(id: string, delivery: EndpointDelivery): Promise<void> {
    const loaded = await this.store.load(id);
    if (loaded) delivery.change(loaded.endpoint, loaded.keys);
  }

  private async renew(): Promise<void> {
    const own = await this.store.renew();
    for (const id of this.deliveries.keys()) if (!own.has(id)) this.abandon(id);
  }

  private async leave(id: string, delivery: EndpointDelivery): Promise<void> {
    await delivery.stop(GRACE_MS);
    await this.store.release(id);
  }

  private abandon(id: string): void {
    const { organizationId } = this.deliveries.get(id)!;
    this.deliveries.get(id)!.abandon();
    this.deliveries.delete(id);
    const isLast = ![...this.deliveries.values()].some((other) => other.organizationId === organizationId);
    if (isLast) this.tails.delete(organizationId);
  }

  /** It goes on several times a second until the database answers again. */
  private report(error: unknown): void {
    if (!this.isBroken) this.logger.error(`Could not deliver events to webhooks. ${String(error)}`);
    this.isBroken = true;
  }
}
