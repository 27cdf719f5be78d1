import { Option } from 'commander';
import type { Command } from 'commander';
import { Database } from '../database/database.js';
import { findOrganization } from '../organizations/find-organization.js';
import { WEBHOOK_KEY_TYPES } from '../schema/entities/webhook-key.entity.js';
import { NewWebhookDto, NewWebhookKeyFieldsDto, ReplayDto } from '../webhooks/dto/webhook-fields.dto.js';
import type { CreatedWebhookKeyDto } from '../webhooks/dto/webhook.dto.js';
import { requireWebhook } from '../webhooks/require-webhook.js';
import { WebhookKeysService } from '../webhooks/webhook-keys.service.js';
import { WebhooksService } from '../webhooks/webhooks.service.js';
import { checked, collect, Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

const KEY_TYPES = WEBHOOK_KEY_TYPES.map((type) => type.toLowerCase());

interface Fields {
  organization: string;
  description?: string;
  event?: string[];
  keyType?: string;
}

/** The commands for webhooks. Output for programs goes to the standard output. */
export function addWebhookCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('webhooks')
    .description('Webhooks: where organizations receive their events (Standard Webhooks 1.0).');
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addShow(group);
  addCreate(group);
  addRotate(group);
  addReplay(group);
  addStatus(group, 'ENABLED');
  addStatus(group, 'DISABLED');
  addDelete(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each webhook of an organization: id, state, until when events are delivered, url.')
    .requiredOption('-o, --organization <id or name>', 'the organization of the webhooks')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        const { id } = await app.get(Database).transaction((db) => findOrganization(db, organization));
        output.list(await app.get(WebhooksService).listOf(id), (webhook) => [
          webhook.id,
          webhook.disabledReason?.toLowerCase() ?? (webhook.failures > 0 ? 'retrying' : 'enabled'),
          webhook.deliveredUntil,
          webhook.url,
        ]);
      }),
    );
}

function addShow({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('show')
    .description('Prints a webhook as JSON, as the API shows it. Secrets are not shown.')
    .argument('<id>', 'of the webhook')
    .action((id: string) =>
      withApplication(async (app) => {
        const webhook = await app.get(WebhooksService).show(id);
        output.one(webhook, JSON.stringify(webhook, null, 2));
      }),
    );
}

function addCreate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('create')
    .description(
      'Has the events of an organization sent to an address from now on. Prints id=… and public_key=…, or secret=…, which is only shown once.',
    )
    .argument('<url>', 'https, or http on loopback')
    .requiredOption('-o, --organization <id or name>', 'the organization of the events')
    .option('-d, --description <text>', 'what it is for')
    .addOption(
      new Option('-e, --event <name>', 'an event that it gets; repeat for several; all without').argParser(collect),
    )
    .addOption(keyTypeOption('-k, --key-type <type>').default('ed25519'))
    .action((url: string, { organization, description, event, keyType }: Fields) =>
      withApplication(async (app) => {
        const fields = { url, description, events: event, keyType: keyType!.toUpperCase() };
        const webhook = checked(NewWebhookDto, fields);
        const { id, secret } = await app.get(Database).transaction(async (db) => {
          const { id: organizationId } = await findOrganization(db, organization);
          return app.get(WebhooksService).insert(db, organizationId, webhook, null);
        });
        const [key] = (await app.get(WebhooksService).show(id)).keys;
        printKey(output, id, { ...key!, secret });
      }),
    );
}

function addRotate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('rotate')
    .description('Replaces the key of a webhook, and prints the new one. The others sign beside it for 24 hours.')
    .argument('<id>', 'of the webhook')
    .addOption(keyTypeOption('-k, --key-type <type>'))
    .action((id: string, { keyType }: { keyType?: string }) =>
      withApplication(async (app) => {
        const { type } = checked(NewWebhookKeyFieldsDto, { type: keyType?.toUpperCase() });
        const key = await app
          .get(Database)
          .transaction(async (db) =>
            app.get(WebhookKeysService).replace(db, await requireWebhook(db, null, id), type, null),
          );
        printKey(output, id, key);
      }),
    );
}

function addReplay({ commands, withApplication }: CommandGroup): void {
  commands
    .command('replay')
    .description('Sends the events of a time again, with the IDs that they had. New events are sent meanwhile.')
    .argument('<id>', 'of the webhook')
    .requiredOption('-f, --from <instant>', 'events at this instant or later, such as 2026-01-11T00:00:00Z')
    .option('-t, --to <instant>', 'events before this instant (default: now)')
    .action((id: string, range: { from: string; to?: string }) =>
      withApplication(async (app) => {
        const { from, to } = checked(ReplayDto, range);
        await app
          .get(Database)
          .transaction(async (db) =>
            app.get(WebhooksService).startReplay(db, await requireWebhook(db, null, id), { from, to }, null),
          );
        printMessage(`The webhook ${id} gets these events again.`);
      }),
    );
}

function addStatus({ commands, withApplication }: CommandGroup, status: 'ENABLED' | 'DISABLED'): void {
  const isEnabled = status === 'ENABLED';
  commands
    .command(isEnabled ? 'enable' : 'disable')
    .description(
      isEnabled
        ? 'Goes on to send events, from where it stopped; tries a webhook that fails at once.'
        : 'Stops to send events.',
    )
    .argument('<id>', 'of the webhook')
    .action((id: string) =>
      withApplication(async (app) => {
        await app
          .get(Database)
          .transaction(async (db) =>
            app.get(WebhooksService).update(db, await requireWebhook(db, null, id), { status }, null),
          );
        printMessage(`The webhook ${id} is ${status.toLowerCase()}.`);
      }),
    );
}

function addDelete({ commands, withApplication }: CommandGroup): void {
  commands
    .command('delete')
    .description('Deletes a webhook and its keys.')
    .argument('<id>', 'of the webhook')
    .action((id: string) =>
      withApplication(async (app) => {
        await app
          .get(Database)
          .transaction(async (db) => app.get(WebhooksService).delete(db, await requireWebhook(db, null, id), null));
        printMessage(`The webhook ${id} is deleted.`);
      }),
    );
}

function keyTypeOption(flags: string): Option {
  return new Option(flags, 'ed25519 for a key pair, hmac for a secret').choices(KEY_TYPES);
}

function printKey(output: Output, id: string, key: CreatedWebhookKeyDto): void {
  const shown = key.secret === undefined ? `public_key=${key.publicKey}` : `secret=${key.secret}`;
  output.one({ webhook: id, ...key }, `id=${id}`, shown);
}
