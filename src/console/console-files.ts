import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built console, seen from dist/src/console, and from src/console in the tests, which run the sources. */
const BUILT = ['../../console', '../../dist/console'];

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** The forms in which a file is sent, by the name of its content coding, the smallest first (RFC 9110, section 8.4.1). */
const CODINGS = { br: '.br', gzip: '.gz', identity: '' } as const;
export type Coding = keyof typeof CODINGS;

/** A file of the console. */
export interface ConsoleFile {
  type: string;
  etag: string;
  bodies: Readonly<Record<Coding, Buffer>>;
}

/** Reads the built console, less than a megabyte, by its paths below /console. The page itself is `index.html`. */
export function readConsole(): ReadonlyMap<string, ConsoleFile> {
  // From the tests, one of the two is the folder of the sources, in which nothing is compressed.
  const folder = BUILT.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
    existsSync(join(path, `index.html${CODINGS.br}`)),
  );
  if (!folder) throw new Error('The console is not built: run npm run build.');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => TYPES[extname(name)]);
  return new Map(names.map((name) => [name.split(sep).join('/'), read(join(folder, name))]));
}

function read(path: string): ConsoleFile {
  const bodies = {
    br: readFileSync(path + CODINGS.br),
    gzip: readFileSync(path + CODINGS.gzip),
    identity: readFileSync(path),
  };
  const etag = `"${createHash('sha256').update(bodies.identity).digest('base64url')}"`;
  return { type: TYPES[extname(path)]!, etag, bodies };
}

/** The smallest coding that a client accepts, by its `Accept-Encoding`. */
export function codingFor(accepted = ''): Coding {
  const offered = accepted
    .toLowerCase()
    .split(',')
    .map((one) => one.trim().split(/\s*;\s*q=/))
    .filter(([, quality]) => Number(quality ?? 1) > 0);
  return (['br', 'gzip'] as const).find((coding) => offered.some(([name]) => name === coding)) ?? 'identity';
}
