import type { ReactNode } from 'react';
import { useTexts } from '../language';
import type { Field } from '../parts/dialog';
import { useRightsTexts } from './rights-texts';
import type { RightsText } from './rights-texts';

/** When a right counts, as the API shows it. */
export interface Period {
  validFrom?: string;
  validUntil?: string;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** The fields of a dialog that gives a right. */
export function periodFields(t: RightsText): Field[] {
  const field = { type: 'datetime-local', isOptional: true } as const;
  return [
    { ...field, name: 'validFrom', label: t('validFrom') },
    { ...field, name: 'validUntil', label: t('validUntil'), hint: t('periodHint') },
  ];
}

function instant(local: string | undefined): string | undefined {
  return local ? new Date(local).toISOString() : undefined;
}

/** What the API takes for these fields. What is left empty is not given. */
export function periodValues({ validFrom, validUntil }: Record<string, string>): Period {
  return { validFrom: instant(validFrom), validUntil: instant(validUntil) };
}

/** When a right begins or ends, such as "ends in 3 days", with the instant. Nothing for a right without a period. */
export function PeriodText({ validFrom, validUntil }: Period): ReactNode {
  const { language, time } = useTexts();
  const { t } = useRightsTexts();
  const now = Date.now();
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
  const when = (iso: string): string => {
    const distance = Date.parse(iso) - now;
    const [unit, length] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? UNITS[2];
    return format.format(Math.trunc(distance / length), unit);
  };
  const isPast = (iso: string): boolean => Date.parse(iso) <= now;
  const text =
    validUntil && isPast(validUntil)
      ? t('ended', { when: when(validUntil) })
      : validFrom && !isPast(validFrom)
        ? t('begins', { when: when(validFrom) })
        : validUntil && t('ends', { when: when(validUntil) });
  const limits = [validFrom, validUntil].filter((iso) => iso !== undefined);
  return text ? <small title={limits.map(time).join(' – ')}>{text}</small> : null;
}
