import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const FOLDER = 'src/schema/migrations';
/** The list of migrations: the only file outside the folder that may import them. */
const LIST = 'src/schema/migrations.ts';

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** The imports and re-exports of a file. Our own paths are relative to the root of the repository. */
function importsOf(file: string): string[] {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"`]([^'"`]+)/g);
  return [...specifiers].map(([, specifier]) =>
    specifier!.startsWith('.') ? join(file, '..', specifier!) : specifier!,
  );
}

function isInFolder(path: string): boolean {
  return path.startsWith(`${FOLDER}/`);
}

const MIGRATIONS = sourcesIn(FOLDER);

it('the folder has migrations', () => {
  expect(MIGRATIONS.length).toBeGreaterThan(10);
});

it.each(MIGRATIONS)('%s imports nothing that can change', (file) => {
  const others = importsOf(file).filter((path) => !isInFolder(path) && !/^(node:|typeorm$)/.test(path));
  expect(others).toEqual([]);
});

it('what migrations are made of is of no use to anything else', () => {
  const users = sourcesIn('src').filter((file) => !isInFolder(file) && importsOf(file).some(isInFolder));
  expect(users).toEqual([LIST]);
});
