import { globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { LANGUAGES, MESSAGES } from '../src/http/language.js';
import { en } from '../src/http/messages/en.js';

const SOURCES = globSync('src/**/*.ts', { exclude: (name) => name.endsWith('.spec.ts') || name.endsWith('messages') })
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

it('each file of messages is a language of the pages', () => {
  expect(readdirSync('src/http/messages').toSorted()).toEqual(LANGUAGES.map((code) => `${code}.ts`).toSorted());
});

describe.each(LANGUAGES)('the messages of pages in %s', (language) => {
  const messages: Record<string, string> = MESSAGES[language];

  it('lack no key and have none that the others lack', () => {
    expect(Object.keys(messages).toSorted()).toEqual(Object.keys(en).toSorted());
  });

  it('have a text and the same placeholders for each key', () => {
    const different = Object.entries(en)
      .map(([key, text]) => ({ key, text: messages[key]!, in: placeholders(text), has: placeholders(messages[key]!) }))
      .filter((one) => one.text.trim() === '' || String(one.in) !== String(one.has));
    expect(different).toEqual([]);
  });

  it('are no copies of the English ones', () => {
    const copies = Object.entries(en).filter(
      ([key, text]) =>
        text
          .replace(/\{\w+\}/g, '')
          .trim()
          .includes(' ') && messages[key] === text,
    );
    expect(language === 'en' ? [] : copies).toEqual([]);
  });
});

it('each message is used, and each fault is one that the service can report', () => {
  const unused = Object.entries(en).filter(([key, text]) =>
    key.startsWith('fault_') ? !isReported(text) : !SOURCES.includes(`'${key}'`),
  );
  expect(unused).toEqual([]);
});

/** Whether a text is in the sources, where its placeholders can be expressions. */
function isReported(text: string): boolean {
  const pattern = text
    .split(/\{\w+\}/)
    .map((part) => part.replace(/[.?]/g, String.raw`\$&`))
    .join(String.raw`\$\{\w+\}`);
  return new RegExp(`['"\`]${pattern}['"\`]`).test(SOURCES);
}

function placeholders(text: string): string[] {
  return (text.match(/\{\w+\}/g) ?? []).toSorted();
}
