import cluster from 'node:cluster';
import { constants } from 'node:os';
import { Logger } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import type { ServerAdapter } from './app/adapter.js';
import { createApp } from './app/setup.js';
import type { Settings } from './config/settings.js';
import { DemoService } from './demo/demo.service.js';
import { MetricsServer } from './monitoring/metrics-server.js';
import { OrganizationsService } from './organizations/organizations.service.js';
import { Readiness } from './status/readiness.service.js';
import type { Order } from './worker-pool.js';
import { growYoungGeneration } from './young-generation.js';

/** Starts the service in this process. A worker does what the process asks for that has started it. */
export async function serve(settings: Settings): Promise<void> {
  let app: INestApplication | undefined;
  let end: (() => void) | undefined;
  if (cluster.isWorker)
    process.on('message', (order: Order) => {
      if (order !== 'end') void sayReady(app!, settings, order.announce);
      else if (end) end();
      else process.exit(0);
    });
  app = await createApp(settings);
  await app.get(DemoService).requireOutOfReach();
  end = endOnSignal(app, settings.SHUTDOWN_GRACE);
  await app.listen(settings.PORT, settings.HOST);
  await app.get(MetricsServer).listen();
  growYoungGeneration();
  if (cluster.isWorker) process.send!('ready');
  else await sayReady(app, settings, 1);
}

async function sayReady(app: INestApplication, settings: Settings, workers: number): Promise<void> {
  const logger = new Logger('Latchkey');
  const together = workers > 1 ? `, ${workers} workers` : '';
  logger.log(`Ready on ${await app.getUrl()}, public URL ${settings.PUBLIC_URL}${together}`);
  if (settings.NODE_ENV === 'development') process.stdout.write(await app.get(DemoService).welcome());
  else if (!(await app.get(OrganizationsService).existsAny()))
    logger.log('There is no organization yet. Create the first one: npm run latchkey -- organizations create --help');
}

/**
 * Stops once all requests are answered, at most a second after the grace period, and at once at a second signal. For the
 * first half of the grace it goes on as ever, but for `/health/ready`, if a load balancer asks for that.
 * Returns what ends it without a signal.
 */
function endOnSignal(app: INestApplication, graceSeconds: number): () => void {
  let isEnding = false;
  let signals = 0;
  const adapter = app.getHttpAdapter() as ServerAdapter;
  adapter.drainFirst(() => app.get(Readiness, { strict: false }).drain(graceSeconds * 500));
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    setTimeout(
      () => {
        new Logger('Latchkey').error('The shutdown did not finish in time and was cut off.');
        process.exit(1);
      },
      (graceSeconds + 1) * 1000,
    );
    await app.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, (name) => {
      if (++signals > 1) process.exit(128 + constants.signals[name]);
      void end();
    });
  return () => void end();
}
