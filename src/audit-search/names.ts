import { Brackets, In } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Client } from '../schema/entities/client.entity.js';
import { Group } from '../schema/entities/group.entity.js';
import { User } from '../schema/entities/user.entity.js';
import type { AuditEventDto } from '../record-feed/dto/audit-event.dto.js';

/** What an ID names, for people. */
interface Named {
  id: string;
  name: string;
}

const IS_IN_GROUP = `EXISTS (SELECT 1 FROM "memberships" m JOIN "groups" g ON g."id" = m."group_id"
  WHERE m."user_id" = u."id" AND g."organization_id" = :organizationId)`;

/**
 * The names of what events refer to, of the organization: its accounts and staff, the users in its groups, its groups
 * and clients, each in the order of the events. What is gone has no name, and neither has the account of another organization.
 */
export async function namesOf(db: EntityManager, organizationId: string, events: AuditEventDto[]): Promise<Named[]> {
  const accounts = idsOf(events.flatMap(({ user, actor }) => [user, actor]));
  const groups = idsOf(events.map(({ group }) => group));
  const clients = idsOf(events.map(({ client }) => client));
  const found = await Promise.all([
    accounts.length === 0 ? [] : findAccounts(db, organizationId, accounts),
    groups.length === 0 ? [] : db.findBy(Group, { id: In(groups), organizationId }),
    clients.length === 0 ? [] : db.findBy(Client, { id: In(clients), organizationId }),
  ]);
  const order = [...accounts, ...groups, ...clients];
  return found
    .flat()
    .map(({ id, name }) => ({ id, name }))
    .toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
}

function idsOf(ids: (string | undefined)[]): string[] {
  return [...new Set(ids)].filter((id) => id !== undefined);
}

function findAccounts(db: EntityManager, organizationId: string, ids: string[]): Promise<User[]> {
  const isKnown = new Brackets((one) =>
    one
      .where('u.organizationId = :organizationId')
      .orWhere('u.staffOrganizationId = :organizationId')
      .orWhere(IS_IN_GROUP),
  );
  return db
    .createQueryBuilder(User, 'u')
    .where('u.id IN (:...ids)', { ids })
    .andWhere(isKnown, { organizationId })
    .getMany();
}
