import { findFault, MESSAGES } from './language.js';
import type { Language } from './language.js';
import type { MessageKey } from './messages/en.js';

/** What the text of a page depends on. */
export interface Wording {
  language: Language;
  /** The name of the service. */
  service: string;
}

const ENGLISH: Wording = { language: 'en', service: 'Latchkey' };

/** HTML that is inserted into a page without escaping. Its messages get their language when the page is sent. */
export class Html {
  constructor(private readonly content: string | ((wording: Wording) => string)) {}

  in(wording: Wording): string {
    return typeof this.content === 'string' ? this.content : this.content(wording);
  }

  /** The HTML in English. */
  get text(): string {
    return this.in(ENGLISH);
  }
}

/** A template tag that escapes its values, except `Html` and arrays of it. */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  // Attributes keep the characters that `DIRECTIONS` removes elsewhere: a form must send back the value that it was
  // given.
  return new Html((wording) =>
    String.raw({ raw: parts }, ...values.map((value, index) => toHtml(value, wording, parts[index]!.endsWith('="')))),
  );
}

/** A message of the pages. Its values are escaped, except `Html`. */
export function say(key: MessageKey, values: Record<string, unknown> = {}): Html {
  return new Html((wording) => {
    const all: Record<string, unknown> = { service: wording.service, ...values };
    return MESSAGES[wording.language][key]
      .split(/\{(\w+)\}/)
      .map((part, index) => toHtml(index % 2 === 1 ? all[part] : part, wording))
      .join('');
  });
}

/** An English fault in the language of the page. One without a translation stays in English and is marked so. */
export function sayFault(text: string): Html {
  const fault = findFault(text);
  if (fault) return say(fault.key, fault.values);
  return new Html((wording) =>
    wording.language === 'en' ? toHtml(text, wording) : `<span lang="en">${toHtml(text, wording)}</span>`,
  );
}

/**
 * Characters that change the direction of the text after them: a client's name could make its organization's name
 * unreadable.
 */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

function toHtml(value: unknown, wording: Wording, isAttribute = false): string {
  if (value instanceof Html) return value.in(wording);
  if (Array.isArray(value)) return value.map((one) => toHtml(one, wording)).join('');
  const text = String(value ?? '');
  return (isAttribute ? text : text.replace(DIRECTIONS, '')).replace(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
