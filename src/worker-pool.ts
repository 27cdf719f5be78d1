import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AppLogger } from './config/app-logger.js';
import type { Settings } from './config/settings.js';

/** What a worker is told: to stop, or to say how many workers serve now. A worker sends a message when it serves. */
export type Order = 'end' | { announce: number };

/** A worker that ends before it serves, or sooner after that, has ended at once, in milliseconds. */
const SHORT_LIFE_MS = 10_000;
/** The pause before a worker is replaced, by how many in a row have ended at once. One more, and the service ends. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000];

/**
 * Runs the service in several processes that share its address: each new connection goes to the next of them. A worker
 * that ends is replaced.
 */
export class WorkerPool {
  private readonly logger = new Logger('Workers');
  /** The workers, with the number of each, from 0 on, and since when it serves. */
  private readonly workers = new Map<Worker, { number: number; since: number }>();
  private hasStarted = false;
  private isEnding = false;
  private hasFailed = false;
  private shortLives = 0;
  private signals = 0;

  constructor(
    private readonly size: number,
    private readonly settings: Settings,
  ) {}

  /** Resolves when all workers serve. If one of them can't start, the process ends. */
  async start(): Promise<void> {
    Logger.overrideLogger(new AppLogger(this.settings));
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, (name) => this.onSignal(name));
    cluster.on('exit', (worker, code, signal: NodeJS.Signals) => this.onExit(worker, code, signal));
    // It migrates the database. If it can't start, it says why, and no other one says it again.
    const first = await this.startWorker(0);
    await Promise.all(Array.from({ length: this.size - 1 }, (_, before) => this.startWorker(before + 1)));
    this.hasStarted = true;
    this.tell(first, { announce: this.size });
  }

  /** Starts a worker, and waits until it serves. */
  private async startWorker(number: number): Promise<Worker> {
    const worker = cluster.fork(this.environmentOf(number));
    this.workers.set(worker, { number, since: Infinity });
    await once(worker, 'message');
    this.workers.set(worker, { number, since: performance.now() });
    this.logger.log(`Worker ${worker.process.pid} is ready`);
    return worker;
  }

  /** Each worker counts for itself, so each has its own address for metrics: the ports follow each other. */
  private environmentOf(number: number): Record<string, string> {
    const { metricsAddress } = this.settings;
    if (!metricsAddress || metricsAddress.port === 0) return {};
    const { host, port } = metricsAddress;
    return { METRICS_ADDRESS: `${host.includes(':') ? `[${host}]` : host}:${port + number}` };
  }

  private tell(worker: Worker, order: Order): void {
    if (worker.isConnected()) worker.send(order);
  }

  private onSignal(signal: NodeJS.Signals): void {
    // The workers end with this process.
    if (++this.signals > 1) process.exit(128 + constants.signals[signal]);
    this.end();
  }

  private onExit(worker: Worker, code: number, signal: NodeJS.Signals | null): void {
    const { number, since } = this.workers.get(worker)!;
    this.workers.delete(worker);
    if (this.isEnding) {
      this.hasFailed ||= code !== 0;
      this.exitWithoutWorkers();
    } else if (this.hasStarted) {
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      void this.replace(number, `Worker ${worker.process.pid} ${how}.`, performance.now() - since);
    } else {
      process.exit(code || 1);
    }
  }

  private async replace(number: number, what: string, livedMs: number): Promise<void> {
    this.shortLives = livedMs < SHORT_LIFE_MS ? this.shortLives + 1 : 0;
    const pauseMs = PAUSES_MS[Math.max(this.shortLives - 1, 0)];
    if (pauseMs === undefined) {
      this.logger.error(`${what} It is one of ${this.shortLives} in a row that ended at once, so the service ends.`);
      this.hasFailed = true;
      this.end();
      return;
    }
    this.logger.error(`${what} Another one starts in ${pauseMs / 1000} s.`);
    await pause(pauseMs);
    if (!this.isEnding) await this.startWorker(number);
  }

  /** Lets the workers answer what they have, and ends when they have. */
  private end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    for (const worker of this.workers.keys()) this.tell(worker, 'end');
    // A worker ends itself a second after the grace, unless it hangs.
    setTimeout(() => this.cutOff(), (this.settings.SHUTDOWN_GRACE + 2) * 1000);
    this.exitWithoutWorkers();
  }

  private cutOff(): void {
    this.logger.error(`${this.workers.size} workers did not end in time and are cut off.`);
    for (const worker of this.workers.keys()) worker.process.kill('SIGKILL');
    process.exit(1);
  }

  private exitWithoutWorkers(): void {
    if (this.workers.size === 0) process.exit(this.hasFailed ? 1 : 0);
  }
}
