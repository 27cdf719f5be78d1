import { parse } from 'csv-parse/browser/esm/sync';
import {
  HeaderFault,
  isBlank,
  lineEndsIn,
  PARSING,
  readCells,
  readHeader,
  RowFault,
  separatorOf,
} from '../../../src/bulk/user-file-format.js';
import type { Cells, Header } from '../../../src/bulk/user-file-format.js';
import type { LatchkeyError } from '../api';
import { fault } from './fault';

/** A line of a file: an account, and a group that it is in. Empty cells are left out. */
export interface ImportRow extends Omit<Cells, 'thirdPartyIds'> {
  /** The number of the line in the file, as text. */
  id: string;
  name: string;
  /** By the code of the third party. */
  thirdPartyIds: [code: string, id: string][];
  /** What is wrong with the cells. */
  error?: LatchkeyError;
}

/** Reads a file as the command line does. @throws LatchkeyError `unreadable_file`, `unknown_column` */
export function readImportFile(text: string): ImportRow[] {
  const [names, ...rows] = recordsOf(text).filter(({ cells }) => !isBlank(cells));
  if (!names) throw fault('unreadable_file');
  const header = headerOf(names.cells);
  return rows.map(({ line, cells }) => rowOf(String(line), header, cells));
}

function headerOf(cells: string[]): Header {
  try {
    return readHeader(cells);
  } catch (error) {
    throw error instanceof HeaderFault ? fault('unknown_column', error.message) : error;
  }
}

function rowOf(id: string, header: Header, cells: string[]): ImportRow {
  try {
    const { fields, membership, thirdPartyIds } = readCells(header, cells);
    const { realName, name = realName, ...others } = fields;
    return {
      id,
      name: name ?? fields.emailAddress ?? '',
      fields: { ...others, ...(name !== undefined && { name }) },
      membership,
      thirdPartyIds: thirdPartyIds.map(({ thirdParty = '', id = '' }) => [thirdParty, id]),
    };
  } catch (error) {
    if (!(error instanceof RowFault)) throw error;
    const name = cells.find((cell) => cell.trim() !== '') ?? '';
    return { id, name, fields: {}, membership: {}, thirdPartyIds: [], error: fault('invalid_row', error.message) };
  }
}

/** The records, each with the number of its first line. */
function recordsOf(text: string): { line: number; cells: string[] }[] {
  let line = 1;
  try {
    const records = parse(text, { ...PARSING, delimiter: separatorOf(text) });
    return (records as unknown as { record: string[]; raw: string }[]).map(({ record, raw }) => {
      const first = line;
      line += lineEndsIn(raw);
      return { line: first, cells: record };
    });
  } catch (error) {
    throw fault('unreadable_file', error instanceof Error ? error.message : '');
  }
}
