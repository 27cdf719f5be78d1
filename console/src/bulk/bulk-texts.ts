import { LatchkeyError } from '../api';
import { pageTexts, useTexts } from '../language';
import { messageOf } from '../parts/failure';
import type { BulkMessages } from './messages/en';

export const useBulkTexts = pageTexts<BulkMessages>({
  en: async () => (await import('./messages/en')).en,
  nl: async () => (await import('./messages/nl')).nl,
  de: async () => (await import('./messages/de')).de,
  fr: async () => (await import('./messages/fr')).fr,
  es: async () => (await import('./messages/es')).es,
});

/** The errors that only bulk work has. The texts of others are those of all pages. */
const FAULTS = [
  'unreadable_file',
  'unknown_column',
  'invalid_row',
  'invalid_status',
  'invalid_third_party_id',
  'locale_invalid',
  'invalid_time_zone',
  'invalid_description',
  'year_of_birth_invalid',
  'residence_country_invalid',
  'invalid_instant',
  'ambiguous_group',
] as const;

/** What went wrong with a file or a row, in the language of the reader. */
export function useFaultText(): (error: unknown) => string {
  const texts = useTexts();
  const { t } = useBulkTexts();
  return (error) => {
    const known = error instanceof LatchkeyError && FAULTS.find((id) => id === error.id);
    return known ? t(`fault_${known}`) : messageOf(error, texts);
  };
}

export type BulkText = ReturnType<typeof useBulkTexts>['t'];
