import { useQueryClient } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Actions } from '../parts/actions';
import { FormDialog } from '../parts/dialog';
import { Heading } from '../parts/heading';
import { List, mapSelected } from '../parts/list';
import { prefetchList } from '../parts/list-source';
import type { ListSource } from '../parts/list-source';
import { personFields } from './person-fields';

/** It is only loaded when somebody is selected. */
const PeopleActions = lazy(() => import('../bulk/people-actions'));

const PEOPLE: ListSource<Schemas['User']> = {
  queryKey: ['people'],
  isOrdered: true,
  load: async (query) => {
    const params = { path: { id: 'self' }, query };
    const { accounts, pagination } = await dataOf(api.GET('/api/2.1.1/organizations/{id}/accounts', { params }));
    return { rows: accounts, pagination };
  },
};

export const prefetch = (queries: QueryClient): Promise<void> => prefetchList(queries, PEOPLE);

export default function PeoplePage(): ReactNode {
  const { t, time } = useTexts();
  const { may } = useMe();
  return (
    <>
      <Heading>{t('people')}</Heading>
      <Actions>
        {may('MANAGE_USERS') && (
          <>
            <NewPerson />
            <Link href="/people/import" className="button">
              {t('importPeople')}
            </Link>
          </>
        )}
      </Actions>
      <List
        {...PEOPLE}
        label={t('people')}
        keyOf={({ id }) => id}
        empty={t('noPeople')}
        selection={{
          nameOf: ({ name }) => name,
          actions: (selected) => (
            <Suspense fallback={<p role="status">{t('loading')}</p>}>
              <PeopleActions selected={mapSelected(selected, (user) => ({ id: user.id, name: user.name, user }))} />
            </Suspense>
          ),
        }}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/people/${id}`}>{name}</Link> },
          { id: 'email', header: t('emailAddress'), cell: ({ emailAddress }) => emailAddress },
          { id: 'ids', header: t('thirdPartyIds'), cell: ({ thirdPartyIds }) => shown(thirdPartyIds) },
          { id: 'status', header: t('status'), cell: ({ status }) => t(`status_${status}`) },
          { id: 'login', header: t('lastLogin'), cell: ({ lastLogin }) => time(lastLogin) },
        ]}
      />
    </>
  );
}

function NewPerson(): ReactNode {
  const { t } = useTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  return (
    <FormDialog
      label={t('newPerson')}
      title={t('newPerson')}
      kind="main"
      fields={personFields(t)}
      onSubmit={async (body) => {
        const { id } = await dataOf(api.POST('/api/2.1.1/users', { body }));
        await queries.invalidateQueries({ queryKey: PEOPLE.queryKey });
        navigate(`/people/${id}`);
      }}
    />
  );
}

function shown(ids: Schemas['ThirdPartyId'][] = []): string {
  return ids.map(({ thirdParty, id }) => `${thirdParty}$${id}`).join(', ');
}
