import type { Command } from 'commander';
import type { EntityManager } from 'typeorm';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { findNamedUser } from '../users/find-user.js';
import type { NamingRef } from '../common/user-ref.js';
import { PasswordLinksService } from '../users/password-links.service.js';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../users/password-strength.js';
import { PasswordsService } from '../users/passwords.service.js';
import { User } from '../schema/entities/user.entity.js';
import { parseNamingRef, print, printMessage } from './operator.js';
import type { WithApplication } from './operator.js';
import { readNewSecret } from './read-secret.js';

const USER = ['-u, --user <reference>', 'a user ID, an e-mail address, or CODE$ID', parseNamingRef] as const;

/** The commands that set a person's password or make a link with which they set it. */
export function addPasswordCommands(program: Command, withApplication: WithApplication): void {
  program
    .command('password')
    .description(
      'Sets a user’s password, and signs the user out everywhere. Reads the password from standard input. On a terminal, it asks twice.',
    )
    .requiredOption(...USER)
    .action(({ user }: { user: NamingRef }) =>
      withApplication(async (app) => {
        const { id, name } = await app.get(Database).transaction((db) => requirePerson(db, user));
        const prompt = `New password of ${name}, ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters: `;
        await app.get(PasswordsService).set(id, await readNewSecret(prompt));
        printMessage(`The password is set. ${name} signs in at ${app.get(Settings).PUBLIC_URL}/console`);
      }),
    );

  program
    .command('password-link')
    .description(
      'Prints a link with which a user can set their password once, within a day. Give it only to that user.',
    )
    .requiredOption(...USER)
    .action(({ user }: { user: NamingRef }) =>
      withApplication(async (app) => {
        const { url, expires } = await app
          .get(Database)
          .transaction(async (db) => app.get(PasswordLinksService).make(db, await requirePerson(db, user), null));
        print(url);
        printMessage(`The link works once, until ${expires}.`);
      }),
    );
}

async function requirePerson(db: EntityManager, ref: NamingRef): Promise<User> {
  const user = await findNamedUser(db, ref);
  if (user?.type !== 'USER') throw new Error('There is no such user.');
  return user;
}
