import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { createEmulator } from '../../clients/typescript/src/emulator.js';
import type { Emulator, Seed } from '../../clients/typescript/src/emulator.js';
import { print, printMessage } from './operator.js';

const DEFAULT_PORT = 4000;

const HELP = `
It is a Latchkey in memory that listens on this machine, for the tests of a host in any
language. It needs no database and no settings, and forgets everything when it ends.

  curl http://127.0.0.1:4000/emulator                          what it holds: users, an access token,
                                                               a service account with its key, logins
  curl http://127.0.0.1:4000/emulator/clock -d '{"minutes": 6}'        move the clock
  curl http://127.0.0.1:4000/emulator/failures -d '{"status": 503}'    let the next request fail
  curl http://127.0.0.1:4000/emulator/refusals -d '{"user": "anna@demo.example", "rule": 7}'
  curl http://127.0.0.1:4000/emulator/slow -d '{"ms": 2000}'           answer later
  curl http://127.0.0.1:4000/emulator/users -d '{"name": "Bo", "groups": ["Course: First aid"]}'
  curl -X POST http://127.0.0.1:4000/emulator/reset                    as it was at the start

clients/typescript/README.md describes the seed, and createEmulator() for tests in JavaScript.`;

/** The command that runs an emulator of the service. */
export function addEmulateCommand(program: Command): void {
  program
    .command('emulate')
    .description('Emulates the service in memory, for the tests of a host. It needs no database.')
    .option('-p, --port <port>', 'the TCP port to listen on; 0 picks a free one', parsePort, DEFAULT_PORT)
    .option('-s, --seed <file>', 'JSON with what it holds at the start (default: some of the demo organization)')
    .addHelpText('after', HELP)
    .action(async ({ port, seed }: { port: number; seed?: string }) => {
      const emulator = await start(port, seed);
      print(emulator.url);
      printMessage(`Latchkey is emulated in memory. See ${emulator.url}/emulator. Press Ctrl+C to end it.`);
      await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
      await emulator.close();
    });
}

async function start(port: number, file: string | undefined): Promise<Emulator> {
  const seed = file === undefined ? undefined : await readSeed(file);
  return createEmulator({ port, seed }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE')
      throw new Error(`Port ${port} is in use. Choose another one with --port.`, { cause: error });
    throw error;
  });
}

async function readSeed(file: string): Promise<Seed> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Error(`The seed cannot be read: ${error.message}`, { cause: error });
  });
  try {
    return JSON.parse(text) as Seed;
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.');
  return port;
}
