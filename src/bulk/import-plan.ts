import { In } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { wholeSecondOf } from '../common/instants.js';
import { newId } from '../common/id.js';
import { hasEnded, isSamePeriod, periodOf } from '../rights/period.js';
import type { Period } from '../rights/period.js';
import type { UserChangesDto } from '../users/dto/user-fields.dto.js';
import { AccountPermission } from '../schema/entities/account-permission.entity.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import type { Membership } from '../schema/entities/membership.entity.js';
import { ThirdPartyId } from '../schema/entities/third-party-id.entity.js';
import type { ThirdPartyIdRef } from '../common/user-ref.js';
import type { User } from '../schema/entities/user.entity.js';
import { profileOf } from '../users/users.service.js';
import type { GroupNames } from './group-names.js';
import { readUsers } from './read-users.js';
import type { UserRecord } from './read-users.js';
import type { UserRow } from './user-file.js';

/** An account that the rows refer to, as the import will leave it. */
export interface Account {
  id: string;
  /** The account in the database; `null` if the import creates it. */
  user: User | null;
  emailAddress: string | undefined;
  /** The changes to the account. */
  fields: UserChangesDto;
  thirdPartyIds: Map<string, string>;
  newThirdPartyIds: ThirdPartyIdRef[];
  isChanged: boolean;
  managesStaff: boolean;
}

export type Outcome = 'created' | 'changed' | 'unchanged';

/** A membership that the import writes. */
export interface PlannedMembership extends Period {
  userId: string;
  groupId: string;
  /** What it is in the database; `null` if there is neither a membership nor an invitation. */
  before: Membership['status'] | null;
  /** Whether the user becomes a member. Otherwise only the period changes. */
  joins: boolean;
}

/** What a row does to a membership. Somebody who was invited, or whose membership had ended, joins. */
export type MembershipOutcome = 'joined' | 'changed' | 'unchanged';

/** The organization that an import changes. */
export interface ImportTarget {
  organizationId: string;
  thirdParties: Set<string>;
  groups: GroupNames;
  createGroups: boolean;
  now: Date;
}

/**
 * Plans what the rows of a file change in the database. It only reads. What is planned for one row is visible to the
 * next, so that several rows can refer to one account.
 */
export class ImportPlan {
  /** The planned owner of each new e-mail address and third-party ID, and below the existing owners. */
  private readonly newOwners = new Map<string, string>();
  private readonly owners = new Map<string, string>();
  private readonly newAccounts = new Map<string, Account>();
  private readonly accounts = new Map<string, Account>();
  /** The memberships and invitations as they will be, by account and group. */
  private readonly memberships = new Map<string, Pick<Membership, 'status'> & Period>();
  /** For each account, the values that rows have given and the first line of each. */
  private readonly givenValues = new Map<string, Map<string, { value: unknown; line: number }>>();
  private readonly writtenMemberships = new Map<string, PlannedMembership>();
  readonly newGroups: { id: string; name: string }[] = [];

  constructor(private readonly target: ImportTarget) {}

  created(): Account[] {
    return [...this.newAccounts.values()];
  }

  changed(): (Account & { user: User })[] {
    return [...this.accounts.values()].filter(
      (account): account is Account & { user: User } => account.user !== null && account.isChanged,
    );
  }

  plannedMemberships(): PlannedMembership[] {
    return [...this.writtenMemberships.values()];
  }

  /** Reads what the rows refer to. */
  async read(db: EntityManager, rows: UserRow[]): Promise<void> {
    const addresses = rows.flatMap(({ fields }) => (fields.emailAddress ? [fields.emailAddress] : []));
    const externalIds = rows.flatMap(({ thirdPartyIds }) => thirdPartyIds.map(({ id }) => id));
    const wanted = new Set(rows.flatMap(({ thirdPartyIds }) => thirdPartyIds.map(keyOf)));
    for (const { address, userId } of await db.findBy(EmailAddress, { address: In(addresses) }))
      this.owners.set(`e${address}`, userId);
    const codes = [...new Set(rows.flatMap(({ thirdPartyIds }) => thirdPartyIds.map(({ thirdParty }) => thirdParty)))];
    for (const some of chunks(externalIds))
      for (const { thirdParty, externalId, userId } of await db.findBy(ThirdPartyId, {
        thirdParty: In(codes),
        externalId: In(some),
      })) {
        const key = keyOf({ thirdParty, id: externalId });
        if (wanted.has(key)) this.owners.set(key, userId);
      }
    const ids = [...new Set(this.owners.values())];
    const managers = await db.findBy(AccountPermission, { userId: In(ids), permission: 'MANAGE_STAFF' });
    for (const record of await readUsers(db, { id: In(ids) })) {
      const { id } = record.user;
      this.accounts.set(
        id,
        accountOf(
          record,
          managers.some(({ userId }) => userId === id),
        ),
      );
      for (const membership of record.memberships) this.memberships.set(`${id} ${membership.groupId}`, membership);
    }
  }

