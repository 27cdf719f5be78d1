import BetterSqlite3 from 'better-sqlite3';
import { Client } from 'pg';
import { AppLogger } from '../../src/config/app-logger.js';

/** Shorter texts are IDs. All secrets of ours are longer. */
const MIN_SECRET = 40;
/** How many characters of a secret are searched for. So many can't match by chance. */
const PIECE = 20;
const TOKEN_TEXT = /[\w-]{20,}/g;
const JWT = /\b[\w-]{10,}\.[\w-]{10,}\.([\w-]{40,})/g;

/** Members of an answer that contain a new secret. */
const HANDED_OUT = new Set(['token', 'access_token', 'refresh_token']);

/**
 * The values of these cookies are also in the addresses of the sign-in pages. Only the signature beside them proves
 * anything.
 */
const PUBLIC_COOKIES = /^latchkey_(interaction|resume)=/;

/**
 * Every secret that this test file has sent or received, by its first characters. The secret part of a JWT is its
 * signature, without which the rest is worthless.
 */
const secrets = new Map<string, string>();
const lines: string[] = [];

/** Remembers a secret that a test has made itself. */
export function rememberSecret(secret: string): void {
  const signature = secret.slice(secret.lastIndexOf('.') + 1);
  // A text that begins like JSON is a header or a payload. Tests put those in the place of signatures, and other tokens
  // share them.
  if (signature.length >= MIN_SECRET && !signature.startsWith('eyJ')) secrets.set(signature.slice(0, PIECE), secret);
}

/** The secrets that occur anywhere in `text`. */
export function secretsIn(text: string): string[] {
  const found = new Set<string>();
  for (const [run] of text.matchAll(TOKEN_TEXT)) {
    for (let start = 0; start <= run.length - PIECE; start++) {
      const secret = secrets.get(run.slice(start, start + PIECE));
      if (secret?.includes(run.slice(start, start + MIN_SECRET))) found.add(secret);
    }
  }
  return [...found];
}

/** Takes a line of a log, whichever process wrote it. */
export function recordLogLine(line: string): void {
  lines.push(line);
}

interface Sent {
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * Checks an answer: it must contain no known secret, and a new one only where secrets are handed out.
 *
 * @throws Error that names the secret
 */
export function inspect(sent: Sent, answer: { headers: Headers; text: string; body: unknown }): void {
  const { path } = sent;
  const shown = [...answer.headers].filter(([name]) => name !== 'set-cookie').map(([, value]) => value);
  const leaked = secretsIn([textOf(sent, answer), ...shown].join('\n'));
  if (leaked.length > 0) throw new Error(`The answer to ${path.split('?')[0]} has a secret in it: ${leaked.join()}`);
  rememberSent(sent);
  rememberHandedOut(answer);
}

/** The tokens that a refresh with a refresh token was answered with, by that token. */
const refreshed = new Map<string, Set<unknown>>();

/**
 * The text to check. Only a refresh may be answered with known tokens: the refresh token that was sent, which a
 * confidential client keeps, or what the same refresh was answered with, which a public client may have missed.
 */
function textOf({ body: sent = '' }: Sent, { text, body }: { text: string; body: unknown }): string {
  const used =
    /grant_type"?[=:]"?refresh_token/.test(sent) && /(?:^|[&{,]"?)refresh_token"?[=:]"?([^&"]+)/.exec(sent)?.[1];
  if (!used || typeof body !== 'object') return text;
  const tokens = body as { access_token?: unknown; refresh_token?: unknown };
  const before = refreshed.get(used) ?? new Set();
  const rest = { ...tokens };
  if (before.has(tokens.access_token)) delete rest.access_token;
  if (tokens.refresh_token === used || before.has(tokens.refresh_token)) delete rest.refresh_token;
  refreshed.set(used, new Set([...before, tokens.access_token, tokens.refresh_token]));
  return JSON.stringify(rest);
}

/** Remembers the JWTs in a request. Other secrets were handed out before. */
function rememberSent({ path, headers = {}, body = '' }: Sent): void {
  for (const [token] of [path, ...Object.values(headers), body].join('\n').matchAll(JWT)) rememberSecret(token);
}

function rememberHandedOut({ headers, body }: { headers: Headers; body: unknown }): void {
  for (const cookie of headers.getSetCookie())
    if (!PUBLIC_COOKIES.test(cookie)) rememberSecret(cookie.split(';')[0]!.replace(/^[^=]+=/, ''));
  const location = headers.get('location');
  const code = location && URL.canParse(location) ? new URL(location).searchParams.get('code') : null;
  if (code) rememberSecret(code);
  if (typeof body !== 'object' || body === null) return;
  for (const [name, value] of Object.entries(body))
    if (HANDED_OUT.has(name) && typeof value === 'string') rememberSecret(value);
}

const SHOWN = new Set<unknown>(['warn', 'error', 'fatal']);

/** Listens to every line that the application logs from now on, and shows only failures. */
export function recordLogs(): void {
  const logger = AppLogger.prototype as unknown as { printMessages: (...line: unknown[]) => void; isHeard?: true };
  if (logger.isHeard) return;
  logger.isHeard = true;
  const print = logger.printMessages;
  logger.printMessages = function (this: unknown, ...line: unknown[]) {
    recordLogLine(JSON.stringify(line));
    if (SHOWN.has(line[2])) print.apply(this, line);
  };
}

/**
 * Searches everything that is left behind: each row of each table, and each line of each log.
 *
 * @throws Error that names the secret and its place
 */
export async function searchEverywhere(): Promise<void> {
  const places = { ...(await tables()), log: lines.splice(0).join('\n') };
  const found = Object.entries(places).flatMap(([place, text]) =>
    secretsIn(text).map((secret) => `${place}: ${secret}`),
  );
  if (found.length > 0) throw new Error(`A secret was left behind.\n${found.join('\n')}`);
}

/** The tables of this test file's database, with their rows as text. */
function tables(): Promise<Record<string, string>> {
  return process.env.DATABASE_URL ? postgresTables(process.env.DATABASE_URL) : sqliteTables(process.env.DATABASE_PATH!);
}

async function sqliteTables(path: string): Promise<Record<string, string>> {
  const connection = new BetterSqlite3(path, { readonly: true });
  const names = connection.prepare(`SELECT "name" FROM sqlite_master WHERE "type" = 'table'`).pluck().all() as string[];
  const dump = names.map((name) => [name, JSON.stringify(connection.prepare(`SELECT * FROM "${name}"`).all())]);
  connection.close();
  return Object.fromEntries(dump) as Record<string, string>;
}

async function postgresTables(connectionString: string): Promise<Record<string, string>> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()',
    );
    const dump: Record<string, string> = {};
    for (const { name } of rows) dump[name] = JSON.stringify((await client.query(`SELECT * FROM "${name}"`)).rows);
    return dump;
  } finally {
    await client.end();
  }
}
