import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import { Database } from '../database/database.js';
import { ClientSecretsService } from '../clients/client-secrets.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { COMPATIBILITIES, ID_TOKEN_ALGORITHMS, SECRET_METHODS } from '../schema/entities/client.entity.js';
import { ClientChangesDto, NewClientDto } from '../clients/dto/client-fields.dto.js';
import { EXPLORER_CLIENT } from '../clients/explorer-client.js';
import { requireClient } from '../clients/require-client.js';
import { findOrganization } from '../organizations/find-organization.js';
import { checked, collect, Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

interface Fields {
  name?: string;
  redirectUri?: string[];
  origin?: string[];
  embedOrigin?: string;
  jwks?: string;
  compatibility?: string;
  tokenEndpointAuthMethod?: string;
  idTokenSignedResponseAlg?: string;
  initiateLoginUri?: string;
  startUri?: string;
  hostUri?: string;
  postLogoutRedirectUri?: string[];
  backchannelLogoutUri?: string;
  backchannelLogoutSessionRequired?: string;
}

/** The commands for OAuth clients. */
export function addClientCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('clients')
    .description('OAuth clients: the applications that call the API or sign users in.');
  const group = { commands, output: new Output(commands), withApplication };

  addCreate(group);
  addExplorer(group);
  addList(group);
  addShow(group);
  addChange(group);
  addRotateSecret(group);
  addDeleteSecret(group);
  addDelete(group);
}

function addCreate({ commands, output, withApplication }: CommandGroup): void {
  withFields(
    commands
      .command('create')
      .description(
        'Registers a client. Prints client_id=… and, if it needs one, client_secret=…, which is only shown once.',
      )
      .requiredOption('-o, --organization <id or name>', 'the organization of the client')
      .requiredOption('-n, --name <name>', 'its name')
      .option('--public', 'the client cannot keep a secret'),
  ).action(({ organization, public: isPublic, ...fields }: Fields & { organization: string; public?: true }) =>
    withApplication(async (app) => {
      const client = checked(NewClientDto, { ...(await read(fields)), isPublic: isPublic ?? false });
      const { id, secret } = await app.get(Database).transaction(async (db) => {
        const { id: organizationId } = await findOrganization(db, organization);
        return app.get(ClientsService).insert(db, organizationId, client, null);
      });
      const credentials = { client_id: id, ...(secret && { client_secret: secret }) };
      output.one(credentials, ...Object.entries(credentials).map(([name, value]) => `${name}=${value}`));
    }),
  );
}

function addExplorer({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('explorer')
    .description(
      'Lets people sign in at /docs, the explorer of the API: registers a public client for the PUBLIC_URL. Run it again when PUBLIC_URL changes.',
    )
    .requiredOption('-o, --organization <id or name>', 'the organization of the client')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        await app.get(Database).transaction(async (db) => {
          const { id } = await findOrganization(db, organization);
          await app.get(ClientsService).allowExplorer(db, id);
        });
        output.one({ client_id: EXPLORER_CLIENT }, `client_id=${EXPLORER_CLIENT}`);
      }),
    );
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each client of an organization: id, how it authenticates, name.')
    .requiredOption('-o, --organization <id or name>', 'the organization of the clients')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        const { id } = await app.get(Database).transaction((db) => findOrganization(db, organization));
        await output.pages(
          (query) => app.get(ClientsService).listOf(id, query),
          ({ clients }) => clients,
          (client) => [client.id, client.isPublic ? 'public' : client.jwks ? 'keys' : 'secret', client.name],
        );
      }),
    );
}