  /** Forgets what was read and keeps what is planned, which the next rows may refer to. */
  forgetExisting(): void {
    for (const known of [this.owners, this.accounts, this.memberships, this.writtenMemberships]) known.clear();
  }

  /** Plans a row, completely or not at all. @throws DomainError the fault of the row */
  add(row: UserRow): { outcome: Outcome; membership: MembershipOutcome } {
    const codes = row.thirdPartyIds.map(({ thirdParty }) => thirdParty);
    const foreign = codes.find((code) => !this.target.thirdParties.has(code));
    if (foreign !== undefined)
      throw new DomainError('invalid_third_party_id', `The organization has no third party ${foreign}.`);
    const account = this.accountOf(row);
    requireOneIdForEach(row.thirdPartyIds, account?.thirdPartyIds ?? new Map());
    const groupId = row.group === null ? null : this.groupOf(row.group);
    const given = { ...stateOf(row.fields), ...periodGiven(row, groupId) };
    if (account) this.requireNoContradiction(account, given);
    const known = account && groupId ? this.memberships.get(`${account.id} ${groupId}`) : undefined;
    const period = periodOf(row.period, known ?? null, this.target.now);
    const outcome = account ? this.change(account, row) : 'created';
    const { id } = account ?? this.create(row);
    this.remember(id, row.line, given);
    return { outcome, membership: groupId === null ? 'unchanged' : this.join(id, groupId, period) };
  }

  private ownersOf({ fields, thirdPartyIds }: UserRow): string[] {
    const keys = thirdPartyIds.map(keyOf);
    if (fields.emailAddress) keys.push(`e${fields.emailAddress}`);
    return [...new Set(keys.flatMap((key) => this.owners.get(key) ?? this.newOwners.get(key) ?? []))];
  }

  private accountOf(row: UserRow): Account | null {
    const [first, second] = this.ownersOf(row);
    if (second !== undefined)
      throw new DomainError('third_party_id_in_use', 'The e-mail address and the IDs belong to different accounts.');
    if (first === undefined) return null;
    const account = this.accounts.get(first) ?? this.newAccounts.get(first)!;
    if (account.user && (account.user.organizationId !== this.target.organizationId || account.user.type !== 'USER'))
      throw new DomainError(
        'account_exists',
        'The organization does not manage the account that has this address or ID.',
      );
    return account;
  }

  /** If two rows contradict each other, only the author of the file knows which one is right. */
  private requireNoContradiction({ id }: Account, given: object): void {
    for (const [name, value] of Object.entries(given)) {
      const before = this.givenValues.get(id)?.get(name);
      if (before && value !== undefined && before.value !== value)
        throw new DomainError(
          'invalid_request',
          `Line ${before.line} gives the same user the ${name.replace(/ .*/, '')} ${JSON.stringify(before.value)}, and this line ${JSON.stringify(value)}.`,
        );
    }
  }

  private remember(id: string, line: number, given: object): void {
    const values = this.givenValues.get(id) ?? new Map<string, { value: unknown; line: number }>();
    for (const [name, value] of Object.entries(given))
      if (value !== undefined && !values.has(name)) values.set(name, { value, line });
    this.givenValues.set(id, values);
  }

  private create({ fields, thirdPartyIds }: UserRow): Account {
    if (!fields.name && !fields.realName) throw new DomainError('real_name_not_specified');
    if (!fields.emailAddress && thirdPartyIds.length === 0) throw new DomainError('email_address_not_specified');
    const account: Account = {
      id: newId(),
      user: null,
      emailAddress: undefined,
      fields,
      thirdPartyIds: new Map(),
      newThirdPartyIds: [],
      isChanged: true,
      managesStaff: false,
    };
    this.newAccounts.set(account.id, account);
    this.setOwner(account, fields, thirdPartyIds);
    return account;
  }

