import type { Command } from 'commander';
import { copyToPostgres } from '../backup/copy-to-postgres.js';
import { readSettings } from '../config/settings.js';
import { printMessage } from './operator.js';
import { showingProgress } from './showing-progress.js';

const HELP = `
Stop the service first. The target is an empty database of PostgreSQL 14 or newer, made with
  CREATE DATABASE latchkey ENCODING 'UTF8' TEMPLATE template0
and its user owns it. The rows are copied in one transaction, then read from PostgreSQL
and compared table by table. If the command is interrupted, no row is left in the target:
start it again. The SQLite file stays as it is.

Afterwards set DATABASE_URL and start the service, with the same SECRET_KEY. Sessions go
on. Don't start it with the SQLite file again: tokens would work once in each.`;

/** The command that moves a SQLite database to PostgreSQL. */
export function addCopyCommand(program: Command, requireDatabase: () => Promise<void>): void {
  program
    .command('copy')
    .description('Copies the SQLite database of DATABASE_PATH to PostgreSQL.')
    .requiredOption('--to <url>', 'the target: postgres://user:password@host:5432/name')
    .addHelpText('after', HELP)
    .action(async ({ to }: { to: string }) => {
      const settings = readSettings(process.env);
      if (settings.DATABASE_URL)
        throw new Error('DATABASE_URL is set, so the database is PostgreSQL already. Unset it to copy from SQLite.');
      if (!/^postgres(ql)?:\/\//.test(to) || !URL.canParse(to))
        throw new Error('The target must be a URL such as postgres://user:password@host:5432/name.');
      await requireDatabase();
      const { tables, rows } = await showingProgress((show) => copyToPostgres(settings, to, show));
      printMessage(`Copied and compared: ${rows.toLocaleString('en')} rows of ${tables} tables.`);
      printMessage('Now set DATABASE_URL, keep SECRET_KEY, and never start the service with the SQLite file again.');
    });
}
