// The people and groups in the databases. IDs are derived from names, so that every process knows them.
import { createHash } from 'node:crypto';
import { searchTerms } from '../dist/src/common/search-text.js';

const USERS_PER_GROUP = 10;
const GROUPS_PER_USER = 5;
/** Any instant will do. */
const INSTANT = '2026-01-01 00:00:00.000';
const ORGANIZATION_ID = idOf('organization');

/** A staff user of the organization who manages every group through its client. */
export const CALLER = { userId: idOf('caller'), clientId: digestOf('client').toString('hex') };

export function userId(number) {
  return idOf(`user ${number}`);
}

export function emailAddress(number) {
  return `user${String(number).padStart(7, '0')}@academy.test`;
}

export function groupId(number) {
  return idOf(`group ${number}`);
}

export function groupsFor(users) {
  return users / USERS_PER_GROUP;
}

/**
 * The rows of each table, in an order that satisfies foreign keys. Within a table they are in the order of its primary
 * key, because such a table is filled many times faster.
 */
export function tables(users) {
  const groups = groupsFor(users);
  const usersInOrder = inOrder(users, userId);
  const groupsInOrder = inOrder(groups, groupId);
  return {
    organizations: [{ id: ORGANIZATION_ID, name: 'Academy', created_at: INSTANT }],
    users: userRows(usersInOrder),
    email_addresses: emailRows(users),
    user_search_terms: termRows('user_id', usersInOrder, (number) => [userName(number), emailAddress(number)]),
    account_permissions: [{ user_id: CALLER.userId, permission: 'OBTAIN_ACCESS_TOKENS' }],
    groups: groupRows(groupsInOrder),
    group_search_terms: termRows('group_id', groupsInOrder, (number) => [groupName(number)]),
    memberships: membershipRows(usersInOrder, groups),
    group_staff: groupsInOrder.map(({ id }) => ({ user_id: CALLER.userId, group_id: id, permission: 'MANAGE' })),
    clients: [{ id: CALLER.clientId, name: 'Host', organization_id: ORGANIZATION_ID, created_at: INSTANT }],
  };
}

function* userRows(usersInOrder) {
  const user = { type: 'USER', status: 'ACTIVE', organization_id: ORGANIZATION_ID, created_at: INSTANT };
  yield { ...user, id: CALLER.userId, name: 'Host system', staff_organization_id: ORGANIZATION_ID };
  for (const { id, number } of usersInOrder) yield { ...user, id, name: userName(number), staff_organization_id: null };
}

function* emailRows(users) {
  for (let number = 0; number < users; number++)
    yield { address: emailAddress(number), user_id: userId(number), is_primary: true };
}

function* groupRows(groupsInOrder) {
  const group = { organization_id: ORGANIZATION_ID, description: '', created_at: INSTANT, last_edited_at: INSTANT };
  for (const { id, number } of groupsInOrder) yield { ...group, id, name: groupName(number) };
}

function* termRows(key, inOrder, textsOf) {
  for (const { id, number } of inOrder)
    for (const term of searchTerms(textsOf(number)).sort()) yield { [key]: id, term, organization_id: ORGANIZATION_ID };
}

function* membershipRows(usersInOrder, groups) {
  for (const { id, number } of usersInOrder) {
    // The step differs from user to user, so that users who share one group do not share all of them.
    const step = 1 + Math.floor(number / groups);
    const ids = Array.from({ length: GROUPS_PER_USER }, (_, nth) => groupId((number + nth * step) % groups));
    for (const group_id of ids.sort()) yield { user_id: id, group_id, status: 'JOINED', joined_at: INSTANT };
  }
}

function inOrder(count, idFor) {
  const rows = Array.from({ length: count }, (_, number) => ({ id: idFor(number), number }));
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The names of the users with their numbers, in the order of a list, as its cursor has them. */
export function namesInOrder(users) {
  const names = Array.from({ length: users }, (_, number) => [` user ${number}`, number]);
  return names.sort(([a], [b]) => (a < b ? -1 : 1));
}

function userName(number) {
  return `User ${number}`;
}

function groupName(number) {
  return `Class ${number}`;
}

function idOf(name) {
  return digestOf(name).toString('base64url');
}

function digestOf(name) {
  return createHash('sha256').update(name).digest().subarray(0, 16);
}
