/** The form of a file with users. The service and the console read it alike. */

/** The columns of an account. */
export const ACCOUNT_COLUMNS = [
  'name',
  'emailAddress',
  'locale',
  'timeZone',
  'description',
  'yearOfBirth',
  'domicile',
  'status',
] as const;
/** The columns of a membership: the group, and from when until when it counts. */
export const MEMBERSHIP_COLUMNS = ['group', 'validFrom', 'validUntil'] as const;
/** The columns that every file may have, beside one for each third party. */
export const COLUMNS = [...ACCOUNT_COLUMNS, ...MEMBERSHIP_COLUMNS] as const;
/** The prefix of columns with the IDs of a third party: `thirdPartyId.LMS`. */
export const THIRD_PARTY_ID = 'thirdPartyId.';
/** `realName` is the same as `name`, and the other two together are the same as `thirdPartyId.CODE`. */
const KNOWN_COLUMNS = [...COLUMNS, 'realName', 'thirdParty', 'thirdPartyId'] as const;

/** Characters of a row. */
export const MAX_ROW = 64 * 1024;
/** How a parser of `csv-parse` reads the rows of a file. */
export const PARSING = {
  bom: true,
  info: true,
  raw: true,
  relax_column_count: true,
  max_record_size: MAX_ROW,
} as const;

/** Separators of cells: a comma; a semicolon, which Excel writes where numbers have a decimal comma; or a tab. */
const SEPARATORS = [',', ';', '\t'] as const;
/** The export puts an apostrophe before texts that spreadsheets would read as formulas. */
const ESCAPED_FORMULA = /^'(?=[=+\-@\t\r＝＋－＠])/u;

/** A header that names a column which there is not, or one column twice. */
export class HeaderFault extends Error {}

/** Cells that don't fit the header. */
export class RowFault extends Error {}

/** The name of each column; `null` for a column without a name, which may not have cells either. */
export type Header = (string | null)[];

/** A third-party ID as a row gives it. One of the parts is missing if only one of its two cells is filled. */
export interface GivenThirdPartyId {
  thirdParty?: string;
  id?: string;
}

/** The filled cells of a row. */
export interface Cells {
  fields: Partial<Record<(typeof ACCOUNT_COLUMNS)[number] | 'realName', string>>;
  membership: Partial<Record<(typeof MEMBERSHIP_COLUMNS)[number], string>>;
  thirdPartyIds: GivenThirdPartyId[];
}

/** The separator that occurs most often in the header, with which `text` begins. */
export function separatorOf(text: string): string {
  const [names = ''] = text.trimStart().split(/[\r\n]/, 1);
  const count = (separator: string): number => names.split(separator).length;
  return SEPARATORS.reduce((best, one) => (count(one) > count(best) ? one : best));
}

/** How many lines end in a part of a file. */
export function lineEndsIn(text: string): number {
  return text.match(/\r\n|[\r\n]/g)?.length ?? 0;
}

/** Whether a row has no text at all. Such a row is skipped. */
export function isBlank(cells: string[]): boolean {
  return cells.every((cell) => cell.trim() === '');
}

/** Reads the names of columns, in upper or lower case. @throws HeaderFault */
export function readHeader(cells: string[]): Header {
  const header = cells.map((cell) => columnOf(cell.trim()));
  const twice = header.find((name, index) => name !== null && header.indexOf(name) !== index);
  if (twice) throw new HeaderFault(`The column ${twice} appears twice.`);
  return header;
}

/** Reads the cells of a row. @throws RowFault */
export function readCells(header: Header, cells: string[]): Cells {
  if (cells.length < header.findLastIndex((name) => name !== null) + 1)
    throw new RowFault(`The row has ${cells.length} cells, but the header has ${header.length} columns.`);
  const row = new Map<string, string>();
  for (const [index, cell] of cells.entries()) {
    const value = cell.replace(ESCAPED_FORMULA, '').trim();
    const name = header[index];
    if (value === '') continue;
    if (!name) throw new RowFault(`Cell ${index + 1} has no column name in the header.`);
    row.set(name, value);
  }
  const pick = (names: readonly string[]): object =>
    Object.fromEntries([...row].filter(([name]) => names.includes(name)));
  const membership: Cells['membership'] = pick(MEMBERSHIP_COLUMNS);
  if (membership.group === undefined && Object.keys(membership).length > 0)
    throw new RowFault('The row has validFrom or validUntil, but no group that it is for.');
  const thirdPartyIds: GivenThirdPartyId[] = [...row]
    .filter(([name]) => name.startsWith(THIRD_PARTY_ID))
    .map(([name, id]) => ({ thirdParty: name.slice(THIRD_PARTY_ID.length), id }));
  const [thirdParty, id] = [row.get('thirdParty'), row.get('thirdPartyId')];
  if (thirdParty !== undefined || id !== undefined) thirdPartyIds.push({ thirdParty, id });
  return { fields: pick([...ACCOUNT_COLUMNS, 'realName']), membership, thirdPartyIds };
}

function columnOf(name: string): string | null {
  if (name === '') return null;
  if (name.toLowerCase().startsWith(THIRD_PARTY_ID.toLowerCase()))
    return THIRD_PARTY_ID + name.slice(THIRD_PARTY_ID.length);
  const known = KNOWN_COLUMNS.find((one) => one.toLowerCase() === name.toLowerCase());
  if (known) return known;
  throw new HeaderFault(
    `There is no column ${JSON.stringify(name)}. The columns are ${KNOWN_COLUMNS.join(', ')} and ${THIRD_PARTY_ID}CODE for each third party.`,
  );
}
