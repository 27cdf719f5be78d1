import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { testEnvironment } from './support/app.js';
import { Instance } from './support/instance.js';

/** Root may do everything; without these capabilities it may do what the modes of files say. */
const AS_THE_MODES_SAY =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : ['env'];

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-rights-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

interface Result {
  code: number;
  stderr: string;
}

/** Runs a built program on a SQLite file to its end. */
function run(path: string, program: 'main' | 'cli', ...args: string[]): Promise<Result> {
  const [command, ...before] = [...AS_THE_MODES_SAY, process.execPath, `dist/${program}.cjs`, ...args];
  const env = { PATH: process.env.PATH, ...testEnvironment({ DATABASE_PATH: path }) };
  return new Promise((settle) => {
    execFile(command!, before, { env }, (error, _stdout, stderr) => settle({ code: Number(error?.code ?? 0), stderr }));
  });
}

/** A database in a directory of its own. */
async function newDatabase(name: string): Promise<string> {
  const path = join(directory, name, 'latchkey.db');
  expect(await run(path, 'cli', 'organizations', 'create', 'School', '--create')).toMatchObject({ code: 0 });
  return path;
}

/** The name of the database, and one sentence and its cure: no stack, no second line. */
function sentence(path: string, problem: string, cure: string): unknown {
  const escaped = path.replaceAll('.', '\\.');
  return expect.stringMatching(
    new RegExp(`^Database: [^\n]+\nlatchkey: DATABASE_PATH=${escaped} ${problem}[^\n]*${cure}[^\n]*\n$`),
  );
}

const CURE = 'The user that runs Latchkey needs write access to the file and its directory.';

describe('a SQLite file that the user may not use', () => {
  it('in a directory that can’t be written is said in one sentence', async () => {
    const closed = join(directory, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    for (const path of [join(closed, 'latchkey.db'), join(closed, 'data', 'latchkey.db')]) {
      const { code, stderr } = await run(path, 'cli', 'organizations', 'list', '--create');
      expect({ code, stderr }).toEqual({ code: 1, stderr: sentence(path, "can't be used", CURE) });
      expect((await run(path, 'main')).stderr).toMatch(/^Latchkey did not start\. DATABASE_PATH=[^\n]+\n$/);
      expect(existsSync(path)).toBe(false);
    }
  }, 120_000);

  it.each([
    { of: 'of somebody else', mode: 0o000, directoryMode: 0o700 },
    { of: 'that is read-only', mode: 0o400, directoryMode: 0o700 },
    { of: 'that is read-only in a directory that is', mode: 0o400, directoryMode: 0o500 },
  ])(
    '$of is said in one sentence',
    async ({ mode, directoryMode }) => {
      const path = await newDatabase(`mode-${mode}-${directoryMode}`);
      chmodSync(path, mode);
      chmodSync(join(path, '..'), directoryMode);
      const { code, stderr } = await run(path, 'cli', 'organizations', 'create', 'Second');
      expect({ code, stderr }).toEqual({ code: 1, stderr: sentence(path, "can't be used", CURE) });
    },
    120_000,
  );

  it('of another program is said in one sentence', async () => {
    const path = join(directory, 'notes.txt');
    writeFileSync(path, 'This is no database.\n'.repeat(100));
    const { code, stderr } = await run(path, 'cli', 'organizations', 'list');
    expect({ code, stderr }).toEqual({ code: 1, stderr: sentence(path, "can't be used", CURE) });
  });
});

/** The modes of the files in a directory, by their names. */
function modesIn(path: string): Record<string, string> {
  const names = readdirSync(path).toSorted();
  return Object.fromEntries(names.map((name) => [name, (statSync(join(path, name)).mode & 0o777).toString(8)]));
}

describe('a SQLite file that is made', () => {
  let umask: number;
  // Only then do modes come from what makes the file.
  beforeAll(() => {
    umask = process.umask(0);
  });
  afterAll(() => {
    process.umask(umask);
  });

  it('by the command line may be read by its owner only', async () => {
    const path = await newDatabase('made-by-the-command-line');
    expect(modesIn(join(path, '..'))).toEqual({ 'latchkey.db': '600' });
  }, 60_000);

  it('by the service may be read by its owner only, as what SQLite and the service keep beside it', async () => {
    const path = join(directory, 'made-by-the-service');
    const instance = await Instance.start({
      NODE_ENV: 'development',
      DATABASE_PATH: join(path, 'latchkey.db'),
      SECRET_KEY: '',
    });
    try {
      expect(modesIn(path)).toEqual({
        'development-secret': '600',
        'latchkey.db': '600',
        'latchkey.db-shm': '600',
        'latchkey.db-wal': '600',
      });
    } finally {
      await instance.stop();
    }
  }, 60_000);
});

it('a SQLite file that another process has locked is said in one sentence, with what to do', async () => {
  const path = await newDatabase('locked');
  const other = new BetterSqlite3(path);
  other.exec('BEGIN IMMEDIATE');
  try {
    const { code, stderr } = await run(path, 'cli', 'organizations', 'create', 'Second');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: sentence(path, 'is locked by another process', 'Wait until it is done, or stop it'),
    });
  } finally {
    other.exec('ROLLBACK');
    other.close();
  }
  expect(await run(path, 'cli', 'organizations', 'create', 'Second')).toMatchObject({ code: 0 });
}, 180_000);
