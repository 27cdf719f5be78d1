import { findNamed, parseReference } from './access.js';
import { Refusal } from './refusal.js';
import { manages, toIso } from './world.js';
import type { Account, Caller, Group, World } from './world.js';

/** An account as the API shows it (docs/api.md, section 6.1). */
export function showUser(world: World, account: Account): Record<string, unknown> {
  const { type, id, name, emailAddress, locale, thirdPartyIds, status, created, lastLogin } = account;
  return {
    type: 'USER',
    serviceAccount: type === 'SERVICE_ACCOUNT' || undefined,
    id,
    name,
    realName: name,
    emailAddress,
    locale,
    organization: { type: 'ORGANIZATION', ...world.organization },
    created: toIso(created),
    memberSince: toIso(created),
    lastLogin: lastLogin && toIso(lastLogin),
    thirdPartyIds,
    status,
  };
}

/** @throws Refusal `nonexistent_user` */
export function readUser(world: World, caller: Caller, reference: string): object {
  const user = findNamed(world, caller, reference);
  if (!user) throw new Refusal('nonexistent_user');
  return showUser(world, user);
}

/** @throws Refusal `no_permission`, `account_exists` and the errors of the fields */
export function createUser(world: World, caller: Caller, fields: Map<string, string>): object {
  if (!caller.account.permissions.has('MANAGE_USERS')) throw new Refusal('no_permission');
  const name = fields.get('name') ?? fields.get('realName');
  const [emailAddress, thirdParty, id] = ['emailAddress', 'thirdParty', 'thirdPartyId'].map((field) =>
    fields.get(field),
  );
  if (emailAddress !== undefined && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(emailAddress))
    throw new Refusal('email_address_invalid', undefined, { members: { field: 'emailAddress' } });
  if (!name) throw new Refusal('real_name_not_specified');
  if (emailAddress === undefined && thirdParty === undefined) throw new Refusal('email_address_not_specified');
  const known = emailAddress === undefined ? undefined : world.find({ emailAddress });
  if (known) throw new Refusal('account_exists', undefined, { members: { userId: known.id } });
  if (thirdParty !== undefined && world.find({ thirdParty, id })) throw new Refusal('third_party_id_in_use');
  const thirdPartyIds = thirdParty === undefined ? {} : { [thirdParty]: id ?? '' };
  const locale = fields.get('locale');
  return showUser(world, world.addUser({ name, emailAddress, locale, thirdPartyIds }));
}

/** Lets a user join a group, or invites them. @throws Refusal */
export function addMember(world: World, caller: Caller, groupId: string, reference: string): object {
  const group = requireManaged(world, caller, groupId);
  const user = findNamed(world, caller, reference);
  if (!user) throw new Refusal('unknown_user');
  if (user.type !== 'USER') throw new Refusal('unknown_user', 'A service account cannot be in a group.');
  const before = group.members.get(user.id)?.status;
  const joins = caller.account.permissions.has('MANAGE_USERS') || world.managesGroupOf(caller.account, user.id);
  if (before === 'JOINED') throw new Refusal('already_member');
  if (before === 'INVITED' && !joins) throw new Refusal('already_invited');
  const [status, since] = [joins ? 'JOINED' : 'INVITED', world.now()] as const;
  group.members.set(user.id, { status, since });
  return { member: showUser(world, user), [joins ? 'joined' : 'invited']: toIso(since), status };
}

/** @throws Refusal */
export function removeMember(world: World, caller: Caller, groupId: string, reference: string): object {
  const group = requireManaged(world, caller, groupId);
  parseReference(reference);
  const user = findNamed(world, caller, reference);
  if (!user || !group.members.delete(user.id)) throw new Refusal('not_group_member');
  return { description: 'The user is no longer in the group.' };
}

function requireManaged(world: World, { account }: Caller, id: string): Group {
  const group = world.groups.get(id);
  if (!group) throw new Refusal('group_not_found');
  if (!manages(account, group)) throw new Refusal('no_permission');
  return group;
}
