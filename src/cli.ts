import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { NestFactory } from '@nestjs/core';
import { Command, InvalidArgumentError } from 'commander';
import { AppModule } from './app.module.js';
import { describeRoutes } from './app.openapi.js';
import { loadSettings } from './config/settings.js';
import { CallerTokensService } from './oauth/caller-tokens.service.js';
import { VERSION } from './status/version.js';
import { parseUserRef } from './users/user-ref.js';

const MAX_TTL_SECONDS = 30 * 24 * 60 * 60;

const program = new Command('latchkey')
  .description('Administers a Latchkey database. It reads the same environment as the service.')
  .version(VERSION);

program
  .command('token')
  .description('Prints an access token with which a staff user can call the API.')
  .requiredOption('-u, --user <reference>', 'a user ID, an e-mail address, or CODE$ID')
  .option('-c, --client <id>', 'the OAuth client to call with (default: the first one of the user’s organization)')
  .option('-t, --ttl <seconds>', `how long it is good, 1 to ${MAX_TTL_SECONDS}`, parseTtl, 3600)
  .action(async ({ user, client, ttl }: { user: string; client?: string; ttl: number }) => {
    const app = await NestFactory.createApplicationContext(AppModule.with(loadSettings(process.env)), {
      logger: ['error', 'fatal'],
      abortOnError: false,
    });
    try {
      const ref = parseUserRef(user);
      if (ref.by === 'self') throw new Error('Name the user: nobody is signed in on the command line.');
      process.stdout.write(`${await app.get(CallerTokensService).mint(ref, ttl, client)}\n`);
    } finally {
      await app.close();
    }
  });

program
  .command('openapi')
  .description('Writes the OpenAPI 3.1 description of the API. It needs no database.')
  .argument('[file]', 'where to; without it, to the standard output')
  .action(async (file?: string) => {
    const text = await describeRoutes(loadSettings(process.env));
    if (file) await writeFile(file, text);
    else process.stdout.write(text);
  });

function parseTtl(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TTL_SECONDS)
    throw new InvalidArgumentError(`It must be 1 to ${MAX_TTL_SECONDS} seconds.`);
  return seconds;
}

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`latchkey: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
