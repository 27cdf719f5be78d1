import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import type { Permission } from '../me';
import { Actions } from '../parts/actions';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { PersonDialog } from '../parts/person-dialog';
import { Effects } from '../rights/effects';
import { periodFields, PeriodText, periodValues } from '../rights/period';
import { useRightsTexts } from '../rights/rights-texts';
import { TakeAway } from '../rights/take-away';
import { useStaffTexts } from './staff-texts';

const PERMISSIONS: Permission[] = [
  'OBTAIN_ACCESS_TOKENS',
  'MANAGE_USERS',
  'CREATE_GROUPS',
  'MANAGE_ALL_GROUPS',
  'MANAGE_STAFF',
  'MANAGE_SERVICE_ACCOUNTS',
  'VIEW_AUDIT_LOG',
];

type User = Schemas['User'];

/** The staff of the organization, and what each of them may do. */
export default function StaffPage(): ReactNode {
  const { t } = useTexts();
  const { t: own } = useStaffTexts();
  const { user: me } = useMe();
  return (
    <>
      <Heading>{t('staff')}</Heading>
      <Appoint />
      <List<User>
        label={t('staff')}
        queryKey={['staff']}
        load={async ({ query, resultFrom, resultSize }) => {
          // This list has numbers of rows where others have the row that a page begins after.
          const resultStart = Number(resultFrom ?? 0);
          const params = { path: { id: 'self' }, query: { query, resultStart, resultSize } };
          const { users, total } = await dataOf(api.GET('/api/2.1.1/organization/{id}/staff', { params }));
          const end = resultStart + users.length;
          return { rows: users, pagination: { total, lastOnPage: String(end), moreAvailable: end < total } };
        }}
        keyOf={({ id }) => id}
        empty={t('noPeople')}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/people/${id}`}>{name}</Link> },
          { id: 'permissions', header: own('permissions'), cell: (user) => <Permissions user={user} /> },
          {
            id: 'change',
            header: t('edit'),
            isAction: true,
            cell: (user) => (user.id === me.id ? null : <Change user={user} />),
          },
        ]}
      />
    </>
  );
}

function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['staff', 'permissions', 'me'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

function Permissions({ user }: { user: User }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useStaffTexts();
  const { user: me } = useMe();
  const reload = useReload();
  const { data, error } = useQuery({
    queryKey: ['permissions', user.id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/user/{user}/permissions', { params: { path: { user: user.id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{t('loading')}</p>;
  const periods = new Map((data.periods ?? []).map((one) => [one.permission, one]));
  const held = PERMISSIONS.filter((one) => data.permissions.includes(one) || periods.has(one));
  if (held.length === 0) return own('noPermissions');
  return (
    <ul>
      {held.map((permission) => {
        const params = { path: { user: user.id, permission } };
        const names = { name: user.name, permission: own(`permission_${permission}`) };
        return (
          <li key={permission}>
            {names.permission} <PeriodText {...periods.get(permission)} />{' '}
            {user.id !== me.id && (
              <TakeAway
                {...names}
                of={[user.id, permission]}
                load={() => dataOf(api.GET('/api/2.1.1/user/{user}/permissions/{permission}/effects', { params }))}
                onConfirm={async () => {
                  await api.DELETE('/api/2.1.1/user/{user}/permissions/{permission}', { params });
                  await reload();
                }}
              />
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Change({ user }: { user: User }): ReactNode {
  const { t: own } = useStaffTexts();
  const { t: right } = useRightsTexts();
  const { may } = useMe();
  const reload = useReload();
  const { name } = user;
  const params = { path: { id: 'self', user: user.id } };
  const grantable = PERMISSIONS.filter((permission) => may(permission));
  return (
    <Actions>
      <FormDialog
        label={own('grantPermission')}
        accessibleLabel={own('grantTo', { name })}
        title={own('grantTo', { name })}
        fields={[
          {
            name: 'permission',
            label: own('permission'),
            options: grantable.map((permission) => [permission, own(`permission_${permission}`)]),
          },
          ...periodFields(right),
        ]}
        onSubmit={async ({ permission, ...values }) => {
          const path = { user: user.id, permission: permission as Permission };
          await api.PUT('/api/2.1.1/user/{user}/permissions/{permission}', {
            params: { path },
            body: periodValues(values),
          });
          await reload();
        }}
      />
      {!user.serviceAccount && (
        <ConfirmDialog
          label={own('dismiss')}
          accessibleLabel={own('dismissName', { name })}
          kind="danger"
          question={own('dismissQuestion', { name })}
          onConfirm={async () => {
            await api.DELETE('/api/2.1.1/organization/{id}/staff/{user}', { params });
            await reload();
          }}
        >
          <Effects
            of={[user.id]}
            load={() => dataOf(api.GET('/api/2.1.1/organization/{id}/staff/{user}/effects', { params }))}
          />
        </ConfirmDialog>
      )}
    </Actions>
  );
}

function Appoint(): ReactNode {
  const { t } = useStaffTexts();
  const reload = useReload();
  return (
    <Actions>
      <PersonDialog
        label={t('appoint')}
        onSubmit={async (user) => {
          const params = { path: { id: 'self', user } };
          await api.PUT('/api/2.1.1/organization/{id}/staff/{user}', { params, body: {} });
          await reload();
        }}
      />
    </Actions>
  );
}
