import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import { useTexts } from '../language';
import { Failure } from '../parts/failure';
import { useLogoutsTexts } from './logouts-texts';

/** The applications that a session has signed in to, and whether they know of its end. */
export default function SessionApplications({ id }: { id: string }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useLogoutsTexts();
  const { data, error } = useQuery({
    queryKey: ['session', id, 'applications'],
    queryFn: () => dataOf(api.GET('/api/2.1.1/session/{id}/applications', { params: { path: { id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!data) return <span role="status">{t('loading')}</span>;
  if (data.applications.length === 0) return <span role="status">{own('noApplications')}</span>;
  return (
    <div role="status">
      <ul>
        {data.applications.map(({ client, status }) => (
          <li key={client.id}>
            {client.name}: {own(`status_${status}`)}
          </li>
        ))}
      </ul>
    </div>
  );
}
