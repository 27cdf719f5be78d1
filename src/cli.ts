import './supported-node.js';
import { growYoungGeneration } from './young-generation.js';
import './config/early-env-file.js';
import 'reflect-metadata';
import { createWriteStream } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Command, InvalidArgumentError } from 'commander';
import { AppModule } from './app/app.module.js';
import { describeRoutes } from './app/openapi.js';
import { withCopyOf } from './cli/copy-of-file.js';
import { AppLogger } from './config/app-logger.js';
import { ExportService } from './bulk/export.service.js';
import { ImportService } from './bulk/import.service.js';
import { Progress } from './bulk/progress.js';
import { addAuditCommand } from './cli/audit.js';
import { addBackupCommands } from './cli/backup.js';
import { addClientCommands } from './cli/clients.js';
import { addCopyCommand } from './cli/copy.js';
import { addDoctorCommand } from './cli/doctor.js';
import { addEmulateCommand } from './cli/emulate.js';
import { addExplainCommand } from './cli/explain.js';
import { addOrganizationCommands } from './cli/organizations.js';
import { addOriginCommands } from './cli/origins.js';
import { addGroupCommands } from './cli/groups.js';
import { print, printMessage } from './cli/operator.js';
import { addStaffCommands } from './cli/staff.js';
import { addPasswordCommands } from './cli/passwords.js';
import { addPasskeyCommands } from './cli/passkeys.js';
import { addPermissionCommands } from './cli/permissions.js';
import { addKeyCommands } from './cli/keys.js';
import { addRevokeAllCommand } from './cli/revoke-all.js';
import { addServiceAccountCommands } from './cli/service-accounts.js';
import { addWebhookCommands } from './cli/webhooks.js';
import { SECONDS_PER_DAY } from './common/clock.js';
import { ENV_FILE_HELP, loadEnvFile } from './config/env-file.js';
import { loadSettings, readSettings } from './config/settings.js';
import { isDatabaseThere } from './database/open.js';
import { dataSourceOptions, nameOfDatabase } from './schema/data-source.js';
import { isDatabaseUnavailable } from './database/unavailable.js';
import { CallerTokensService } from './clients/caller-tokens.service.js';
import { VERSION } from './status/version.js';
import { parseUserRef } from './common/user-ref.js';

const MAX_TTL_SECONDS = 30 * SECONDS_PER_DAY;

const IMPORT_HELP = `
The file is UTF-8. Commas, semicolons or tabs separate its cells.
The columns can be in any order, in upper or lower case: name (or realName), emailAddress, thirdPartyId.CODE for each
third party (or thirdParty and thirdPartyId), locale, timeZone, description,
yearOfBirth, domicile, status, group, validFrom, validUntil. An empty cell changes
nothing.

A row whose e-mail address or third-party ID belongs to an account changes that
account. Any other row creates an account. For several groups, write several rows.
They must not give different values for the account.
Name a group by its ID, or by a custom reference or name that is unique.
The user is in the group of the row from validFrom and until validUntil, instants
such as 2026-12-31T23:00:00Z. Without them, the membership has no limits, and one
that exists keeps its own.

Every row is checked before anything is written. If one is wrong, nothing is written.
Importing the same file again changes nothing.`;

interface GlobalOptions {
  envFile?: string;
  create?: true;
}

growYoungGeneration();

const program = new Command('latchkey')
  .description(
    'Administers Latchkey’s database. It reads the same environment variables as the service, and prints the name of the database to standard error.',
  )
  .option('--env-file <file>', ENV_FILE_HELP)
  .option('--create', 'create the database if it does not exist')
  .version(VERSION)
  .configureHelp({ showGlobalOptions: true })
  .hook('preAction', () => {
    const { envFile } = program.opts<GlobalOptions>();
    if (envFile !== undefined) loadEnvFile(envFile);
  });

program
  .command('token')
  .description('Prints an access token with which a staff user can call the API.')
  .requiredOption('-u, --user <reference>', 'a user ID, an e-mail address, or CODE$ID')
  .option('-c, --client <id>', 'the OAuth client to call with (default: the first one of the user’s organization)')
  .option('-t, --ttl <seconds>', `how long the token is valid, 1 to ${MAX_TTL_SECONDS}`, parseTtl, 3600)
  .action(async ({ user, client, ttl }: { user: string; client?: string; ttl: number }) => {
    const ref = parseUserRef(user);
    if (ref.by === 'self') throw new Error('Name the user instead of self: nobody is signed in on the command line.');
    await withApplication(async (app) => {
      print(await app.get(CallerTokensService).mint(ref, ttl, client));
    });
  });

