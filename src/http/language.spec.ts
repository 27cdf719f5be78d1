import { expect, it } from '@jest/globals';
import { findFault, languageOf } from './language.js';

const COOKIE = '__Host-latchkey_language';

it.each([
  { accept: undefined, language: 'en' },
  { accept: '', language: 'en' },
  { accept: '*', language: 'en' },
  { accept: 'it', language: 'en' },
  { accept: 'nl', language: 'nl' },
  { accept: 'de-AT', language: 'de' },
  { accept: 'FR-be,fr;q=0.9', language: 'fr' },
  { accept: 'it,es;q=0.8,en;q=0.9', language: 'en' },
  { accept: 'it,es;q=0.8,en;q=0.7', language: 'es' },
  { accept: 'nl;q=0,de;q=0.1', language: 'de' },
  { accept: ';;;q=,\u0000', language: 'en' },
])('the language for $accept is $language', ({ accept, language }) => {
  expect(languageOf({ 'accept-language': accept }, COOKIE)).toBe(language);
});

it('the language that was chosen precedes the ones that the browser prefers', () => {
  expect(languageOf({ 'accept-language': 'de', cookie: `${COOKIE}=fr` }, COOKIE)).toBe('fr');
  for (const odd of ['it', '__proto__', 'constructor', ''])
    expect(languageOf({ 'accept-language': 'de', cookie: `${COOKIE}=${odd}` }, COOKIE)).toBe('de');
});

it('a fault is found by its English text, also with values in it', () => {
  expect(findFault('A password has 15 to 128 characters.')).toEqual({
    key: 'fault_passwordLength',
    values: { min: '15', max: '128' },
  });
  expect(findFault('There is nothing here.')?.key).toBe('fault_nothing');
  expect(findFault('There is nothing here!')).toBeNull();
});

it.each([
  ['de', 'de'],
  ['xx fr-CA de', 'fr'],
  ['xx', 'nl'],
  ['', 'nl'],
])('an application that asks for %j gets %s, unless the visitor has chosen a language', (asked, language) => {
  expect(languageOf({ 'accept-language': 'nl' }, COOKIE, asked)).toBe(language);
  expect(languageOf({ 'accept-language': 'nl', cookie: `${COOKIE}=es` }, COOKIE, asked)).toBe('es');
});
