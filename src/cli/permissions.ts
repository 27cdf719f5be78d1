import { Argument } from 'commander';
import type { Command } from 'commander';
import { Database } from '../database/database.js';
import { GroupStaffService } from '../groups/group-staff.service.js';
import type { GroupPermission } from '../schema/entities/group-staff.entity.js';
import { PERMISSIONS } from '../schema/entities/account-permission.entity.js';
import type { Permission } from '../schema/entities/account-permission.entity.js';
import type { NamingRef } from '../common/user-ref.js';
import { PeriodDto } from '../users/dto/period.dto.js';
import type { GivenPeriod } from '../rights/period.js';
import { PermissionsService } from '../users/permissions.service.js';
import { checked, findGroup, Output, parseNamingRef, requireStaff, printMessage } from './operator.js';
import { requireOtherStaffManager } from './staff.js';
import type { CommandGroup, WithApplication } from './operator.js';

const GROUP_PERMISSIONS = ['MANAGE', 'VIEW'] as const;
type AnyPermission = Permission | GroupPermission;

const ALLOWS: Record<AnyPermission, string> = {
  OBTAIN_ACCESS_TOKENS: 'let in users of groups on which the account has MANAGE: what a host needs',
  MANAGE_USERS: 'create, change, block and delete accounts, with their third-party IDs and sessions',
  CREATE_GROUPS: 'create groups, and manage them',
  MANAGE_ALL_GROUPS: 'have MANAGE on every group of the organization',
  MANAGE_STAFF: 'appoint and dismiss staff, grant permissions, and let in users with more permissions than the caller',
  MANAGE_SERVICE_ACCOUNTS: 'administer OAuth clients, origins and service accounts with their keys',
  VIEW_AUDIT_LOG: 'search the record of who let whom in',
  MANAGE: 'with --group: manage the group, its members and its staff, and with OBTAIN_ACCESS_TOKENS let its members in',
  VIEW: 'with --group: see the group and its members',
};

const PERMISSION_HELP = `
Permissions:
${Object.entries(ALLOWS)
  .map(([name, what]) => `  ${name.padEnd(24)} ${what}`)
  .join('\n')}

The last account that has MANAGE_STAFF in its organization keeps it.`;

/** The commands for the permissions of staff, both people and service accounts. */
export function addPermissionCommands(program: Command, withApplication: WithApplication): void {
  const commands = program
    .command('permissions')
    .description('Permissions of staff (people and service accounts) in their organization and on groups.')
    .addHelpText('after', PERMISSION_HELP);
  const group = { commands, output: new Output(commands), withApplication };

  addList(group);

  for (const verb of ['grant', 'revoke'] as const) addChange(group, verb);
}

function addList({ commands, output, withApplication }: CommandGroup): void {
  commands
    .command('list')
    .description('Prints the permissions of a staff account in its organization, one per line.')
    .addArgument(staff())
    .action((ref: NamingRef) =>
      withApplication(async (app) => {
        const { permissions } = await app
          .get(Database)
          .transaction(async (db) => app.get(PermissionsService).permissionsOf(db, (await requireStaff(db, ref)).id));
        output.list(permissions, (permission) => [permission]);
      }),
    );
}

interface Grant extends GivenPeriod {
  group?: string;
}

function addChange({ commands, withApplication }: CommandGroup, verb: 'grant' | 'revoke'): void {
  const command = commands
    .command(verb)
    .description(
      verb === 'grant'
        ? 'Grants a permission in the organization, or MANAGE or VIEW on a group with --group.'
        : 'Revokes a permission. The tokens and sessions that were obtained with it end.',
    )
    .addArgument(staff())
    .addArgument(new Argument('<permission>').choices([...PERMISSIONS, ...GROUP_PERMISSIONS]))
    .option('-g, --group <group>', 'the group’s ID, custom reference or name, for MANAGE and VIEW');
  if (verb === 'grant')
    command
      .option('--valid-from <instant>', 'when the right begins, such as 2026-12-01T08:00:00Z')
      .option('--valid-until <instant>', 'when the right ends. An empty text removes the end.');
  command
    .addHelpText('after', PERMISSION_HELP)
    .action((ref: NamingRef, permission: AnyPermission, { group, ...period }: Grant) =>
      withApplication(async (app) => {
        if (isOfGroup(permission) !== (group !== undefined))
          throw new Error('MANAGE and VIEW need --group. The other permissions must not have it.');
        const given = checked(PeriodDto, period);
        const { name } = await app.get(Database).transaction(async (db) => {
          const user = await requireStaff(db, ref);
          if (verb === 'revoke' && permission === 'MANAGE_STAFF') await requireOtherStaffManager(app, db, user);
          if (!isOfGroup(permission)) {
            const rights = app.get(PermissionsService);
            await (verb === 'grant'
              ? rights.give(db, user, permission, given, null)
              : rights.take(db, user, permission, null));
          } else {
            const rights = app.get(GroupStaffService);
            const on = await findGroup(db, user.staffOrganizationId!, group!);
            await (verb === 'grant'
              ? rights.give(db, on, user, permission, given, null)
              : rights.take(db, on, user, permission, null));
          }
          return user;
        });
        const until = given.validUntil ? ` until ${given.validUntil}` : '';
        printMessage(
          `${name} ${verb === 'grant' ? 'has' : 'no longer has'} ${permission}${group ? ` on ${group}` : ''}${until}.`,
        );
      }),
    );
}

function staff(): Argument {
  return new Argument('<user>', 'a user ID, an e-mail address, or CODE$ID').argParser(parseNamingRef);
}

function isOfGroup(permission: AnyPermission): permission is GroupPermission {
  return GROUP_PERMISSIONS.some((one) => one === permission);
}
