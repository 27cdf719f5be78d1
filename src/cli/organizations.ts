import type { Command } from 'commander';
import type { EntityManager } from 'typeorm';
import type { INestApplicationContext } from '@nestjs/common';
import { Database } from '../database/database.js';
import { findOrganization } from '../organizations/find-organization.js';
import { Organization } from '../schema/entities/organization.entity.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { StaffService } from '../organizations/staff.service.js';
import { PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import { UserFieldsDto } from '../users/dto/user-fields.dto.js';
import { PermissionsService } from '../users/permissions.service.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { checked, Output, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

interface NewOrganization {
  email?: string;
  locale?: string;
  adminEmail?: string;
  adminName?: string;
}

/** The commands for organizations. Nobody can create one by the API. */
export function addOrganizationCommands(program: Command, withApplication: WithApplication): void {
  const commands = program.command('organizations').description('The organizations of the service.');
  const group = { commands, output: new Output(commands), withApplication };

  addCreate(group);
  addList(group);
  addAddThirdParty(group);
  addRequirePasskeys(group);
}

function addCreate({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('create')
    .description('Creates an organization, and prints its ID.')
    .argument('<name>', 'its name')
    .option('--email <address>', 'its e-mail address')
    .option('--locale <tag>', 'its language, such as nl-NL')
    .option('--admin-email <address>', 'the address of its first administrator, who gets every permission')
    .option('--admin-name <name>', 'the name of its first administrator')
    .action((name: string, options: NewOrganization) =>
      withApplication(async (app) => {
        const { email, adminEmail, adminName } = options;
        if ((adminEmail === undefined) !== (adminName === undefined))
          throw new Error('Give both --admin-email and --admin-name.');
        const { locale } = checked(UserFieldsDto, { name, emailAddress: email, locale: options.locale });
        const id = await app.get(Database).transaction(async (db) => {
          const fields = { name, emailAddress: email ?? null, locale: locale ?? null };
          const organizationId = await app.get(OrganizationsService).insert(db, fields);
          if (adminEmail)
            await addAdministrator(app, db, organizationId, { name: adminName!, emailAddress: adminEmail });
          return organizationId;
        });
        output.one({ id }, id);
        if (adminEmail)
          printMessage(`Now give ${adminEmail} a password: npm run latchkey -- password --user ${adminEmail}`);
      }),
    );
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each: id and name.')
    .action(() =>
      withApplication(async (app) => {
        const all = await app
          .get(Database)
          .transaction((db) => db.find(Organization, { order: { name: 'ASC', id: 'ASC' } }));
        output.list(
          all.map(({ id, name }) => ({ id, name })),
          ({ id, name }) => [id, name],
        );
      }),
    );
}

function addAddThirdParty({ commands, withApplication }: CommandGroup): void {
  commands
    .command('add-third-party')
    .description('Adds a third party to an organization: a system with its own IDs for users.')
    .argument('<organization>', 'its id or name')
    .argument('<code>', 'the code of the third party, as in CODE$ID')
    .action((organization: string, code: string) =>
      withApplication(async (app) => {
        const { name } = await app.get(Database).transaction(async (db) => {
          const found = await findOrganization(db, organization);
          await app.get(OrganizationsService).addThirdParty(db, found.id, code);
          return found;
        });
        printMessage(`${name} has the third party ${code}.`);
      }),
    );
}

function addRequirePasskeys({ commands, withApplication }: CommandGroup): void {
  commands
    .command('require-passkeys')
    .description('Lets the staff of an organization sign in with a passkey only. Whoever has none adds one first.')
    .argument('<organization>', 'its id or name')
    .option('--off', 'lets them sign in with a password alone again')
    .action((organization: string, { off = false }: { off?: boolean }) =>
      withApplication(async (app) => {
        const { name } = await app.get(Database).transaction(async (db) => {
          const found = await findOrganization(db, organization);
          await app.get(OrganizationsService).requirePasskeys(db, found.id, !off, null);
          return found;
        });
        printMessage(`${name} ${off ? 'no longer requires' : 'requires'} passkeys of its staff.`);
      }),
    );
}

async function addAdministrator(
  app: INestApplicationContext,
  db: EntityManager,
  organizationId: string,
  fields: { name: string; emailAddress: string },
): Promise<void> {
  const id = await app.get(UsersService).insert(db, null, organizationId, checked(UserFieldsDto, fields));
  await app.get(StaffService).insert(db, organizationId, id, null);
  const administrator = await db.findOneByOrFail(User, { id });
  for (const permission of PERMISSIONS) await app.get(PermissionsService).give(db, administrator, permission, {}, null);
}