program
  .command('import')
  .description('Imports users, third-party IDs and group memberships from a CSV file.')
  .argument('<file>', 'CSV with a header line; - for standard input')
  .requiredOption('-o, --organization <id or name>', 'the organization that manages the users')
  .option('-n, --dry-run', 'only report what would change')
  .option('--create-groups', 'create the groups in the file that do not exist')
  .addHelpText('after', IMPORT_HELP)
  .action(async (file: string, options: { organization: string; dryRun?: true; createGroups?: true }) => {
    const { dryRun = false, createGroups = false, organization } = options;
    await withCopyOf(file, (copy, size) =>
      withApplication(async (app) => {
        const progress = new Progress();
        const counts = await app
          .get(ImportService)
          .import(copy, {
            organization,
            dryRun,
            createGroups,
            onFault: ({ line, error }) => {
              progress.stop();
              printMessage(`line ${line}: ${error.id}: ${error.message}`);
            },
            onProgress: (phase, _counts, bytes) => progress.show(phase, bytes, size),
          })
          .finally(() => progress.stop());
        const { rows, created, changed, unchanged, joined, rescheduled, groups, faults } = counts;
        if (faults > 0) throw new Error(`${faults} of ${counted(rows, 'row')} are wrong. Nothing was imported.`);
        const users = `${counted(created, 'new user')}, ${changed} changed, ${unchanged} unchanged`;
        const memberships = `${counted(joined, 'new membership')}, ${rescheduled} with another period`;
        const what = `${counted(rows, 'row')}: ${users}; ${memberships}; ${counted(groups, 'new group')}`;
        print(`${what}${dryRun ? ' (dry run, nothing was written)' : ''}`);
      }),
    );
  });

program
  .command('export')
  .description('Writes the users of an organization as CSV, in the form that `import` reads.')
  .argument('[file]', 'the file to write; standard output if it is absent or -')
  .requiredOption('-o, --organization <id or name>', 'the organization that manages the users')
  .action(async (path: string | undefined, { organization }: { organization: string }) => {
    const file = path === '-' ? undefined : path;
    await withApplication(async (app) => {
      const progress = new Progress();
      const csv = app.get(ExportService).export(organization, (users, total) => {
        if (file) progress.show('exporting', users, total);
      });
      try {
        // The file gets its final name once it is complete.
        if (file) await pipeline(csv, createWriteStream(`${file}.part`, { mode: 0o600 }));
        else await pipeline(csv, process.stdout, { end: false });
        if (file) await rename(`${file}.part`, file);
      } finally {
        progress.stop();
      }
    });
  });

program
  .command('openapi')
  .description('Writes the OpenAPI 3.1 description of the API. It needs no database.')
  .argument('[file]', 'the file to write (default: standard output)')
  .action(async (file?: string) => {
    const text = await describeRoutes(readSettings(process.env));
    if (file) await writeFile(file, text);
    else process.stdout.write(text);
  });

addOrganizationCommands(program, withApplication);
addClientCommands(program, withApplication);
addOriginCommands(program, withApplication);
addServiceAccountCommands(program, withApplication);
addWebhookCommands(program, withApplication);
addStaffCommands(program, withApplication);
addGroupCommands(program, withApplication);
addPasswordCommands(program, withApplication);
addPasskeyCommands(program, withApplication);
addExplainCommand(program, withApplication);
addAuditCommand(program, withApplication);
addPermissionCommands(program, withApplication);
addKeyCommands(program, withApplication);
addRevokeAllCommand(program, withApplication);
addBackupCommands(program, requireDatabase);
addCopyCommand(program, requireDatabase);
addDoctorCommand(program);
addEmulateCommand(program);

/** Runs `work` with the services of an application that does not listen. */
async function withApplication(work: (app: INestApplicationContext) => Promise<void>): Promise<void> {
  await requireDatabase();
  const app = await NestFactory.createApplicationContext(AppModule.with(loadSettings(process.env)), {
    logger: new AppLogger({ LOG_LEVEL: 'error', isProduction: false }),
    abortOnError: false,
  });
  try {
    await work(app);
  } finally {
    await app.close();
  }
}

/**
 * Requires an existing database before anything is written: without the service's environment, the command would use
 * another one.
 */
async function requireDatabase(): Promise<void> {
  const settings = readSettings(process.env);
  const name = nameOfDatabase(settings);
  printMessage(`Database: ${name}`);
  if (program.opts<GlobalOptions>().create || (await isDatabaseThere(dataSourceOptions(settings)))) return;
  throw new Error(
    `There is no Latchkey database (${name}). Set the service's variables in the environment or with --env-file, or create the database with --create.`,
  );
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** The reason of a failure, without the name of the system call if the operator can resolve it. */
function reason(error: NodeJS.ErrnoException): string {
  const { code, path, message } = error;
  if (code === 'EISDIR') return `${path} is a directory.`;
  if (path !== undefined && code === 'ENOENT') return `There is no ${path}.`;
  if (path !== undefined && code === 'EACCES') return `There is no permission to read or write ${path}.`;
  if (isDatabaseUnavailable(error))
    return `The database is not available: ${message || code}. Try again when no other process is using it.`;
  return message;
}

function parseTtl(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TTL_SECONDS)
    throw new InvalidArgumentError(`The TTL must be 1 to ${MAX_TTL_SECONDS} seconds.`);
  return seconds;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has closed the pipe, as `head` does. The shell's exit code for that is 128 + SIGPIPE.
  if (error.code === 'EPIPE') process.exit(141);
  fail(error);
  process.exit();
});

program.parseAsync().catch(fail);

function fail(error: unknown): void {
  printMessage(`latchkey: ${reason(error as Error)}`);
  process.exitCode = 1;
}
