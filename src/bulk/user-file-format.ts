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
/** The columns that every file may have, beside one for each third party. */
export const COLUMNS = [...ACCOUNT_COLUMNS, 'group'] as const;
/** The prefix of columns with the IDs of a third party: `thirdPartyId.LMS`. */
export const THIRD_PARTY_ID = 'thirdPartyId.';

/** Separators of cells: a comma; a semicolon, which Excel writes where numbers have a decimal comma; or a tab. */
const SEPARATORS = [',', ';', '\t'] as const;
/** The export puts an apostrophe before texts that spreadsheets would read as formulas. */
export const ESCAPED_FORMULA = /^'(?=[=+\-@\t\r＝＋－＠])/u;

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
