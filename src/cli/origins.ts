import type { Command } from 'commander';
import type { EntityManager } from 'typeorm';
import { toIso } from '../common/clock.js';
import { Database } from '../database/database.js';
import { Origin } from '../schema/entities/origin.entity.js';
import { OriginsService } from '../clients/origins.service.js';
import { findOrganization } from '../organizations/find-organization.js';
import { Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

/** The names in the list for how an organization came to own an origin. */
const PROOFS = { FILE: 'proven', OPERATOR: 'operator', UPGRADE: 'upgrade' } as const;

/** The commands for origins, the sites of organizations. */
export function addOriginCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('origins')
    .description('Origins: the sites to which clients may send users. Each belongs to one organization.');
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addAdd(group);
  addRemove(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description(
      'Prints a line for each origin: the origin, the ID and name of its organization, the reason, and since when. ' +
        'Reasons: proven (by a file on the site), operator (set here), upgrade (only clients of this organization had the origin when origins got owners; check these).',
    )
    .option('-o, --organization <id or name>', 'only the origins of one organization')
    .action(({ organization }: { organization?: string }) =>
      withApplication((app) =>
        app.get(Database).transaction(async (db) => {
          const organizationId = organization && (await findOrganization(db, organization)).id;
          const all = await db.find(Origin, {
            where: organizationId ? { organizationId } : {},
            relations: { organization: true },
            order: { origin: 'ASC' },
          });
          output.list(
            all.map(({ origin, organization: { id, name }, proof, since }) => ({
              origin,
              organization: { id, name },
              proof: PROOFS[proof],
              since: toIso(since),
            })),
            ({ origin, organization: { id, name }, proof, since }) => [origin, id, name, proof, since],
          );
        }),
      ),
    );
}

function addAdd({ commands, withApplication }: CommandGroup): void {
  commands
    .command('add')
    .description('Gives an origin to an organization, even if it belongs to another organization.')
    .argument('<origin>', 'as browsers write it: https://learn.example.com')
    .requiredOption('-o, --organization <id or name>', 'the organization that owns the site')
    .action((origin: string, { organization }: { organization: string }) =>
      withApplication((app) =>
        app.get(Database).transaction(async (db) => {
          const { id: organizationId, name } = await findOrganization(db, organization);
          const before = await find(db, origin);
          if (before && before.organizationId !== organizationId) {
            await app.get(OriginsService).remove(db, before, null);
            printMessage(`It no longer belongs to ${before.organization.name} or its clients.`);
          }
          await app.get(OriginsService).add(db, { origin, organizationId, proof: 'OPERATOR', by: null });
          printMessage(`${origin} belongs to ${name}.`);
        }),
      ),
    );
}

function addRemove({ commands, withApplication }: CommandGroup): void {
  commands
    .command('remove')
    .description('Removes an origin from its organization and its clients. Sessions there end within two seconds.')
    .argument('<origin>', 'as browsers write it')
    .action((origin: string) =>
      withApplication((app) =>
        app.get(Database).transaction(async (db) => {
          const found = await find(db, origin);
          if (!found) throw new Error(`${origin} belongs to no organization.`);
          await app.get(OriginsService).remove(db, found, null);
          printMessage(`${origin} no longer belongs to ${found.organization.name}.`);
        }),
      ),
    );
}

function find(db: EntityManager, origin: string): Promise<Origin | null> {
  return db.findOne(Origin, { where: { origin }, relations: { organization: true } });
}
