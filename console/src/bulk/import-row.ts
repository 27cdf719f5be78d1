import { ACCOUNT_COLUMNS } from '../../../src/bulk/user-file-format.js';
import { isInstant, periodFault, wholeSecondOf } from '../../../src/common/instants.js';
import { canonicalLocale, isTimeZone } from '../../../src/common/locales.js';
import { api, dataOf, LatchkeyError } from '../api';
import type { Schemas } from '../api';
import type { Period } from '../rights/period';
import { fault } from './fault';
import type { ImportRow } from './import-file';

/** Characters, as the API counts them. */
const MAX_NAME = 255;
const MAX_DESCRIPTION = 2000;

/** What a row means, as the organization is now. */
export interface Plan {
  result: 'created' | 'changed' | 'unchanged';
  /** The account, if it is there. */
  user?: Schemas['User'];
  changes: Record<string, string>;
  newIds: [code: string, id: string][];
  /** The group that the user is to be in, and for which period. */
  joining?: { groupId: string; period: Period };
}

/** Finds groups by what files call them, and asks for each of them once. */
export type FindGroup = (text: string) => Promise<string>;

/**
 * Finds out what a row means, without changing anything.
 *
 * @throws LatchkeyError the fault of the row
 */
export async function planRow(row: ImportRow, findGroup: FindGroup): Promise<Plan> {
  const { fields, membership, thirdPartyIds } = row;
  requireGood(row);
  const references = thirdPartyIds.map(([code, id]) => `${code}$${id}`);
  if (fields.emailAddress) references.push(fields.emailAddress);
  if (references.length === 0) throw fault('email_address_not_specified');
  const found = await Promise.all(references.map(userOf));
  const users = new Map(found.flatMap((user) => (user ? [[user.id, user] as const] : [])));
  if (users.size > 1) throw fault('third_party_id_in_use');
  const [user] = users.values();
  if (!user && !fields.name) throw fault('real_name_not_specified');
  const { group, ...period } = membership;
  const joining = group === undefined ? undefined : { groupId: await findGroup(group), period };
  const before = (user ?? {}) as unknown as Record<string, unknown>;
  const changes = Object.fromEntries(
    ACCOUNT_COLUMNS.flatMap((field) => {
      const value = fields[field];
      return value === undefined || value === String(before[field] ?? '') ? [] : [[field, value]];
    }),
  );
  const newIds = thirdPartyIds.filter(
    ([code, id]) => !user?.thirdPartyIds?.some((one) => one.thirdParty === code && one.id === id),
  );
  const isChanged = Object.keys(changes).length > 0 || newIds.length > 0;
  return { result: !user ? 'created' : isChanged ? 'changed' : 'unchanged', user, changes, newIds, joining };
}

/** The rules of the API that need nothing but the row. @throws LatchkeyError the fault of the row */
function requireGood({ error, fields, membership, thirdPartyIds }: ImportRow): void {
  if (error) throw error;
  const { name, emailAddress, locale, timeZone, description, yearOfBirth, domicile, status } = fields;
  const { validFrom, validUntil } = membership;
  const faults: [id: string, isGood: boolean][] = [
    ['real_name_not_specified', name === undefined || name.length <= MAX_NAME],
    ['email_address_invalid', emailAddress === undefined || /^\S+@\S+$/.test(emailAddress)],
    ['invalid_third_party_id', thirdPartyIds.every(([code, id]) => code !== '' && id !== '')],
    ['locale_invalid', locale === undefined || canonicalLocale(locale) !== null],
    ['invalid_time_zone', timeZone === undefined || isTimeZone(timeZone)],
    ['invalid_description', description === undefined || description.length <= MAX_DESCRIPTION],
    ['year_of_birth_invalid', yearOfBirth === undefined || /^(?:19|20)\d\d$/.test(yearOfBirth)],
    ['residence_country_invalid', domicile === undefined || /^[A-Za-z]{2}$/.test(domicile)],
    ['invalid_status', status === undefined || ['ACTIVE', 'BLOCKED'].includes(status)],
    ['invalid_instant', [validFrom, validUntil].every((limit) => limit === undefined || isInstant(limit))],
  ];
  const found = faults.find(([, isGood]) => !isGood);
  if (found) throw fault(found[0]);
  const [from, until] = [validFrom, validUntil].map((limit) => (limit === undefined ? null : wholeSecondOf(limit)));
  if (periodFault(from!, until!, new Date()) !== null) throw fault('invalid_period');
}

/**
 * Does what a row means, by the calls for one account and under their rules. A row that is imported again changes
 * nothing.
 */
export async function applyRow({ user: existing, changes, newIds, joining }: Plan): Promise<void> {
  const { status, ...fields } = changes;
  const [first, ...others] = newIds;
  const [thirdParty, thirdPartyId] = first ?? [];
  // The fields of a file are text, as those of a form are.
  const body = fields as unknown as Schemas['UserFields'];
  const id =
    existing?.id ?? (await dataOf(api.POST('/api/2.1.1/users', { body: { ...body, thirdParty, thirdPartyId } }))).id;
  const params = { path: { user: id } };
  const rest = existing ? changes : status === 'BLOCKED' ? { status } : {};
  if (Object.keys(rest).length > 0) await api.PUT('/api/2.1.1/user/{user}', { params, body: rest });
  for (const [code, value] of existing ? newIds : others)
    await api.PUT('/api/2.1.1/user/{user}/third-party-id/{thirdPartyId}', {
      params: { path: { user: id, thirdPartyId: `${code}$${value}` } },
    });
  if (!joining) return;
  const { results } = await dataOf(
    api.POST('/api/2.1.1/group/{group}/members', {
      params: { path: { group: joining.groupId } },
      body: { users: [id], ...joining.period },
    }),
  );
  const error = results[0]?.error;
  if (error && error.id !== 'already_member') throw fault(error.id, error.description);
}

/** Finds a group that the reader manages by its ID, its reference or its name. */
export function groupFinder(): FindGroup {
  const known = new Map<string, Promise<string>>();
  return (text) => {
    if (!known.has(text)) known.set(text, findGroup(text));
    return known.get(text)!;
  };
}

async function findGroup(text: string): Promise<string> {
  const permission = 'MANAGE' as const;
  const groups = async (query: { query?: string; customReference?: string }): Promise<Schemas['Group'][]> =>
    (await dataOf(api.GET('/api/2.1.1/groups', { params: { query: { ...query, permission, resultSize: 100 } } })))
      .groups;
  const referred = await groups({ customReference: text });
  const found = referred.length > 0 ? referred : (await groups({ query: text })).filter(({ name }) => name === text);
  if (found.length !== 1) throw fault(found.length === 0 ? 'group_not_found' : 'ambiguous_group');
  return found[0]!.id;
}

async function userOf(reference: string): Promise<Schemas['User'] | null> {
  try {
    return await dataOf(api.GET('/api/2.1.1/user/{user}', { params: { path: { user: reference } } }));
  } catch (error) {
    if (error instanceof LatchkeyError && error.id === 'nonexistent_user') return null;
    throw error;
  }
}
