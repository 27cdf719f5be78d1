import type { Command } from 'commander';
import { Database } from '../database/database.js';
import { NewGroupDto } from '../groups/dto/group-fields.dto.js';
import { GroupListsService } from '../groups/group-lists.service.js';
import { GroupsService } from '../groups/groups.service.js';
import { findOrganization } from '../organizations/find-organization.js';
import { checked, findGroup, Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

interface NewGroup {
  organization: string;
  description?: string;
  customReference?: string;
}

/** The commands for groups. `import` sets their members, and `permissions` their managers. */
export function addGroupCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('groups')
    .description('Groups of users. Add members with import, and staff with permissions grant … MANAGE --group.');
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addCreate(group);
  addDelete(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each group of an organization: id, number of members, name.')
    .requiredOption('-o, --organization <id or name>', 'the organization of the groups')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        const { id } = await app.get(Database).transaction((db) => findOrganization(db, organization));
        await output.pages(
          (query) => app.get(GroupListsService).listOf(id, query),
          ({ groups }) => groups,
          (group) => [group.id, String(group.counts.members), group.name],
        );
      }),
    );
}

function addCreate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('create')
    .description('Creates a group without members or staff, and prints its ID.')
    .argument('<name>', 'its name')
    .requiredOption('-o, --organization <id or name>', 'the organization of the group')
    .option('--description <text>', 'its description (default: its name)')
    .option('--custom-reference <text>', 'its ID in another system')
    .action((name: string, { organization, description = name, customReference }: NewGroup) =>
      withApplication(async (app) => {
        const fields = checked(NewGroupDto, { name, description, customReference });
        const id = await app.get(Database).transaction(async (db) => {
          const { id: organizationId } = await findOrganization(db, organization);
          return app.get(GroupsService).insert(db, organizationId, fields, null);
        });
        output.one({ id }, id);
      }),
    );
}

function addDelete({ commands, withApplication }: CommandGroup): void {
  commands
    .command('delete')
    .description(
      'Deletes a group. The sessions that were started through it end within two seconds. The accounts stay.',
    )
    .argument('<group>', 'its id, custom reference or name')
    .requiredOption('-o, --organization <id or name>', 'the organization of the group')
    .action((text: string, { organization }: { organization: string }) =>
      withApplication(async (app) => {
        const { name } = await app.get(Database).transaction(async (db) => {
          const { id } = await findOrganization(db, organization);
          const group = await findGroup(db, id, text);
          await app.get(GroupsService).delete(db, group, null);
          return group;
        });
        printMessage(`The group ${name} is deleted.`);
      }),
    );
}
