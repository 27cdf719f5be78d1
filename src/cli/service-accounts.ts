import { readFile } from 'node:fs/promises';
import type { INestApplicationContext } from '@nestjs/common';
import type { Command } from 'commander';
import { ServiceAccountsService } from '../oauth/service-accounts.service.js';

export type WithApplication = (work: (app: INestApplicationContext) => Promise<void>) => Promise<void>;

/** What administers service accounts. What is for a program goes to the standard output, what is for a person to the other. */
export function addServiceAccountCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('service-accounts')
    .description('Service accounts: staff of an organization that is no person and signs its requests with a key.');

  commands
    .command('create')
    .description('Makes one without any right, and prints its id. Give it rights like any other staff.')
    .requiredOption('-o, --organization <id or name>', 'whose staff it is')
    .requiredOption('-n, --name <name>', 'what it is called')
    .action(({ organization, name }: { organization: string; name: string }) =>
      withApplication(async (app) => {
        process.stdout.write(`${await app.get(ServiceAccountsService).create(organization, name)}\n`);
      }),
    );

  commands
    .command('add-key')
    .description('Registers a public key, and prints the kid to name in assertions.')
    .argument('<id>', 'of the service account')
    .argument('<file>', 'the public key, in PEM or as a JWK')
    .action((id: string, file: string) =>
      withApplication(async (app) => {
        process.stdout.write(`${await app.get(ServiceAccountsService).addKey(id, await readFile(file, 'utf8'))}\n`);
      }),
    );

  commands
    .command('generate-key')
    .description('Makes an ES256 key pair, and prints the private half, which is kept nowhere.')
    .argument('<id>', 'of the service account')
    .action((id: string) =>
      withApplication(async (app) => {
        const { keyId, privateKey } = await app.get(ServiceAccountsService).generateKey(id);
        process.stderr.write(`kid: ${keyId}\n`);
        process.stdout.write(privateKey);
      }),
    );

  commands
    .command('revoke-key')
    .description('Revokes a key, and within two seconds the access tokens that were obtained with it.')
    .argument('<kid>', 'of the key')
    .action((keyId: string) => withApplication((app) => app.get(ServiceAccountsService).revokeKey(keyId)));
}
