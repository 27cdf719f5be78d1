import { fromBytes } from '../common/login-id.js';

/** A column of PostgreSQL, and how values of SQLite get there. */
export interface Column {
  name: string;
  /** PostgreSQL's name of the type. */
  type: string;
}

type SqliteValue = string | number | Buffer | null;

interface Form {
  /** The text of a value of SQLite, the same on both engines. */
  text: (value: NonNullable<SqliteValue>) => string;
  /** The SQL that gives this text on PostgreSQL. */
  sql: (column: string) => string;
  /** What PostgreSQL reads as the value. */
  input?: (text: string) => string;
}

const PLAIN: Form = { text: String, sql: (column) => `${column}::text` };

/** The milliseconds of an instant, which earlier versions did not write everywhere. */
const INSTANT_LENGTH = '2026-01-01 00:00:00.000'.length;

const FORMS: Record<string, Form> = {
  'character varying': PLAIN,
  text: PLAIN,
  smallint: PLAIN,
  integer: PLAIN,
  bigint: PLAIN,
  boolean: { text: (value) => (value ? 'true' : 'false'), sql: (column) => `${column}::text` },
  uuid: { text: (value) => fromBytes(value as Buffer), sql: (column) => `${column}::text` },
  bytea: {
    text: (value) => (value as Buffer).toString('hex'),
    sql: (column) => `encode(${column}, 'hex')`,
    input: (text) => `\\x${text}`,
  },
  'timestamp with time zone': {
    text: (value) => {
      const text = (value as string).replace('T', ' ').replace('Z', '');
      return text.length < INSTANT_LENGTH ? (text.includes('.') ? text : text + '.').padEnd(INSTANT_LENGTH, '0') : text;
    },
    sql: (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')`,
    input: (text) => `${text}+00`,
  },
};

/** The values of a row as texts, which are the same on both engines. */
export function textsOf(columns: Column[], row: SqliteValue[]): (string | null)[] {
  return columns.map(({ type }, at) => (row[at] === null ? null : formOf(type).text(row[at]!)));
}

/** The row as JSON that PostgreSQL reads, from its texts. */
export function inputOf(columns: Column[], texts: (string | null)[]): Record<string, string | null> {
  return Object.fromEntries(
    columns.map(({ name, type }, at) => {
      const text = texts[at]!;
      return [name, text === null ? null : (formOf(type).input?.(text) ?? text)];
    }),
  );
}

/** SQL that gives the texts of a row on PostgreSQL. */
export function selectTexts(columns: Column[]): string {
  return columns.map(({ name, type }) => formOf(type).sql(`"${name}"`)).join(', ');
}

function formOf(type: string): Form {
  const form = FORMS[type];
  if (!form) throw new Error(`There is no rule for copying the type ${type}.`);
  return form;
}
