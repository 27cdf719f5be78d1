import { constants, setPriority } from 'node:os';
import type { Command } from 'commander';
import { backUp } from '../backup/sqlite-backup.js';
import { restore } from '../backup/sqlite-restore.js';
import { loadSettings, readSettings } from '../config/settings.js';
import { printMessage } from './operator.js';
import { showingProgress } from './showing-progress.js';

const BACKUP_HELP = `
It copies the SQLite database of DATABASE_PATH while the service goes on, at most 20 MiB
a second and with the lowest priority, and checks the copy. The file can be read by its
owner only. It holds e-mail addresses, and hashes of secrets; the signing keys in it are
encrypted. Keep SECRET_KEY in another place: without it, nobody can restore the file.

For PostgreSQL use its own tools:
  pg_dump --format=custom --file=latchkey.dump "$DATABASE_URL"
  pg_basebackup, with an archive of the WAL, to lose no more than seconds`;

const RESTORE_HELP = `
Stop the service first. The file is copied beside the database and checked: that it is
whole, of Latchkey, of this version or an earlier one, and that SECRET_KEY opens its
keys. It is migrated to this version. Then everything is revoked in it, as with
\`revoke-all\`, so that nothing works again that was used, ended or revoked after the
backup: everybody signs in again. At last it takes the place of the database, in one step.

Accounts, rights, passwords, passkeys, clients and their keys are those of the backup.
What was blocked, changed or removed since then has to be done again: the record of the
old database, which is kept beside the new one, has it.

For PostgreSQL use its own tools, before the service starts:
  pg_restore --clean --if-exists --single-transaction --dbname="$DATABASE_URL" latchkey.dump
  npm run latchkey -- revoke-all --yes`;

/** The commands that make a backup of a SQLite database and restore it. */
export function addBackupCommands(program: Command, requireDatabase: () => Promise<void>): void {
  program
    .command('backup')
    .description('Makes a copy of the SQLite database while the service goes on.')
    .argument('<file>', 'the file to write, which must not exist yet')
    .addHelpText('after', BACKUP_HELP)
    .action(async (file: string) => {
      const { DATABASE_URL, DATABASE_PATH } = readSettings(process.env);
      if (DATABASE_URL)
        throw new Error(
          'The database is PostgreSQL, which has tools of its own for this. Use pg_dump --format=custom, or pg_basebackup; docs/operations.md has the commands.',
        );
      await requireDatabase();
      setPriority(constants.priority.PRIORITY_LOW);
      const size = await showingProgress((show) => backUp(DATABASE_PATH, file, show));
      printMessage(`The backup is complete and intact: ${file} (${megabytes(size)}). It needs SECRET_KEY.`);
    });

  program
    .command('restore')
    .description('Puts a backup in the place of the SQLite database, and revokes everything that lets somebody in.')
    .argument('<file>', 'a file that `backup` has made')
    .option('--replace', 'replace the database that is there, and keep it under another name')
    .addHelpText('after', RESTORE_HELP)
    .action(async (file: string, { replace = false }: { replace?: boolean }) => {
      const settings = loadSettings(process.env);
      if (settings.DATABASE_URL)
        throw new Error(
          'The database is PostgreSQL, which has tools of its own for this. Use pg_restore, and then `npm run latchkey -- revoke-all --yes`, before the service starts; docs/operations.md has the commands.',
        );
      const { effects, kept } = await showingProgress((onProgress) => restore(settings, file, { replace, onProgress }));
      const { sessions, tokens } = effects;
      printMessage(`The database is restored: ${settings.DATABASE_PATH}.`);
      printMessage(`Everything is revoked. Ended: ${sessions} open sessions, ${tokens} unused login tokens.`);
      if (kept) printMessage(`The database of before is kept: ${kept}. It still holds live sessions: guard it.`);
    });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
