import { createContext, use, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { Messages } from './messages/en';

export type MessageKey = keyof Messages;

/** The languages by their codes, each with its own name and its messages, which are loaded when they are needed. */
const LANGUAGES = {
  en: { name: 'English', load: async (): Promise<Messages> => (await import('./messages/en')).en },
  nl: { name: 'Nederlands', load: async (): Promise<Messages> => (await import('./messages/nl')).nl },
  de: { name: 'Deutsch', load: async (): Promise<Messages> => (await import('./messages/de')).de },
  fr: { name: 'Français', load: async (): Promise<Messages> => (await import('./messages/fr')).fr },
  es: { name: 'Español', load: async (): Promise<Messages> => (await import('./messages/es')).es },
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
  const [loaded, setLoaded] = useState<{ language: Language; messages: Messages } | null>(null);
  useEffect(() => {
    let isWanted = true;
    void LANGUAGES[language].load().then((messages) => isWanted && setLoaded({ language, messages }));
    return () => void (isWanted = false);
  }, [language]);
  const texts = useMemo(() => loaded && textsOf(loaded.language, loaded.messages, setLanguage), [loaded]);
  useEffect(() => {
    if (loaded) document.documentElement.lang = loaded.language;
  }, [loaded]);
  return texts && <Context value={texts}>{children}</Context>;
}

/** The language that was chosen, or the first one that the browser prefers and we have. */
function chosenLanguage(): Language {
  const wanted = [localStorage.getItem(KEY) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((code): code is Language => code in LANGUAGES) ?? 'en';
}

function textsOf(language: Language, messages: Messages, setLanguage: (language: Language) => void): Texts {
  const numbers = new Intl.NumberFormat(language);
  const times = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  return {
    language,
    choose: (chosen) => {
      localStorage.setItem(KEY, chosen);
      setLanguage(chosen);
    },
    ...someTexts(language, messages),
    number: (value) => numbers.format(value),
    time: (iso) => (iso ? times.format(new Date(iso)) : ''),
  };
}

/**
 * The texts that a page has beside those of all pages, in a hook that suspends until they are there. Each language is a
 * chunk of its own, because the first page has to be small.
 */
export function pageTexts<M extends Readonly<Record<string, string>>>(
  languages: Record<Language, () => Promise<M>>,
): () => SomeTexts<keyof M & string> {
  const loading = new Map<Language, Promise<SomeTexts<keyof M & string>>>();
  return function usePageTexts() {
    const { language } = useTexts();
    if (!loading.has(language))
      loading.set(
        language,
        languages[language]().then((messages) => someTexts(language, messages)),
      );
    return use(loading.get(language)!);
  };
}

function someTexts<M extends Readonly<Record<string, string>>>(
  language: Language,
  messages: M,
): SomeTexts<keyof M & string> {
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return {
    t: (key, values) => filled(messages[key]!, values),
    count: (key, count, values) =>
      filled(messages[`${key}_${rules.select(count) === 'one' ? 'one' : 'other'}`]!, {
        ...values,
        count: numbers.format(count),
      }),
  };
}

/** A message with `{name}` replaced by the value of that name. */
function filled(message: string, values: Record<string, string | number> = {}): string {
  return message.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
