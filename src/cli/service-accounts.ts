import { isUtf8 } from 'node:buffer';
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Database } from '../database/database.js';
import { NewServiceAccountDto } from '../service-accounts/dto/service-account.dto.js';
import { readPublicKey } from '../tokens/public-keys.js';
import { requireServiceAccount } from '../service-accounts/require-service-account.js';
import { newKeyPair, ServiceAccountKeysService } from '../service-accounts/service-account-keys.service.js';
import { ServiceAccountsService } from '../service-accounts/service-accounts.service.js';
import { findOrganization } from '../organizations/find-organization.js';
import { User } from '../schema/entities/user.entity.js';
import { checked, Output, printMessage } from './operator.js';
import { requireOtherStaffManager } from './staff.js';
import type { CommandGroup, WithApplication } from './operator.js';

/** The commands for service accounts. */
export function addServiceAccountCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('service-accounts')
    .description('Service accounts: staff of an organization that are programs and sign their requests with a key.');
  const group = { commands, output: new Output(commands), withApplication };

  addCreate(group);
  addList(group);
  addDelete(group);

  addKeyCommands(group);
}

function addCreate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('create')
    .description(
      'Creates a service account without permissions, and prints its ID. Grant it permissions like any other staff.',
    )
    .requiredOption('-o, --organization <id or name>', 'the organization of the service account')
    .requiredOption('-n, --name <name>', 'its name')
    .action(({ organization, name }: { organization: string; name: string }) =>
      withApplication(async (app) => {
        const fields = checked(NewServiceAccountDto, { name });
        const id = await app.get(Database).transaction(async (db) => {
          const { id: organizationId } = await findOrganization(db, organization);
          return app.get(ServiceAccountsService).insert(db, organizationId, fields.name, null);
        });
        output.one({ id }, id);
      }),
    );
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each service account of an organization: id, status, client, name.')
    .requiredOption('-o, --organization <id or name>', 'the organization of the service accounts')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        const { id } = await app.get(Database).transaction((db) => findOrganization(db, organization));
        await output.pages(
          (query) => app.get(ServiceAccountsService).listOf(id, query),
          ({ serviceAccounts }) => serviceAccounts,
          (account) => [account.id, account.status, account.clientId, account.name],
        );
      }),
    );
}

function addDelete({ commands, withApplication }: CommandGroup): void {
  commands
    .command('delete')
    .description('Deletes a service account and its keys. Its tokens and sessions end within two seconds.')
    .argument('<id>', 'of the service account')
    .action((id: string) =>
      withApplication(async (app) => {
        await app.get(Database).transaction(async (db) => {
          const account = await requireServiceAccount(db, null, id);
          await requireOtherStaffManager(app, db, await db.findOneByOrFail(User, { id }));
          await app.get(ServiceAccountsService).delete(db, account, null);
        });
        printMessage(`The service account ${id} is deleted.`);
      }),
    );
}

function addKeyCommands(group: CommandGroup): void {
  addAddKey(group);
  addGenerateKey(group);
  addListKeys(group);
  addRevokeKey(group);
}

function addAddKey({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('add-key')
    .description('Registers a public key, and prints the kid to use in assertions.')
    .argument('<id>', 'of the service account')
    .argument('<file>', 'the public key: PEM, DER, an X.509 certificate, an OpenSSH .pub file, or a JWK')
    .action((id: string, file: string) =>
      withApplication(async (app) => {
        const bytes = await readFile(file);
        const key = readPublicKey(bytes.toString(isUtf8(bytes) ? 'utf8' : 'base64'));
        const { kid } = await app.get(Database).transaction(async (db) => {
          return app.get(ServiceAccountKeysService).insert(db, await requireServiceAccount(db, null, id), key, null);
        });
        output.one({ kid }, kid);
      }),
    );
}

function addGenerateKey({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('generate-key')
    .description('Creates an ES256 key pair. Prints the private key, which is not stored, and the kid.')
    .argument('<id>', 'of the service account')
    .option('--out <file>', 'write the private key to a new file instead, and print the kid')
    .action((id: string, { out }: { out?: string }) =>
      withApplication(async (app) => {
        const { privateKey, ...key } = newKeyPair();
        // The file is written first: a key whose private half is lost would be useless.
        if (out) await writeFile(out, privateKey, { mode: 0o600, flag: 'wx' });
        const { kid } = await app.get(Database).transaction(async (db) => {
          return app.get(ServiceAccountKeysService).insert(db, await requireServiceAccount(db, null, id), key, null);
        });
        if (out) return output.one({ kid }, kid);
        printMessage(`kid: ${kid}`);
        output.one({ kid, privateKey }, privateKey.trimEnd());
      }),
    );
}

function addListKeys({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list-keys')
    .description('Prints a line for each key of a service account: kid, algorithm, since when, revoked when.')
    .argument('<id>', 'of the service account')
    .action((id: string) =>
      withApplication(async (app) => {
        await app.get(Database).transaction((db) => requireServiceAccount(db, null, id));
        await output.pages(
          (query) => app.get(ServiceAccountKeysService).listOf(id, query),
          ({ keys }) => keys,
          ({ kid, algorithm, created, revoked = '' }) => [kid, algorithm, created, revoked],
        );
      }),
    );
}

function addRevokeKey({ commands, withApplication }: CommandGroup): void {
  commands
    .command('revoke-key')
    .description('Revokes a key. The tokens and sessions that were obtained with it end within two seconds.')
    .argument('<kid>', 'of the key')
    .action((keyId: string) =>
      withApplication(async (app) => {
        await app.get(Database).transaction((db) => app.get(ServiceAccountKeysService).revoke(db, keyId, null));
        printMessage(`The key ${keyId} is revoked.`);
      }),
    );
}