  private change(account: Account, { fields, thirdPartyIds }: UserRow): Outcome {
    if (account.managesStaff && fields.status === 'BLOCKED' && account.user?.status !== 'BLOCKED')
      throw new DomainError('no_access', 'The account can manage staff. It can only be blocked through the API.');
    const added = thirdPartyIds.filter(({ thirdParty }) => !account.thirdPartyIds.has(thirdParty));
    if (added.length === 0 && !isDifferent(account, fields)) return 'unchanged';
    account.fields = Object.assign(account.fields, fields);
    account.isChanged = true;
    this.setOwner(account, fields, added);
    return 'changed';
  }

  private setOwner(account: Account, { emailAddress }: UserChangesDto, thirdPartyIds: ThirdPartyIdRef[]): void {
    const owners = account.user ? this.owners : this.newOwners;
    if (emailAddress) owners.set(`e${emailAddress}`, account.id);
    for (const thirdPartyId of thirdPartyIds) {
      owners.set(keyOf(thirdPartyId), account.id);
      account.thirdPartyIds.set(thirdPartyId.thirdParty, thirdPartyId.id);
      account.newThirdPartyIds.push(thirdPartyId);
    }
  }

  private groupOf(name: string): string {
    const { groups, createGroups } = this.target;
    const id = groups.find(name);
    if (id) return id;
    if (groups.isAmbiguous(name))
      throw new DomainError('unknown_group', `Several groups are called ${JSON.stringify(name)}. Give the ID.`);
    if (!createGroups)
      throw new DomainError(
        'unknown_group',
        `There is no group ${JSON.stringify(name)}. Use --create-groups to create it.`,
      );
    if ([...name].length > 255) throw new DomainError('invalid_name');
    const made = groups.make(name);
    this.newGroups.push({ id: made, name });
    return made;
  }

  private join(userId: string, groupId: string, period: Period): MembershipOutcome {
    const key = `${userId} ${groupId}`;
    const known = this.memberships.get(key);
    const isMember = known?.status === 'JOINED' && !hasEnded(known, this.target.now);
    if (isMember && isSamePeriod(known, period)) return 'unchanged';
    const earlier = this.writtenMemberships.get(key);
    const before = earlier ? earlier.before : (known?.status ?? null);
    const joins = !isMember || earlier?.joins === true;
    this.writtenMemberships.set(key, { userId, groupId, before, joins, ...period });
    this.memberships.set(key, { status: 'JOINED', ...period });
    return isMember ? 'changed' : 'joined';
  }
}

/** Splits values into as many as one statement can take on both engines. */
function* chunks(values: string[]): Generator<string[]> {
  for (let start = 0; start < values.length; start += 10_000) yield values.slice(start, start + 10_000);
}

function keyOf({ thirdParty, id }: Pick<ThirdPartyIdRef, 'thirdParty' | 'id'>): string {
  return `t${thirdParty}$${id}`;
}

function accountOf({ user, emailAddress, thirdPartyIds }: UserRecord, managesStaff: boolean): Account {
  return {
    id: user.id,
    user,
    emailAddress,
    fields: {},
    thirdPartyIds,
    newThirdPartyIds: [],
    isChanged: false,
    managesStaff,
  };
}

function requireOneIdForEach(given: ThirdPartyIdRef[], before: Map<string, string>): void {
  const all = new Map(before);
  for (const { thirdParty, id } of given) {
    if ((all.get(thirdParty) ?? id) !== id)
      throw new DomainError('third_party_already_assigned', `The account already has another ID of ${thirdParty}.`);
    all.set(thirdParty, id);
  }
}

/** Whether a row changes anything about an account. */
function isDifferent({ user, emailAddress, fields: planned }: Account, fields: UserChangesDto): boolean {
  return hasDifferentValue({ status: 'ACTIVE', ...user, emailAddress, ...stateOf(planned) }, stateOf(fields));
}

/** The columns for the fields. */
function stateOf(fields: UserChangesDto): object {
  const { emailAddress, status } = fields;
  return { ...profileOf(fields), ...(emailAddress && { emailAddress }), ...(status && { status }) };
}

function hasDifferentValue(before: object, after: object): boolean {
  return Object.entries(after).some(([name, value]) => value !== undefined && before[name as never] !== value);
}

/** The limits that a row gives to a membership, each by its name and the group. */
function periodGiven({ period }: UserRow, groupId: string | null): object {
  return Object.fromEntries(
    Object.entries(period).map(([limit, instant]) => [`${limit} ${groupId}`, instant && toIso(wholeSecondOf(instant))]),
  );
}
