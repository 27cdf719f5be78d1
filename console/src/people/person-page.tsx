import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { asksWhy, useMe } from '../me';
import { Actions } from '../parts/actions';
import { BlockDialog } from '../parts/block-dialog';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Facts } from '../parts/facts';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { LetIn } from './let-in';
import { PasswordLink } from './password-link';
import { personFields } from './person-fields';
import { Groups, Permissions } from './person-rights';
import { usePersonTexts } from './person-texts';

const SessionApplications = lazy(() => import('../logouts/session-applications'));

export default function PersonPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = usePersonTexts();
  const {
    may,
    user: { id: me },
  } = useMe();
  const { id } = useParams<{ id: string }>();
  const { data: user, error } = useQuery({
    queryKey: ['person', id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/user/{user}', { params: { path: { user: id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!user) return <p role="status">{t('loading')}</p>;
  return (
    <>
      <Heading>{user.name}</Heading>
      {may('MANAGE_USERS') && !user.serviceAccount && <PersonActions user={user} />}
      {asksWhy({ may }) && (
        <p>
          <Link href={`/why?user=${user.id}`}>{own('whyPerson')}</Link>
        </p>
      )}
      <Facts
        facts={[
          [t('emailAddress'), user.emailAddress],
          [t('status'), t(`status_${user.status}`)],
          ...(user.thirdPartyIds ?? []).map(({ thirdParty, id }): [string, ReactNode] => [thirdParty, id]),
          [t('languageOfPerson'), user.locale],
          [t('timeZone'), user.timeZone],
          [t('description'), user.description],
          [t('created'), time(user.created)],
          [t('lastLogin'), time(user.lastLogin)],
          [t('id'), <code>{user.id}</code>],
        ]}
      />
      {may('OBTAIN_ACCESS_TOKENS') && user.status === 'ACTIVE' && !user.serviceAccount && <LetIn user={user} />}
      {may('VIEW_AUDIT_LOG') && (
        <p>
          <Link href={`/record?user=${user.id}`}>{t('record')}</Link>
        </p>
      )}
      {!user.serviceAccount && (
        <>
          <h2>{t('groups')}</h2>
          <Groups user={user} />
        </>
      )}
      {may('MANAGE_STAFF') && <Permissions user={user} />}
      {may('MANAGE_USERS') && user.emailAddress && !user.serviceAccount && user.id !== me && (
        <PasswordLink user={user} />
      )}
      {may('MANAGE_USERS') && !user.serviceAccount && (
        <>
          <h2>{t('sessions')}</h2>
          <Sessions user={user} />
        </>
      )}
    </>
  );
}

/** Reads everything about people again. */
function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['people', 'person', 'group'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

function PersonActions({ user }: { user: Schemas['User'] }): ReactNode {
  const { t } = useTexts();
  const { t: own } = usePersonTexts();
  const me = useMe();
  const [, navigate] = useLocation();
  const reload = useReload();
  const queries = useQueryClient();
  const { name } = user;
  const params = { path: { user: user.id } };
  const change = async (body: Schemas['UserChanges']): Promise<void> => {
    await api.PUT('/api/2.1.1/user/{user}', { params, body });
    await reload();
  };
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        title={own('editPerson')}
        fields={personFields(t, user)}
        onSubmit={(values) => change(changesOf(user, values))}
      />
      {user.id !== me.user.id && (
        <>
          <BlockDialog account={user} question={own('blockQuestion', { name })} onChange={change} />
          <ConfirmDialog
            label={t('delete')}
            kind="danger"
            question={own('deletePersonQuestion', { name })}
            onConfirm={async () => {
              await api.DELETE('/api/2.1.1/user/{user}', { params });
              navigate('/people');
              queries.removeQueries({ queryKey: ['person', user.id] });
              await queries.invalidateQueries({ queryKey: ['people'] });
            }}
          />
        </>
      )}
    </Actions>
  );
}

/** The values that differ from those of the account. */
function changesOf(user: Schemas['User'], values: Record<string, string>): Schemas['UserChanges'] {
  const before = user as unknown as Record<string, string | undefined>;
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== (before[name] ?? '')));
}

function Sessions({ user }: { user: Schemas['User'] }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = usePersonTexts();
  return (
    <List<Schemas['ListedSession']>
      label={t('sessions')}
      queryKey={['person', user.id, 'sessions']}
      load={async ({ resultFrom, resultSize }) => {
        const query = { user: user.id, resultFrom, resultSize };
        const { sessions, pagination } = await dataOf(api.GET('/api/2.1.1/sessions', { params: { query } }));
        return { rows: sessions, pagination };
      }}
      keyOf={({ id }) => id}
      empty={own('noSessions')}
      isSearchable={false}
      columns={[
        { id: 'since', header: t('since'), cell: ({ created }) => time(created) },
        { id: 'device', header: t('device'), cell: ({ device }) => device },
        { id: 'actor', header: t('letInBy'), cell: ({ actor }) => actor.name },
        { id: 'seen', header: t('lastSeen'), cell: ({ lastSeen }) => time(lastSeen) },
        { id: 'applications', header: own('applications'), cell: ({ id }) => <Applications id={id} /> },
        { id: 'end', header: t('endSession'), isAction: true, cell: ({ id }) => <EndSession id={id} user={user} /> },
      ]}
    />
  );
}

/** The applications of a session, once somebody asks for them. */
function Applications({ id }: { id: string }): ReactNode {
  const { t: own } = usePersonTexts();
  const [isAsked, setIsAsked] = useState(false);
  if (!isAsked)
    return (
      <button type="button" onClick={() => setIsAsked(true)}>
        {own('showApplications')}
      </button>
    );
  return (
    <Suspense>
      <SessionApplications id={id} />
    </Suspense>
  );
}

function EndSession({ id, user: { name } }: { id: string; user: Schemas['User'] }): ReactNode {
  const { t } = useTexts();
  const { t: own } = usePersonTexts();
  const reload = useReload();
  return (
    <ConfirmDialog
      label={t('endSession')}
      kind="danger"
      question={own('endSessionQuestion', { name })}
      onConfirm={async () => {
        await api.DELETE('/api/2.1.1/session/{id}', { params: { path: { id } } });
        await reload();
      }}
    />
  );
}
