import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { Activity, Refusals } from './activity';
import { Attention } from './attention';

/** What needs attention and what happened, and the groups of those who don't manage all of them. */
export default function HomePage(): ReactNode {
  const { t } = useTexts();
  const { may, hasGroups } = useMe();
  const { data, error } = useQuery({
    queryKey: ['overview'],
    queryFn: () => dataOf(api.GET('/api/2.1.1/overview')),
  });
  return (
    <>
      <Heading>{t('home')}</Heading>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t('loading')}</p>}
      {data && <Attention overview={data} />}
      {hasGroups && !may('MANAGE_ALL_GROUPS') && <Groups />}
      {data?.hours && <Activity hours={data.hours} />}
      {data?.refusals && <Refusals refusals={data.refusals} since={data.hours![0]!.from} />}
    </>
  );
}

function Groups(): ReactNode {
  const { t } = useTexts();
  return (
    <>
      <h2>{t('groups')}</h2>
      <List<Schemas['Group']>
        label={t('groups')}
        queryKey={['groups']}
        load={async (query) => {
          const { groups, pagination } = await dataOf(api.GET('/api/2.1.1/groups', { params: { query } }));
          return { rows: groups, pagination };
        }}
        keyOf={({ id }) => id}
        empty={t('nothingFound')}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/groups/${id}`}>{name}</Link> },
          { id: 'description', header: t('description'), cell: ({ description }) => description },
        ]}
      />
    </>
  );
}
