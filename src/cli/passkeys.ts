import type { Command } from 'commander';
import { toIso } from '../common/clock.js';
import type { NamingRef } from '../common/user-ref.js';
import { Database } from '../database/database.js';
import { findNamedUser } from '../users/find-user.js';
import { PasskeysService } from '../users/passkeys.service.js';
import { Output, parseNamingRef, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

const USER = ['-u, --user <reference>', 'a user ID, an e-mail address, or CODE$ID', parseNamingRef] as const;

/** The commands for people's passkeys, also for somebody who has lost theirs. */
export function addPasskeyCommands(program: Command, withApplication: WithApplication): void {
  const commands = program.command('passkeys').description('The passkeys with which people sign in.');
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addRemove(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each passkey of a user: id, when it was added, when it was last used or -, name.')
    .requiredOption(...USER)
    .action(({ user }: { user: NamingRef }) =>
      withApplication(async (app) => {
        const found = await app.get(Database).transaction((db) => findNamedUser(db, user));
        if (!found) throw new Error('There is no such user.');
        const passkeys = await app.get(PasskeysService).listOf(found.id);
        output.list(
          passkeys.map(({ id, name, createdAt, lastUsedAt }) => ({
            id,
            added: toIso(createdAt),
            lastUsed: lastUsedAt && toIso(lastUsedAt),
            name,
          })),
          ({ id, added, lastUsed, name }) => [id, added, lastUsed ?? '-', name],
        );
      }),
    );
}

function addRemove({ commands, withApplication }: CommandGroup): void {
  commands
    .command('remove')
    .description(
      'Removes a passkey of a user, or all of them, and signs the user out everywhere. The recovery codes go with the last passkey.',
    )
    .requiredOption(...USER)
    .option('--id <id>', 'only this passkey, by its ID in the list')
    .action(({ user, id }: { user: NamingRef; id?: string }) =>
      withApplication(async (app) => {
        const removed = await app.get(Database).transaction(async (db) => {
          const found = await findNamedUser(db, user);
          if (!found) throw new Error('There is no such user.');
          return app.get(PasskeysService).remove(db, found, id ?? null, null);
        });
        if (removed === 0) throw new Error('The user has no such passkey.');
        printMessage(removed === 1 ? 'The passkey is removed.' : `${removed} passkeys are removed.`);
      }),
    );
}
