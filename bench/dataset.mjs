// The people and groups that both servers know. Names decide the ids, so that every process knows them too.
import { createHash } from 'node:crypto';

export const USERS = 10_000;
export const GROUPS = 100;

/** Manages every group, by way of its client. */
export const CALLER = { userId: idOf('caller'), clientId: digestOf('client').toString('hex') };

export function userId(number) {
  return idOf(`user ${number}`);
}

/** Every row, by table, in an order in which foreign keys hold. Of an instant, only that it is there matters. */
export function rows() {
  const organization_id = idOf('organization');
  const created_at = '2026-01-01 00:00:00.000';
  const groupIds = numbersTo(GROUPS).map((number) => idOf(`group ${number}`));
  const userIds = numbersTo(USERS).map(userId);
  const user = { type: 'USER', status: 'ACTIVE', organization_id, created_at };
  return {
    organizations: [{ id: organization_id, name: 'Academy', created_at }],
    users: [
      { ...user, id: CALLER.userId, name: 'Host system', staff_organization_id: organization_id },
      ...userIds.map((id, number) => ({ ...user, id, name: `User ${number}`, staff_organization_id: null })),
    ],
    email_addresses: userIds.map((user_id, number) => ({
      address: `user${number}@academy.test`,
      user_id,
      is_primary: true,
    })),
    account_permissions: [{ user_id: CALLER.userId, permission: 'OBTAIN_ACCESS_TOKENS' }],
    groups: groupIds.map((id, number) => ({
      id,
      organization_id,
      name: `Class ${number}`,
      description: '',
      created_at,
      last_edited_at: created_at,
    })),
    memberships: userIds.map((user_id, number) => ({
      user_id,
      group_id: groupIds[number % GROUPS],
      status: 'JOINED',
      joined_at: created_at,
    })),
    group_staff: groupIds.map((group_id) => ({ user_id: CALLER.userId, group_id, permission: 'MANAGE' })),
    clients: [{ id: CALLER.clientId, name: 'Host', organization_id, created_at }],
  };
}

function numbersTo(count) {
  return Array.from({ length: count }, (_, number) => number);
}

function idOf(name) {
  return digestOf(name).toString('base64url');
}

function digestOf(name) {
  return createHash('sha256').update(name).digest().subarray(0, 16);
}
