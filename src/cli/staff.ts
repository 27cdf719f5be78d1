import type { INestApplicationContext } from '@nestjs/common';
import { Argument } from 'commander';
import type { Command } from 'commander';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { findOrganization } from '../organizations/find-organization.js';
import { lockOrganization } from '../schema/lock-organization.js';
import { StaffService } from '../organizations/staff.service.js';
import { UserFieldsDto } from '../users/dto/user-fields.dto.js';
import { findNamedUser } from '../users/find-user.js';
import type { NamingRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';
import { UsersPolicy } from '../users/users.policy.js';
import { UsersService } from '../users/users.service.js';
import { checked, Output, parseNamingRef, requireStaff, printMessage } from './operator.js';
import type { CommandGroup, WithApplication } from './operator.js';

/** The commands for an organization's staff. */
export function addStaffCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('staff')
    .description(
      'The staff of an organization: the accounts that can have permissions there. Service accounts are staff too.',
    );
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);
  addAppoint(group);
  addDismiss(group);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints a line for each: id, e-mail address or -, name.')
    .requiredOption('-o, --organization <id or name>', 'the organization of the staff')
    .action(({ organization }: { organization: string }) =>
      withApplication(async (app) => {
        const ids = await app.get(Database).transaction(async (db) => {
          const { id } = await findOrganization(db, organization);
          const where = { staffOrganizationId: id };
          const found = await db.find(User, { where, select: { id: true }, order: { name: 'ASC', id: 'ASC' } });
          return found.map((one) => one.id);
        });
        const users = await app.get(UsersService).showAll(ids);
        output.list(users, (user) => [user.id, user.emailAddress ?? '-', user.name]);
      }),
    );
}

function addAppoint({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('appoint')
    .description('Puts an account on the staff, without any permission yet, and prints its ID.')
    .addArgument(user())
    .requiredOption('-o, --organization <id or name>', 'the organization of the staff')
    .option('-n, --name <name>', 'creates an account if nobody has the e-mail address')
    .action((ref: NamingRef, { organization, name }: { organization: string; name?: string }) =>
      withApplication(async (app) => {
        const appointed = await app.get(Database).transaction(async (db) => {
          const { id: organizationId } = await findOrganization(db, organization);
          const found = await findNamedUser(db, ref);
          if (found) app.get(UsersPolicy).requireAppointable(organizationId, found);
          const id = found?.id ?? (await makeAccount(app, db, organizationId, ref, name));
          await app.get(StaffService).insert(db, organizationId, id, null);
          return db.findOneByOrFail(User, { id });
        });
        output.one({ id: appointed.id }, appointed.id);
        printMessage(`${appointed.name} is on the staff. Next: permissions grant`);
      }),
    );
}

function addDismiss({ commands, withApplication }: CommandGroup): void {
  commands
    .command('dismiss')
    .description(
      'Takes an account off the staff, with all its permissions. The account stays. The last account with MANAGE_STAFF cannot be removed.',
    )
    .addArgument(user())
    .action((ref: NamingRef) =>
      withApplication(async (app) => {
        const { name } = await app.get(Database).transaction(async (db) => {
          const found = await requireStaff(db, ref);
          await requireOtherStaffManager(app, db, found);
          await app.get(UsersPolicy).requireDismissible(db, found.staffOrganizationId, found);
          await app.get(StaffService).remove(db, found.staffOrganizationId, found.id, null);
          return found;
        });
        printMessage(`${name} is no longer on the staff.`);
      }),
    );
}

/**
 * Requires that somebody else can manage the organization's staff, also for changes from the command line. @throws
 * DomainError `no_access`
 */
export async function requireOtherStaffManager(
  app: INestApplicationContext,
  db: EntityManager,
  user: User,
): Promise<void> {
  // Changes of an organization's staff run one after the other, as those by the API do.
  if (user.staffOrganizationId) await lockOrganization(db, user.staffOrganizationId);
  await app.get(UsersPolicy).requireOtherStaffManager(db, user, 'no_access');
}

function makeAccount(
  app: INestApplicationContext,
  db: EntityManager,
  organizationId: string,
  ref: NamingRef,
  name: string | undefined,
): Promise<string> {
  if (ref.by !== 'emailAddress') throw new Error('There is no such user.');
  if (name === undefined) throw new Error('There is no such user. Use --name to create an account.');
  const fields = checked(UserFieldsDto, { name, emailAddress: ref.address });
  return app.get(UsersService).insert(db, null, organizationId, fields);
}

function user(): Argument {
  return new Argument('<user>', 'a user ID, an e-mail address, or CODE$ID').argParser(parseNamingRef);
}
