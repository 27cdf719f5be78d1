import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { Failure } from '../parts/failure';
import { useRightsTexts } from './rights-texts';

/** What a change would end, asked for when its question is open. A change that would be refused says why. */
export function EffectsText({ of, load }: { of: string[]; load: () => Promise<Schemas['Effects']> }): ReactNode {
  const { t } = useTexts();
  const { t: own, count } = useRightsTexts();
  const { data, error } = useQuery({ queryKey: ['effects', ...of], queryFn: load, gcTime: 0, retry: false });
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{t('loading')}</p>;
  const { sessions, tokens } = data;
  if (sessions + tokens === 0) return <p>{own('endsNothing')}</p>;
  return <p>{own('thisEnds', { sessions: count('sessionsEnd', sessions), tokens: count('tokensEnd', tokens) })}</p>;
}
