import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const LANGUAGES = ['de', 'en', 'es', 'fr', 'nl'];
const SOURCES = 'console/src';
/** The texts of all pages, and those that pages have for themselves. */
const FOLDERS = ['.', ...readdirSync(SOURCES)]
  .map((folder) => join(SOURCES, folder, 'messages'))
  .filter((folder) => existsSync(folder));
const PLACEHOLDER = /\{\w+\}/g;

type Messages = Record<string, string>;

async function read(folder: string, language: string): Promise<Messages> {
  return ((await import(`../../${folder}/${language}.js`)) as Record<string, Messages>)[language]!;
}

it.each(FOLDERS)('%s has a file for each language', (folder) => {
  expect(readdirSync(folder).map((file) => basename(file, '.ts'))).toEqual(LANGUAGES);
});

describe.each(FOLDERS.flatMap((folder) => LANGUAGES.map((language) => ({ folder, language }))))(
  'the messages of $folder in $language',
  ({ folder, language }) => {
    it('lack no key and have none that the others lack', async () => {
      expect(Object.keys(await read(folder, language)).toSorted()).toEqual(
        Object.keys(await read(folder, 'en')).toSorted(),
      );
    });

    it('have a text and the same placeholders for each key', async () => {
      const messages = await read(folder, language);
      const different = Object.entries(await read(folder, 'en'))
        .map(([key, text]) => ({
          key,
          in: placeholders(text),
          has: placeholders(messages[key] ?? ''),
          text: messages[key],
        }))
        .filter((one) => !one.text?.trim() || String(one.in) !== String(one.has));
      expect(different).toEqual([]);
    });

    it('have both forms of what is counted', async () => {
      const messages = await read(folder, language);
      const stems = Object.keys(messages).flatMap((key) => /^(.*)_(?:one|other)$/.exec(key)?.[1] ?? []);
      expect(stems.filter((stem) => !(`${stem}_one` in messages && `${stem}_other` in messages))).toEqual([]);
    });
  },
);

function placeholders(text: string): string[] {
  return [...new Set(text.match(PLACEHOLDER))].toSorted();
}
