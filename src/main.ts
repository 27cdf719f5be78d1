import './supported-node.js';
import { growYoungGeneration } from './young-generation.js';
import './config/early-env-file.js';
import 'reflect-metadata';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import type { ServerAdapter } from './app/adapter.js';
import { createApp } from './app/setup.js';
import { ENV_FILE_HELP, loadEnvFile } from './config/env-file.js';
import { loadSettings } from './config/settings.js';
import { StartError } from './config/start-error.js';
import { isDatabaseUnavailable } from './database/unavailable.js';
import { DemoService } from './demo/demo.service.js';
import { MetricsServer } from './monitoring/metrics-server.js';
import { OrganizationsService } from './organizations/organizations.service.js';
import { Readiness } from './status/readiness.service.js';

const HELP = `Usage: npm start -- [--env-file <file>]

  --env-file <file>  ${ENV_FILE_HELP}

The README lists the variables. For everything else, use npm run latchkey.
`;

async function main(): Promise<void> {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  if (options['env-file'] !== undefined) loadEnvFile(options['env-file']);
  const settings = loadSettings(process.env);
  const app = await createApp(settings);
  await app.get(DemoService).requireOutOfReach();
  endOnSignal(app, settings.SHUTDOWN_GRACE);
  await app.listen(settings.PORT, settings.HOST);
  await app.get(MetricsServer).listen();
  growYoungGeneration();
  const url = settings.PUBLIC_URL;
  const logger = new Logger('Latchkey');
  logger.log(`Ready on ${await app.getUrl()}, public URL ${url}`);
  if (settings.NODE_ENV === 'development') process.stdout.write(await app.get(DemoService).welcome());
  else if (!(await app.get(OrganizationsService).existsAny()))
    logger.log('There is no organization yet. Create the first one: npm run latchkey -- organizations create --help');
}

function readArguments(): { help?: boolean; 'env-file'?: string } {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' }, 'env-file': { type: 'string' } } }).values;
  } catch (error) {
    throw new StartError(`${(error as Error).message}\n${HELP}`);
  }
}

/**
 * Stops once all requests are answered, at most a second after the grace period, and at once at a second signal. For the
 * first half of the grace it goes on as ever, but for `/health/ready`, if a load balancer asks for that.
 */
function endOnSignal(app: INestApplication, graceSeconds: number): void {
  let isEnding = false;
  const adapter = app.getHttpAdapter() as ServerAdapter;
  adapter.drainFirst(() => app.get(Readiness, { strict: false }).drain(graceSeconds * 500));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (isEnding) process.exit(128 + constants.signals[signal]);
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
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, (name) => void end(name));
}

main().catch((error: unknown) => {
  process.stderr.write(`Latchkey did not start. ${reason(error)}\n`);
  process.exit(1);
});

/** The reason of a failed start: one line if the operator can resolve it, and a stack trace otherwise. */
function reason(error: unknown): string {
  const { message, stack, code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `Another process is using this address (${message}). Set PORT to a free port.`;
  if (code === 'EADDRNOTAVAIL' || code === 'EACCES')
    return `Cannot listen on this address (${message}). Check HOST and PORT.`;
  if (isDatabaseUnavailable(error)) return `The database can't be reached: ${message || code}`;
  return error instanceof StartError ? message : (stack ?? message);
}
