import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { DomainError } from '../common/errors/errors.js';
import { toDto } from '../common/errors/validation.js';
import { isText } from '../common/text.js';
import { UserChangesDto } from '../users/dto/user-fields.dto.js';
import { parseThirdPartyId } from '../users/user-ref.js';
import type { ThirdPartyIdRef } from '../users/user-ref.js';
import { requireUtf8 } from './require-utf8.js';

/** The columns that every file may have, beside one for each third party. */
export const COLUMNS = [
  'name',
  'emailAddress',
  'locale',
  'timeZone',
  'description',
  'yearOfBirth',
  'domicile',
  'status',
  'group',
] as const;
/** What a column is called that has the IDs of a third party: `thirdPartyId.LMS`. */
export const THIRD_PARTY_ID = 'thirdPartyId.';

/** Characters of one row. */
const MAX_ROW = 64 * 1024;
/** What spreadsheets take for a formula is exported with an apostrophe before it. */
const ESCAPED_FORMULA = /^'(?=[=+\-@\t\r＝＋－＠])/u;

/** A user, and a group that they are in, as a row of a file says it. What it does not say is left out. */
export interface UserRow {
  line: number;
  fields: UserChangesDto;
  thirdPartyIds: ThirdPartyIdRef[];
  group: string | null;
}

/** A row that can't be read. */
export interface Fault {
  line: number;
  error: DomainError;
}

/** A file that can't be imported as a whole. */
export class UnreadableFile extends Error {}

/**
 * The rows of a CSV file with a header, as they come, each with how many bytes of the file have been read.
 *
 * @throws UnreadableFile for a header or quotes that make no sense
 */
export async function* readUserFile(path: string): AsyncGenerator<{ row: UserRow | Fault; bytes: number }> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW,
  });
  // Whatever goes wrong ends the parser too, whose reader hears of it.
  pipeline(createReadStream(path), requireUtf8, parser, () => {});
  let header: string[] | undefined;
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number; bytes: number };
    }>) {
      if (header) yield { row: readRow(header, record, line), bytes: info.bytes };
      else header = readHeader(record);
      // A row may go over several lines; it is named by the first of them.
      line = info.lines + 1;
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('CSV_'))
      throw new UnreadableFile(`line ${line}: ${(error as Error).message}`);
    throw error;
  }
  if (!header) throw new UnreadableFile('The file is empty. Its first line names the columns.');
}

function readHeader(names: string[]): string[] {
  const header = names.map((name) => name.trim());
  const known = new Set<string>([...COLUMNS, 'realName', 'thirdParty', 'thirdPartyId']);
  const unknown = header.filter((name) => !known.has(name) && !name.startsWith(THIRD_PARTY_ID));
  if (header.length === 1 && /[;\t]/.test(header[0]!))
    throw new UnreadableFile('The columns have to be separated by commas.');
  if (unknown.length > 0)
    throw new UnreadableFile(
      `There is no column ${JSON.stringify(unknown[0])}. The columns are ${[...known].join(', ')} and ${THIRD_PARTY_ID}CODE for each third party.`,
    );
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new UnreadableFile(`The column ${twice} is there twice.`);
  return header;
}

function readRow(header: string[], cells: string[], line: number): UserRow | Fault {
  try {
    return { line, ...readCells(header, cells) };
  } catch (error) {
    if (error instanceof DomainError) return { line, error };
    throw error;
  }
}

function readCells(header: string[], cells: string[]): Omit<UserRow, 'line'> {
  if (cells.length !== header.length)
    throw new DomainError('invalid_request', `The row has ${cells.length} cells; the header names ${header.length}.`);
  const row = new Map<string, string>();
  for (const [index, cell] of cells.entries()) {
    if (!isText(cell)) throw new DomainError('invalid_request', 'The row holds a NUL.');
    const value = cell.replace(ESCAPED_FORMULA, '').trim();
    if (value !== '') row.set(header[index]!, value);
  }
  const { thirdParty, thirdPartyId, group = null, ...fields } = Object.fromEntries(row);
  const thirdPartyIds = [...row]
    .filter(([name]) => name.startsWith(THIRD_PARTY_ID))
    .map(([name, id]) => parseThirdPartyId({ thirdParty: name.slice(THIRD_PARTY_ID.length), id }));
  if (thirdParty !== undefined || thirdPartyId !== undefined)
    thirdPartyIds.push(parseThirdPartyId({ thirdParty, id: thirdPartyId }));
  for (const name of Object.keys(fields)) if (name.startsWith(THIRD_PARTY_ID)) delete fields[name];
  return { fields: toDto(UserChangesDto, fields), thirdPartyIds, group };
}
