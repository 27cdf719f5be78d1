import './supported-node.js';
import './young-generation.js';
import './config/early-env-file.js';
import 'reflect-metadata';
import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { ENV_FILE_HELP, loadEnvFile } from './config/env-file.js';
import { loadSettings } from './config/settings.js';
import type { Settings } from './config/settings.js';
import { StartError } from './config/start-error.js';
import { isDatabaseUnavailable } from './database/unavailable.js';
import { WorkerPool } from './worker-pool.js';

const MAX_WORKERS = 64;

const HELP = `Usage: npm start -- [--env-file <file>] [--workers <number>]

  --env-file <file>   ${ENV_FILE_HELP}
  --workers <number>  processes that share the address and the load, 1 to ${MAX_WORKERS}, such as one
                      for each core; more than one needs PostgreSQL (default: 1)

The README lists the variables. For everything else, use npm run latchkey.
`;

interface Options {
  help?: boolean;
  'env-file'?: string;
  workers?: string;
}

async function main(): Promise<void> {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  if (options['env-file'] !== undefined) loadEnvFile(options['env-file']);
  const settings = loadSettings(process.env);
  const workers = numberOfWorkers(options.workers, settings);
  if (workers > 1 && cluster.isPrimary) return new WorkerPool(workers, settings).start();
  // The process that only looks after workers does without the application.
  const { serve } = await import('./serve.js');
  await serve(settings);
}

function readArguments(): Options {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        'env-file': { type: 'string' },
        workers: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new StartError(`${(error as Error).message}\n${HELP}`);
  }
}

function numberOfWorkers(given: string | undefined, { DATABASE_URL }: Settings): number {
  if (given === undefined) return 1;
  const number = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  if (number < 1 || number > MAX_WORKERS) throw new StartError(`--workers must be a number from 1 to ${MAX_WORKERS}.`);
  if (number > 1 && DATABASE_URL === undefined)
    throw new StartError(
      'More than one worker needs PostgreSQL: set DATABASE_URL. A SQLite file has one process that writes to it.',
    );
  return number;
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
