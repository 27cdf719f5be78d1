import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { DomainError } from '../common/errors/errors.js';
import { toDto } from '../common/errors/validation.js';
import { isText } from '../common/text.js';
import { UserChangesDto } from '../users/dto/user-fields.dto.js';
import { parseThirdPartyId } from '../common/user-ref.js';
import type { ThirdPartyIdRef } from '../common/user-ref.js';
import { requireUtf8 } from './require-utf8.js';
import { COLUMNS, ESCAPED_FORMULA, lineEndsIn, separatorOf, THIRD_PARTY_ID } from './user-file-format.js';

/** Characters of a row. */
const MAX_ROW = 64 * 1024;

/** A row: a user, and a group that they are in. Empty cells are left out. */
export interface UserRow {
  line: number;
  fields: UserChangesDto;
  thirdPartyIds: ThirdPartyIdRef[];
  group: string | null;
}

/** A row that is not valid. */
export interface Fault {
  line: number;
  error: DomainError;
}

/** The error for a file that can't be imported at all. */
export class UnreadableFile extends Error {}

/**
 * Reads the rows of a CSV file with a header. Each comes with the number of bytes read so far. The header decides the
 * separator. Rows without any text are skipped.
 *
 * @throws UnreadableFile if the header or the quotes are malformed
 */
export async function* readUserFile(path: string): AsyncGenerator<{ row: UserRow | Fault; bytes: number }> {
  const parser = parse({
    bom: true,
    info: true,
    raw: true,
    delimiter: await separatorIn(path),
    relax_column_count: true,
    max_record_size: MAX_ROW,
  });
  // Any failure also ends the parser, whose reader then gets the error.
  pipeline(createReadStream(path), requireUtf8, parser, () => {});
  let header: (string | null)[] | undefined;
  let line = 1;
  try {
    for await (const { record, raw, info } of parser as AsyncIterable<{
      record: string[];
      raw: string;
      info: { bytes: number };
    }>) {
      if (record.some((cell) => cell.trim() !== '')) {
        if (header) yield { row: readRow(header, record, line), bytes: info.bytes };
        else header = readHeader(record);
      }
      // A row with several lines is named by its first line. The parser's own count takes a quoted CRLF for two lines.
      line += lineEndsIn(raw);
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('CSV_'))
      throw new UnreadableFile(`line ${line}: ${(error as Error).message}`);
    throw error;
  }
  if (!header) throw new UnreadableFile('The file is empty. Its first line must name the columns.');
}

async function separatorIn(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_ROW) });
    return separatorOf(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}

const KNOWN_COLUMNS = [...COLUMNS, 'realName', 'thirdParty', 'thirdPartyId'];

/**
 * The name of each column in the spelling of this file; `null` for a column without a name, which may not have cells
 * either.
 */
function readHeader(cells: string[]): (string | null)[] {
  const header = cells.map((cell) => columnOf(cell.trim()));
  const twice = header.find((name, index) => name !== null && header.indexOf(name) !== index);
  if (twice) throw new UnreadableFile(`The column ${twice} appears twice.`);
  return header;
}

function columnOf(name: string): string | null {
  if (name === '') return null;
  if (name.toLowerCase().startsWith(THIRD_PARTY_ID.toLowerCase()))
    return THIRD_PARTY_ID + name.slice(THIRD_PARTY_ID.length);
  const known = KNOWN_COLUMNS.find((one) => one.toLowerCase() === name.toLowerCase());
  if (known) return known;
  throw new UnreadableFile(
    `There is no column ${JSON.stringify(name)}. The columns are ${KNOWN_COLUMNS.join(', ')} and ${THIRD_PARTY_ID}CODE for each third party.`,
  );
}

function readRow(header: (string | null)[], cells: string[], line: number): UserRow | Fault {
  try {
    return { line, ...readCells(header, cells) };
  } catch (error) {
    if (error instanceof DomainError) return { line, error };
    throw error;
  }
}

function readCells(header: (string | null)[], cells: string[]): Omit<UserRow, 'line'> {
  if (cells.length < header.findLastIndex((name) => name !== null) + 1)
    throw new DomainError(
      'invalid_request',
      `The row has ${cells.length} cells, but the header has ${header.length} columns.`,
    );
  const row = new Map<string, string>();
  for (const [index, cell] of cells.entries()) {
    if (!isText(cell)) throw new DomainError('invalid_request', 'The row contains a NUL character.');
    const value = cell.replace(ESCAPED_FORMULA, '').trim();
    const name = header[index];
    if (value === '') continue;
    if (!name) throw new DomainError('invalid_request', `Cell ${index + 1} has no column name in the header.`);
    row.set(name, value);
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
