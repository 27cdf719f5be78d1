import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { de } from '../../console/src/messages/de.js';
import { en } from '../../console/src/messages/en.js';
import { es } from '../../console/src/messages/es.js';
import { fr } from '../../console/src/messages/fr.js';
import { nl } from '../../console/src/messages/nl.js';

const LANGUAGES: Record<string, Record<string, string>> = { de, en, es, fr, nl };
const PLACEHOLDER = /\{\w+\}/g;

it('there is a test for each language of the console', () => {
  expect(readdirSync('console/src/messages').toSorted()).toEqual(Object.keys(LANGUAGES).map((code) => `${code}.ts`));
});

describe.each(Object.entries(LANGUAGES))('the messages in %s', (_, messages) => {
  it('lack no key and have none that the others lack', () => {
    expect(Object.keys(messages).toSorted()).toEqual(Object.keys(en).toSorted());
  });

  it('have a text and the same placeholders for each key', () => {
    const different = Object.entries(en)
      .map(([key, text]) => ({
        key,
        in: placeholders(text),
        has: placeholders(messages[key] ?? ''),
        text: messages[key],
      }))
      .filter((one) => !one.text?.trim() || String(one.in) !== String(one.has));
    expect(different).toEqual([]);
  });

  it('have both forms of what is counted', () => {
    const stems = Object.keys(messages).flatMap((key) => /^(.*)_(?:one|other)$/.exec(key)?.[1] ?? []);
    expect(stems.filter((stem) => !(`${stem}_one` in messages && `${stem}_other` in messages))).toEqual([]);
  });
});

function placeholders(text: string): string[] {
  return [...new Set(text.match(PLACEHOLDER))].toSorted();
}
