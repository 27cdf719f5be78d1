import { parse } from 'csv-parse/browser/esm/sync';
import {
  COLUMNS,
  ESCAPED_FORMULA,
  lineEndsIn,
  separatorOf,
  THIRD_PARTY_ID,
} from '../../../src/bulk/user-file-format.js';
import { LatchkeyError } from '../api';

/** A line of a file: an account, and a group that it is in. Empty cells are left out. */
export interface ImportRow {
  /** The number of the line in the file, as text. */
  id: string;
  name: string;
  values: Partial<Record<Column, string>>;
  /** By the code of the third party. */
  thirdPartyIds: [code: string, id: string][];
}

type Column = (typeof COLUMNS)[number];

/** Reads a file as the command line does. @throws LatchkeyError `unreadable_file`, `unknown_column` */
export function readImportFile(text: string): ImportRow[] {
  const [header, ...rows] = recordsOf(text);
  if (!header) throw fault('unreadable_file');
  const columns = header.cells.map((cell) => cell.trim());
  const unknown = columns.find((name) => !COLUMNS.includes(name as Column) && !name.startsWith(THIRD_PARTY_ID));
  if (unknown !== undefined) throw fault('unknown_column', unknown);
  return rows
    .filter(({ cells }) => cells.some((cell) => cell.trim() !== ''))
    .map(({ line, cells }) => {
      const given = columns
        .map((column, index) => [column, (cells[index] ?? '').trim().replace(ESCAPED_FORMULA, '')] as const)
        .filter(([, value]) => value !== '');
      const values = Object.fromEntries(
        given.filter(([column]) => !column.startsWith(THIRD_PARTY_ID)),
      ) as ImportRow['values'];
      const thirdPartyIds = given
        .filter(([column]) => column.startsWith(THIRD_PARTY_ID))
        .map(([column, value]): [string, string] => [column.slice(THIRD_PARTY_ID.length), value]);
      return { id: String(line), name: values.name ?? values.emailAddress ?? '', values, thirdPartyIds };
    });
}

/** The records, each with the number of its first line. */
function recordsOf(text: string): { line: number; cells: string[] }[] {
  let line = 1;
  try {
    const records = parse(text, {
      bom: true,
      raw: true,
      info: true,
      delimiter: separatorOf(text),
      relax_column_count: true,
    });
    return (records as unknown as { record: string[]; raw: string }[]).map(({ record, raw }) => {
      const first = line;
      line += lineEndsIn(raw);
      return { line: first, cells: record };
    });
  } catch (error) {
    throw fault('unreadable_file', error instanceof Error ? error.message : '');
  }
}

function fault(id: string, description = ''): LatchkeyError {
  return new LatchkeyError(id, 0, null, description, {});
}
