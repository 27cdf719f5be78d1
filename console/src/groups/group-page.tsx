import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Actions } from '../parts/actions';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import type { Field } from '../parts/dialog';
import { Facts } from '../parts/facts';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List, mapSelected } from '../parts/list';
import { PersonDialog } from '../parts/person-dialog';
import { Table } from '../parts/table';
import { periodFields, PeriodText, periodValues } from '../rights/period';
import { useRightsTexts } from '../rights/rights-texts';
import type { RightsText } from '../rights/rights-texts';
import { TakeAway } from '../rights/take-away';
import { groupFields, groupValues } from './group-fields';
import { useGroupsTexts } from './groups-texts';
import type { GroupsText } from './groups-texts';

/** It is only loaded when somebody is selected. */
const PeopleActions = lazy(() => import('../bulk/people-actions'));

export default function GroupPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useGroupsTexts();
  const { id } = useParams<{ id: string }>();
  const { data: group, error } = useQuery({
    queryKey: ['group', id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/group/{id}', { params: { path: { id } } })),
  });
  const staff = useStaff(id);
  const { user, may } = useMe();
  if (error) return <Failure error={error} />;
  if (!group) return <p role="status">{t('loading')}</p>;
  const rights = staff.data?.groupStaffUsers.filter((one) => one.user.id === user.id) ?? [];
  const mayManage = may('MANAGE_ALL_GROUPS') || rights.some(({ permission }) => permission === 'MANAGE');
  return (
    <>
      <p>
        <Link href="/groups">{t('groups')}</Link>
      </p>
      <Heading>{group.name}</Heading>
      {mayManage && <GroupActions group={group} />}
      <Facts
        facts={[
          [t('description'), group.description],
          [own('customReference'), group.customReference],
          [t('created'), time(group.created)],
          [own('lastEdited'), time(group.lastEdited)],
          [t('id'), <code>{group.id}</code>],
        ]}
      />
      {may('VIEW_AUDIT_LOG') && (
        <p>
          <Link href={`/record?group=${group.id}`}>{t('record')}</Link>
        </p>
      )}
      <h2>{own('members')}</h2>
      <Members group={group} mayManage={mayManage} />
      <h2>{own('staffOfGroup')}</h2>
      {staff.error && <Failure error={staff.error} />}
      {mayManage && <AddStaff group={group} />}
      {staff.data && <GroupStaff group={group} staff={staff.data.groupStaffUsers} mayManage={mayManage} />}
    </>
  );
}

function Members({ group, mayManage }: { group: Schemas['Group']; mayManage: boolean }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useGroupsTexts();
  return (
    <>
      {mayManage && <AddMember group={group} />}
      <List<Schemas['Member']>
        label={own('members')}
        queryKey={['group', group.id, 'members']}
        load={async (query) => {
          const params = { path: { group: group.id }, query };
          const { members, pagination } = await dataOf(api.GET('/api/2.1.1/group/{group}/members', { params }));
          return { rows: members, pagination };
        }}
        keyOf={({ member }) => member.id!}
        empty={own('noMembers')}
        selection={
          mayManage
            ? {
                nameOf: ({ member }) => member.name ?? member.id!,
                actions: (selected) => (
                  <Suspense fallback={<p role="status">{t('loading')}</p>}>
                    <PeopleActions
                      group={group}
                      selected={mapSelected(selected, (membership) => ({
                        id: membership.member.id!,
                        name: membership.member.name ?? membership.member.id!,
                        user: membership.member,
                        membership,
                      }))}
                    />
                  </Suspense>
                ),
              }
            : undefined
        }
        columns={[
          {
            id: 'name',
            header: t('name'),
            cell: ({ member }) => <Person user={member} isOwn={member.organization?.id === group.organization.id} />,
          },
          { id: 'email', header: t('emailAddress'), cell: ({ member }) => member.emailAddress },
          {
            id: 'status',
            header: t('status'),
            cell: (member) => (
              <>
                {own(`membership_${member.status}`)} <PeriodText {...member} />
              </>
            ),
          },
          { id: 'since', header: t('since'), cell: ({ joined, invited }) => time(joined ?? invited) },
          ...(mayManage
            ? [
                {
                  id: 'remove',
                  header: own('remove'),
                  isAction: true,
                  cell: ({ member }: Schemas['Member']) => <RemoveMember group={group} member={member} />,
                },
              ]
            : []),
        ]}
      />
    </>
  );
}

/** Fields for a right on the group. */
function rightFields(own: GroupsText, rights: RightsText, right: Schemas['GroupStaff']['permission']): Field[] {
  const options = (['VIEW', 'MANAGE'] as const).map((one): [string, string] => [one, own(`right_${one}`)]);
  return [{ name: 'right', label: own('right'), value: right, options }, ...periodFields(rights)];
}

function allow(group: Schemas['Group'], user: string, { right, ...period }: Record<string, string>): Promise<unknown> {
  const permission = right as Schemas['GroupStaff']['permission'];
  const params = { path: { group: group.id, user, permission } };
  return api.PUT('/api/2.1.1/group/{group}/staff/{user}/{permission}', { params, body: periodValues(period) });
}

function AddStaff({ group }: { group: Schemas['Group'] }): ReactNode {
  const { t: own } = useGroupsTexts();
  const { t: rights } = useRightsTexts();
  const reload = useReload();
  return (
    <Actions>
      <PersonDialog
        label={rights('addStaff')}
        fields={rightFields(own, rights, 'VIEW')}
        onSubmit={async (reference, values) => {
          await allow(group, reference, values);
          await reload();
        }}
      />
    </Actions>
  );
}

