import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { DomainError } from '../common/errors/errors.js';
import { toDto } from '../common/errors/validation.js';
import { isText } from '../common/text.js';
import { PeriodDto } from '../users/dto/period.dto.js';
import { UserChangesDto } from '../users/dto/user-fields.dto.js';
import { parseThirdPartyId } from '../common/user-ref.js';
import type { ThirdPartyIdRef } from '../common/user-ref.js';
import { requireUtf8 } from './require-utf8.js';
import {
  HeaderFault,
  isBlank,
  lineEndsIn,
  MAX_ROW,
  PARSING,
  readCells,
  readHeader,
  RowFault,
  separatorOf,
} from './user-file-format.js';
import type { Header } from './user-file-format.js';

/** A row: a user, and a group that they are in, with the period for which they are. Empty cells are left out. */
export interface UserRow {
  line: number;
  fields: UserChangesDto;
  thirdPartyIds: ThirdPartyIdRef[];
  group: string | null;
  period: PeriodDto;
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
  const parser = parse({ ...PARSING, delimiter: await separatorIn(path) });
  // Any failure also ends the parser, whose reader then gets the error.
  pipeline(createReadStream(path), requireUtf8, parser, () => {});
  let header: Header | undefined;
  let line = 1;
  try {
    for await (const { record, raw, info } of parser as AsyncIterable<{
      record: string[];
      raw: string;
      info: { bytes: number };
    }>) {
      if (!isBlank(record)) {
        if (header) yield { row: readRow(header, record, line), bytes: info.bytes };
        else header = readHeader(record);
      }
      // A row with several lines is named by its first line. The parser's own count takes a quoted CRLF for two lines.
      line += lineEndsIn(raw);
    }
  } catch (error) {
    if (error instanceof HeaderFault) throw new UnreadableFile(error.message);
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

function readRow(header: Header, cells: string[], line: number): UserRow | Fault {
  try {
    if (!cells.every(isText)) throw new DomainError('invalid_request', 'The row contains a NUL character.');
    const { fields, membership, thirdPartyIds } = readCells(header, cells);
    const { group = null, ...period } = membership;
    return {
      line,
      fields: toDto(UserChangesDto, fields),
      thirdPartyIds: thirdPartyIds.map(parseThirdPartyId),
      group,
      period: toDto(PeriodDto, period),
    };
  } catch (error) {
    if (error instanceof DomainError) return { line, error };
    if (error instanceof RowFault) return { line, error: new DomainError('invalid_request', error.message) };
    throw error;
  }
}
