import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useGroupsTexts } from '../groups/groups-texts';
import { List } from '../parts/list';
import { PeriodText } from '../rights/period';
import { useStaffTexts } from '../staff/staff-texts';
import { usePersonTexts } from './person-texts';

/** The groups of a person that the reader may see. */
export function Groups({ user }: { user: Schemas['User'] }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = usePersonTexts();
  const { t: group } = useGroupsTexts();
  return (
    <List<Schemas['Membership']>
      label={t('groups')}
      queryKey={['person', user.id, 'groups']}
      prefix="groups"
      load={async ({ resultFrom, resultSize }) => {
        const params = { path: { user: user.id }, query: { resultFrom, resultSize } };
        const { memberships, pagination } = await dataOf(api.GET('/api/2.1.1/user/{user}/groups', { params }));
        return { rows: memberships, pagination };
      }}
      keyOf={(membership) => membership.group.id}
      empty={own('noGroups')}
      isSearchable={false}
      columns={[
        {
          id: 'name',
          header: t('name'),
          cell: ({ group: { id, name } }) => <Link href={`/groups/${id}`}>{name}</Link>,
        },
        {
          id: 'status',
          header: t('status'),
          cell: (membership) => (
            <>
              {group(`membership_${membership.status}`)} <PeriodText {...membership} />
            </>
          ),
        },
        { id: 'since', header: t('since'), cell: ({ joined, invited }) => time(joined ?? invited) },
      ]}
    />
  );
}

/** The permissions of an account on the staff. Nothing for an account without any. */
export function Permissions({ user }: { user: Schemas['User'] }): ReactNode {
  const { t: own } = useStaffTexts();
  // Of an account that is not on the staff, the API says that there is none.
  const { data } = useQuery({
    queryKey: ['permissions', user.id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/user/{user}/permissions', { params: { path: { user: user.id } } })),
  });
  if (!data) return null;
  const periods = new Map(data.periods?.map((period) => [period.permission, period]));
  const held = [...new Set([...data.permissions, ...periods.keys()])];
  if (held.length === 0) return null;
  return (
    <>
      <h2>{own('permissions')}</h2>
      <ul>
        {held.map((permission) => (
          <li key={permission}>
            {own(`permission_${permission}`)} <PeriodText {...periods.get(permission)} />
          </li>
        ))}
      </ul>
    </>
  );
}
