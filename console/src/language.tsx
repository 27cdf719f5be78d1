import { createContext, startTransition, use, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { Messages } from './messages/en';
import { Loadable } from './parts/loadable';

export type MessageKey = keyof Messages;

/** The languages by their codes, each with its own name and its messages, which are loaded when they are needed. */
const LANGUAGES = {
  en: { name: 'English', messages: new Loadable<Messages>(async () => (await import('./messages/en')).en) },
  nl: { name: 'Nederlands', messages: new Loadable<Messages>(async () => (await import('./messages/nl')).nl) },
  de: { name: 'Deutsch', messages: new Loadable<Messages>(async () => (await import('./messages/de')).de) },
  fr: { name: 'Français', messages: new Loadable<Messages>(async () => (await import('./messages/fr')).fr) },
  es: { name: 'Español', messages: new Loadable<Messages>(async () => (await import('./messages/es')).es) },
} as const;

export type Language = keyof typeof LANGUAGES;

export const LANGUAGE_NAMES = Object.entries(LANGUAGES).map(([code, { name }]) => ({ code: code as Language, name }));

const KEY = 'latchkey-language';

/** The keys of messages that depend on a number: `x_one` and `x_other`. */
type CountedKey<K> = K extends `${infer Stem}_other` ? Stem : never;

/** Some messages in one language. */
interface SomeTexts<K extends string> {
  /** The message, with `{name}` replaced by the value of that name. */
  t: (key: K, values?: Record<string, string | number>) => string;
  /** The message for a number, in the form that the language has for it. */
  count: (key: CountedKey<K>, count: number, values?: Record<string, string>) => string;
}

export interface Texts extends SomeTexts<MessageKey> {
  language: Language;
  choose: (language: Language) => void;
  number: (value: number) => string;
  /** An instant of the API, in the zone of the browser. */
  time: (iso: string | undefined) => string;
}

const Context = createContext<Texts | null>(null);

export function useTexts(): Texts {
  return use(Context)!;
}

export function LanguageProvider({ children }: { children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState(chosenLanguage);
  const messages = LANGUAGES[language].messages.read();
  const texts = useMemo(
    () => textsOf(language, messages, (chosen) => startTransition(() => setLanguage(chosen))),
    [language, messages],
  );
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return <Context value={texts}>{children}</Context>;
}

/** Loads the messages that every page needs. */
export async function loadLanguage(): Promise<void> {
  await LANGUAGES[chosenLanguage()].messages.load();
}

/** The language that was chosen, or the first one that the browser prefers and we have. */
function chosenLanguage(): Language {
  const wanted = [localStorage.getItem(KEY) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((code): code is Language => code in LANGUAGES) ?? 'en';
}

function textsOf(language: Language, messages: Messages, setLanguage: (language: Language) => void): Texts {
  const numbers = lazily(() => new Intl.NumberFormat(language));
  const times = lazily(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }));
  return {
    language,
    choose: (chosen) => {
      localStorage.setItem(KEY, chosen);
      setLanguage(chosen);
    },
    ...someTexts(language, messages),
    number: (value) => numbers().format(value),
    time: (iso) => (iso ? times().format(new Date(iso)) : ''),
  };
}

/** The texts of the pages that were loaded, in the language of the first of them. */
const pageTextsOfFirst: Loadable<unknown>[] = [];

/** Loads the texts of the pages whose chunks have been loaded. */
export async function loadPageTexts(): Promise<void> {
  await Promise.all(pageTextsOfFirst.map((texts) => texts.load()));
}

/**
 * The texts that a page has beside those of all pages, in a hook that suspends until they are there. Each language is a
 * chunk of its own, because the first page has to be small.
 */
export function pageTexts<M extends Readonly<Record<string, string>>>(
  languages: Record<Language, () => Promise<M>>,
): () => SomeTexts<keyof M & string> {
  const texts = new Map<Language, Loadable<SomeTexts<keyof M & string>>>();
  const textsIn = (language: Language): Loadable<SomeTexts<keyof M & string>> => {
    if (!texts.has(language))
      texts.set(language, new Loadable(async () => someTexts(language, await languages[language]())));
    return texts.get(language)!;
  };
  pageTextsOfFirst.push(textsIn(chosenLanguage()));
  return function usePageTexts() {
    return textsIn(useTexts().language).read();
  };
}

function someTexts<M extends Readonly<Record<string, string>>>(
  language: Language,
  messages: M,
): SomeTexts<keyof M & string> {
  const rules = lazily(() => new Intl.PluralRules(language));
  const numbers = lazily(() => new Intl.NumberFormat(language));
  return {
    t: (key, values) => filled(messages[key]!, values),
    count: (key, count, values) =>
      filled(messages[`${key}_${rules().select(count) === 'one' ? 'one' : 'other'}`]!, {
        ...values,
        count: numbers().format(count),
      }),
  };
}

/** Makes something when it is first needed. The first format of a browser takes it a twentieth of a second. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** A message with `{name}` replaced by the value of that name. */
function filled(message: string, values: Record<string, string | number> = {}): string {
  return message.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
