import type { IncomingHttpHeaders } from 'node:http';
import Negotiator from 'negotiator';
import { separateCookies } from '../common/cookies.js';
import { de } from './messages/de.js';
import { en } from './messages/en.js';
import type { MessageKey, Messages } from './messages/en.js';
import { es } from './messages/es.js';
import { fr } from './messages/fr.js';
import { nl } from './messages/nl.js';

export type Language = 'en' | 'nl' | 'de' | 'fr' | 'es';

export const MESSAGES: Record<Language, Messages> = { en, nl, de, fr, es };

/** The languages' own names, in the order in which pages list them. */
export const LANGUAGE_NAMES: Record<Language, string> = {
  en: 'English',
  nl: 'Nederlands',
  de: 'Deutsch',
  fr: 'Français',
  es: 'Español',
};

export const LANGUAGES = Object.keys(LANGUAGE_NAMES) as Language[];

export function isLanguage(value: unknown): value is Language {
  return typeof value === 'string' && Object.hasOwn(LANGUAGE_NAMES, value);
}

/**
 * The language that the visitor chose, or the first of ours in `asked`, or the one of ours that the browser prefers, or
 * English. `asked` has language tags, separated by spaces, as `ui_locales` has them.
 */
export function languageOf(headers: IncomingHttpHeaders, cookieName: string, asked?: string): Language {
  const chosen = separateCookies(headers.cookie).own[cookieName];
  if (isLanguage(chosen)) return chosen;
  for (const tag of asked?.split(' ') ?? []) {
    const [language] = tag.toLowerCase().split('-', 1);
    if (isLanguage(language)) return language;
  }
  return (new Negotiator({ headers }).language(LANGUAGES) as Language | undefined) ?? 'en';
}

/** The English faults as patterns, because some contain values. */
const FAULTS = (Object.keys(en) as MessageKey[])
  .filter((key) => key.startsWith('fault_'))
  .map((key) => ({ key, pattern: patternOf(en[key]) }));

function patternOf(message: string): RegExp {
  const parts = message.split(/\{(\w+)\}/);
  const source = parts
    .map((part, index) => (index % 2 === 1 ? `(?<${part}>.+)` : part.replace(/[.?]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`);
}

/** The message that has this English text, and its values. */
export function findFault(text: string): { key: MessageKey; values: Record<string, string> } | null {
  for (const { key, pattern } of FAULTS) {
    const match = pattern.exec(text);
    if (match) return { key, values: match.groups ?? {} };
  }
  return null;
}
