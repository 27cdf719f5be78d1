import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTexts } from '../language';
import { Failure } from '../parts/failure';
import type { EffectsProps } from './effects';
import { useRightsTexts } from './rights-texts';

/** What a change would end, asked for when its question is open. A change that would be refused says why. */
export default function EffectsText({ of, load }: EffectsProps): ReactNode {
  const { t } = useTexts();
  const { t: own, count } = useRightsTexts();
  const { data, error } = useQuery({ queryKey: ['effects', ...of], queryFn: load, gcTime: 0, retry: false });
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{t('loading')}</p>;
  const { sessions, tokens } = data;
  if (sessions + tokens === 0) return <p>{own('endsNothing')}</p>;
  return <p>{own('thisEnds', { sessions: count('sessionsEnd', sessions), tokens: count('tokensEnd', tokens) })}</p>;
}