function addShow({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('show')
    .description('Prints a client as JSON, as the API shows it. Secrets are not shown.')
    .argument('<id>', 'of the client')
    .action((id: string) =>
      withApplication(async (app) => {
        await app.get(Database).transaction((db) => requireClient(db, null, id));
        const client = await app.get(ClientsService).show(id);
        output.one(client, JSON.stringify(client, null, 2));
      }),
    );
}

function addChange({ commands, withApplication }: CommandGroup): void {
  withFields(
    commands
      .command('change')
      .description('Changes the fields that are given. A list replaces the previous list.')
      .argument('<id>', 'of the client')
      .option('-n, --name <name>', 'its name'),
  ).action((id: string, fields: Fields) =>
    withApplication(async (app) => {
      const changes = checked(ClientChangesDto, await read(fields));
      await app
        .get(Database)
        .transaction(async (db) =>
          app.get(ClientsService).update(db, await requireClient(db, null, id), changes, null),
        );
      printMessage(`The client ${id} is changed.`);
    }),
  );
}

function addRotateSecret({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('rotate-secret')
    .description('Creates a new secret and prints it once. The other secrets stay valid until they are deleted.')
    .argument('<id>', 'of the client')
    .action((id: string) =>
      withApplication(async (app) => {
        const created = await app
          .get(Database)
          .transaction(async (db) => app.get(ClientSecretsService).insert(db, await requireClient(db, null, id), null));
        output.one(created, created.secret);
        printMessage(
          `The ID of the secret is ${created.id}. Delete the old one when it is no longer used: clients delete-secret`,
        );
      }),
    );
}

function addDeleteSecret({ commands, withApplication }: CommandGroup): void {
  commands
    .command('delete-secret')
    .description('Deletes a secret. The client can no longer authenticate with it.')
    .argument('<id>', 'of the client')
    .argument('<secret id>', 'its ID in `clients show`')
    .action((id: string, secretId: string) =>
      withApplication(async (app) => {
        await app.get(Database).transaction(async (db) => {
          await app.get(ClientSecretsService).delete(db, await requireClient(db, null, id), secretId, null);
        });
        printMessage(`The secret ${secretId} of the client ${id} is deleted.`);
      }),
    );
}

function addDelete({ commands, withApplication }: CommandGroup): void {
  commands
    .command('delete')
    .description('Deletes a client. Its tokens and sessions end within two seconds.')
    .argument('<id>', 'of the client')
    .action((id: string) =>
      withApplication(async (app) => {
        const { name } = await app.get(Database).transaction(async (db) => {
          const client = await requireClient(db, null, id);
          await app.get(ClientsService).delete(db, id, null);
          return client;
        });
        printMessage(`The client ${name} (${id}) is deleted.`);
      }),
    );
}

function withFields(command: Command): Command {
  return command
    .addOption(new Option('--redirect-uri <uri>', 'where codes can be sent; repeat for several').argParser(collect))
    .addOption(
      new Option(
        '--origin <origin>',
        'a site where a login may end (returnTo, embed); it then belongs to the organization; repeat for several',
      ).argParser(collect),
    )
    .option(
      '--embed-origin <origin>',
      'one of the origins: tokens are for frames there unless a call says otherwise; empty for none',
    )
    .option('--jwks <file>', 'a JWK Set of its public keys, used instead of a secret')
    .addOption(
      new Option(
        '--compatibility <ways>',
        'drillster for a host that was written for Drillster and does not follow the standards; none for the strict standard',
      ).choices([...COMPATIBILITIES, 'none']),
    )
    .addOption(
      new Option(
        '--token-endpoint-auth-method <method>',
        'the only way in which it may send its secret; any for both',
      ).choices([...SECRET_METHODS, 'any']),
    )
    .addOption(
      new Option(
        '--id-token-signed-response-alg <algorithm>',
        'what signs its ID tokens; RS256 for a new client',
      ).choices(ID_TOKEN_ALGORITHMS),
    )
    .option(
      '--initiate-login-uri <uri>',
      'where the application begins a login that somebody else started, on one of the origins; empty for none',
    )
    .option('--start-uri <uri>', 'the address behind its own sign-in button, on one of the origins; empty for none')
    .option('--host-uri <uri>', 'the page of the host on which people without a password start; empty for none')
    .addOption(
      new Option(
        '--post-logout-redirect-uri <uri>',
        'where it may send the browser after a logout; repeat for several',
      ).argParser(collect),
    )
    .option('--backchannel-logout-uri <uri>', 'where it receives logout tokens; empty for none')
    .addOption(
      new Option(
        '--backchannel-logout-session-required <true or false>',
        'whether logout tokens name the session; true for a new client',
      ).choices(['true', 'false']),
    );
}

/** The fields as the API names them. */
async function read({ redirectUri, origin, postLogoutRedirectUri, jwks, ...fields }: Fields): Promise<object> {
  const { compatibility, tokenEndpointAuthMethod: method } = fields;
  return {
    ...fields,
    redirectUris: redirectUri,
    origins: origin,
    postLogoutRedirectUris: postLogoutRedirectUri,
    jwks: jwks === undefined ? undefined : await readFile(jwks, 'utf8'),
    compatibility: compatibility === 'none' ? '' : compatibility,
    tokenEndpointAuthMethod: method === 'any' ? '' : method,
  };
}
