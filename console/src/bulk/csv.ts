/** Spreadsheets read a text that begins so as a formula. The import takes the apostrophe away again. */
const FORMULA = /^[=+\-@\t\r＝＋－＠]/u;

/** Rows as CSV (RFC 4180), with a header of all columns that some row has. */
export function toCsv(rows: Record<string, string | undefined>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))]
    .map((cells) => `${cells.map(cellOf).join(',')}\r\n`)
    .join('');
}

function cellOf(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
