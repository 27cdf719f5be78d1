import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { List } from '../parts/list';
import { useLogoutsTexts } from './logouts-texts';

/** The logouts that an application has not confirmed. */
export default function UnconfirmedLogouts({ clientId }: { clientId: string }): ReactNode {
  const { t, time, number } = useTexts();
  const { t: own } = useLogoutsTexts();
  return (
    <>
      <h2>{own('unconfirmed')}</h2>
      <List<Schemas['UnconfirmedLogout']>
        label={own('unconfirmed')}
        queryKey={['client', clientId, 'logouts']}
        load={async ({ resultFrom, resultSize }) => {
          const params = { path: { id: clientId }, query: { resultFrom, resultSize } };
          const { logouts, pagination } = await dataOf(api.GET('/api/2.1.1/client/{id}/logouts', { params }));
          return { rows: logouts, pagination };
        }}
        keyOf={({ user, session, ended }) => `${user.id} ${session} ${ended}`}
        empty={own('allConfirmed')}
        isSearchable={false}
        isTotalCapped
        columns={[
          { id: 'person', header: t('name'), cell: ({ user }) => <Person user={user} /> },
          { id: 'ended', header: own('ended'), cell: ({ ended }) => time(ended) },
          { id: 'attempts', header: own('attempts'), cell: ({ attempts }) => number(attempts) },
          { id: 'error', header: own('error'), cell: ({ error }) => error },
          {
            id: 'next',
            header: own('next'),
            cell: ({ nextAttempt }) => (nextAttempt ? time(nextAttempt) : own('givenUp')),
          },
        ]}
      />
      <p>{own('unconfirmedHelp')}</p>
    </>
  );
}

function Person({ user: { id, name } }: { user: Schemas['UnconfirmedLogout']['user'] }): ReactNode {
  const { may } = useMe();
  const { t: own } = useLogoutsTexts();
  if (name === undefined) return own('deletedPerson');
  return may('MANAGE_USERS') ? <Link href={`/people/${id}`}>{name}</Link> : name;
}