function ChangeStaff({ group, one }: { group: Schemas['Group']; one: Schemas['GroupStaff'] }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useGroupsTexts();
  const { t: rights } = useRightsTexts();
  const reload = useReload();
  const { user, permission } = one;
  const params = { path: { group: group.id, user: user.id, permission } };
  const names = { name: user.name, permission: own(`right_${permission}`) };
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        accessibleLabel={rights('editName', names)}
        title={rights('editName', names)}
        fields={rightFields(own, rights, permission)}
        onSubmit={async (values) => {
          await allow(group, user.id, values);
          await reload();
        }}
      />
      <TakeAway
        {...names}
        of={[group.id, user.id, permission]}
        load={() => dataOf(api.GET('/api/2.1.1/group/{group}/staff/{user}/{permission}/effects', { params }))}
        onConfirm={async () => {
          await api.DELETE('/api/2.1.1/group/{group}/staff/{user}/{permission}', { params });
          await reload();
        }}
      />
    </Actions>
  );
}

function GroupStaff({
  group,
  staff,
  mayManage,
}: {
  group: Schemas['Group'];
  staff: Schemas['GroupStaff'][];
  mayManage: boolean;
}): ReactNode {
  const { t } = useTexts();
  const { t: own } = useGroupsTexts();
  const { user: me } = useMe();
  return (
    <Table<Schemas['GroupStaff']>
      label={own('staffOfGroup')}
      rows={staff}
      keyOf={({ user }) => user.id}
      columns={[
        { id: 'name', header: t('name'), cell: ({ user }) => <Person user={user} isOwn /> },
        { id: 'email', header: t('emailAddress'), cell: ({ user }) => user.emailAddress },
        {
          id: 'right',
          header: own('right'),
          cell: (one) => (
            <>
              {own(`right_${one.permission}`)} <PeriodText {...one} />
            </>
          ),
        },
        ...(mayManage
          ? [
              {
                id: 'change',
                header: t('edit'),
                isAction: true,
                cell: (one: Schemas['GroupStaff']) =>
                  one.user.id === me.id ? null : <ChangeStaff group={group} one={one} />,
              },
            ]
          : []),
      ]}
    />
  );
}

function useStaff(id: string): { data?: Schemas['GroupStaffList']; error: Error | null } {
  const params = { path: { group: id }, query: { resultSize: 100 } };
  return useQuery({
    queryKey: ['group', id, 'staff'],
    queryFn: () => dataOf(api.GET('/api/2.1.1/group/{group}/staff', { params })),
  });
}

/** Reads everything about groups again. */
function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['groups', 'group'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

function GroupActions({ group }: { group: Schemas['Group'] }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useGroupsTexts();
  const [, navigate] = useLocation();
  const reload = useReload();
  const queries = useQueryClient();
  const params = { path: { id: group.id } };
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        title={own('editGroup')}
        fields={groupFields(t, own, group)}
        onSubmit={async (values) => {
          await api.PUT('/api/2.1.1/group/{id}', { params, body: groupValues(values) });
          await reload();
        }}
      />
      <ConfirmDialog
        label={t('delete')}
        kind="danger"
        question={own('deleteGroupQuestion', { name: group.name })}
        onConfirm={async () => {
          await api.DELETE('/api/2.1.1/group/{id}', { params });
          navigate('/groups');
          queries.removeQueries({ queryKey: ['group', group.id] });
          await queries.invalidateQueries({ queryKey: ['groups'] });
        }}
      />
    </Actions>
  );
}

function AddMember({ group }: { group: Schemas['Group'] }): ReactNode {
  const { t: own } = useGroupsTexts();
  const { t: rights } = useRightsTexts();
  const reload = useReload();
  const [done, setDone] = useState('');
  return (
    <>
      <Actions>
        <PersonDialog
          label={own('addMember')}
          fields={periodFields(rights)}
          onSubmit={async (reference, values) => {
            const params = { path: { group: group.id, user: reference } };
            const { member, status } = await dataOf(
              api.PUT('/api/2.1.1/group/{group}/members/{user}', { params, body: periodValues(values) }),
            );
            const name = member.name ?? reference;
            setDone(own(status === 'JOINED' ? 'memberJoined' : 'memberInvited', { name }));
            await reload();
          }}
        />
      </Actions>
      <p role="status">{done}</p>
    </>
  );
}

function RemoveMember({ group, member }: { group: Schemas['Group']; member: Schemas['MemberUser'] }): ReactNode {
  const { t: own } = useGroupsTexts();
  const reload = useReload();
  const name = member.name ?? member.id!;
  return (
    <ConfirmDialog
      label={own('remove')}
      accessibleLabel={own('removeName', { name })}
      kind="danger"
      question={own('removeMemberQuestion', { name, group: group.name })}
      onConfirm={async () => {
        const params = { path: { group: group.id, user: member.id! } };
        await api.DELETE('/api/2.1.1/group/{group}/members/{user}', { params });
        await reload();
      }}
    />
  );
}

/** A link to a person, unless another organization manages the account. */
function Person({ user, isOwn }: { user: Schemas['MemberUser']; isOwn: boolean }): ReactNode {
  const name = user.name ?? user.id!;
  return isOwn ? <Link href={`/people/${user.id}`}>{name}</Link> : name;
}
