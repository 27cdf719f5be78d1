import { useQueryClient } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Actions } from '../parts/actions';
import { FormDialog } from '../parts/dialog';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { prefetchList } from '../parts/list-source';
import type { ListSource } from '../parts/list-source';
import { groupFields, groupValues } from './group-fields';
import { useGroupsTexts } from './groups-texts';

const GROUPS: ListSource<Schemas['Group']> = {
  queryKey: ['groups'],
  isOrdered: true,
  load: async (query) => {
    const { groups, pagination } = await dataOf(api.GET('/api/2.1.1/groups', { params: { query } }));
    return { rows: groups, pagination };
  },
};

export const prefetch = (queries: QueryClient): Promise<void> => prefetchList(queries, GROUPS);

export default function GroupsPage(): ReactNode {
  const { t, number, time } = useTexts();
  const { t: own } = useGroupsTexts();
  const { may } = useMe();
  return (
    <>
      <Heading>{t('groups')}</Heading>
      <Actions>{may('CREATE_GROUPS') && <NewGroup />}</Actions>
      <List
        {...GROUPS}
        label={t('groups')}
        keyOf={({ id }) => id}
        empty={own('noGroups')}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/groups/${id}`}>{name}</Link> },
          { id: 'description', header: t('description'), cell: ({ description }) => description },
          { id: 'reference', header: own('customReference'), cell: ({ customReference }) => customReference },
          { id: 'members', header: own('members'), cell: ({ counts }) => number(counts.members) },
          { id: 'edited', header: own('lastEdited'), cell: ({ lastEdited }) => time(lastEdited) },
        ]}
      />
    </>
  );
}

function NewGroup(): ReactNode {
  const { t } = useTexts();
  const { t: own } = useGroupsTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  return (
    <FormDialog
      label={own('newGroup')}
      title={own('newGroup')}
      kind="main"
      fields={groupFields(t, own)}
      onSubmit={async (values) => {
        const { id } = await dataOf(api.POST('/api/2.1.1/groups', { body: groupValues(values) }));
        await queries.invalidateQueries({ queryKey: GROUPS.queryKey });
        navigate(`/groups/${id}`);
      }}
    />
  );
}
