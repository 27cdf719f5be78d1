import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Actions } from '../parts/actions';
import { ConfirmDialog } from '../parts/dialog';
import { Facts } from '../parts/facts';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';

/** What is one's own. Everybody who can sign in has this page, also without rights. */
export default function AccountPage(): ReactNode {
  const { t, time } = useTexts();
  const { user } = useMe();
  return (
    <>
      <Heading>{t('myAccount')}</Heading>
      <Facts
        facts={[
          [t('name'), user.name],
          [t('emailAddress'), user.emailAddress],
          [t('organization'), user.organization?.name],
          ...(user.thirdPartyIds ?? []).map(({ thirdParty, id }): [string, ReactNode] => [thirdParty, id]),
          [t('lastLogin'), time(user.lastLogin)],
          [t('id'), <code>{user.id}</code>],
        ]}
      />
      <h2>{t('mySessions')}</h2>
      <p>{t('mySessionsHelp')}</p>
      <Sessions />
      <h2>{t('myInvitations')}</h2>
      <p>{t('myInvitationsHelp')}</p>
      <Invitations />
      <h2>{t('password')}</h2>
      <p>{t('passwordHelp')}</p>
      <p>
        <a href="/oauth/account">{t('passwordAndSignIns')}</a>
      </p>
    </>
  );
}

function Sessions(): ReactNode {
  const { t, time } = useTexts();
  return (
    <List<Schemas['ListedSession']>
      label={t('mySessions')}
      queryKey={['me', 'sessions']}
      prefix="sessions-"
      load={async ({ resultFrom, resultSize }) => {
        const params = { query: { resultFrom, resultSize } };
        const { sessions, pagination } = await dataOf(api.GET('/api/2.1.1/own-sessions', { params }));
        return { rows: sessions, pagination };
      }}
      keyOf={({ id }) => id}
      empty={t('noOwnSessions')}
      isSearchable={false}
      columns={[
        { id: 'actor', header: t('letInBy'), cell: ({ actor }) => `${actor.name} (${actor.organization.name})` },
        { id: 'since', header: t('since'), cell: ({ created }) => time(created) },
        { id: 'device', header: t('device'), cell: ({ device }) => device },
        { id: 'seen', header: t('lastSeen'), cell: ({ lastSeen }) => time(lastSeen) },
        { id: 'end', header: t('endSession'), isAction: true, cell: (session) => <EndSession session={session} /> },
      ]}
    />
  );
}

function EndSession({ session: { id, actor, created } }: { session: Schemas['ListedSession'] }): ReactNode {
  const { t, time } = useTexts();
  const queries = useQueryClient();
  const values = { name: actor.name, at: time(created) };
  return (
    <ConfirmDialog
      label={t('endSession')}
      accessibleLabel={t('endOwnSessionName', values)}
      kind="danger"
      question={t('endOwnSessionQuestion', values)}
      onConfirm={async () => {
        await api.DELETE('/api/2.1.1/own-session/{id}', { params: { path: { id } } });
        await queries.invalidateQueries({ queryKey: ['me', 'sessions'] });
      }}
    />
  );
}

function Invitations(): ReactNode {
  const { t, time } = useTexts();
  const queries = useQueryClient();
  const [done, setDone] = useState('');
  const answer = async ({ id, name }: Schemas['Invitation'], action: 'ACCEPT' | 'DECLINE'): Promise<void> => {
    await api.PUT('/api/2.1.1/group-invitation/{id}', { params: { path: { id } }, body: { action } });
    setDone(t(`invitation_${action}`, { name }));
    await queries.invalidateQueries({ queryKey: ['me', 'invitations'] });
  };
  return (
    <>
      <p role="status">{done}</p>
      <List<Schemas['Invitation']>
        label={t('myInvitations')}
        queryKey={['me', 'invitations']}
        prefix="invitations-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { invitations, pagination } = await dataOf(api.GET('/api/2.1.1/group-invitations', { params }));
          return { rows: invitations, pagination };
        }}
        keyOf={({ id }) => id}
        empty={t('noInvitations')}
        isSearchable={false}
        columns={[
          { id: 'group', header: t('group'), cell: ({ name }) => name },
          { id: 'organization', header: t('organization'), cell: ({ organization }) => organization.name },
          { id: 'description', header: t('description'), cell: ({ description }) => description },
          { id: 'since', header: t('since'), cell: ({ invited }) => time(invited) },
          {
            id: 'answer',
            header: t('answer'),
            isAction: true,
            cell: (invitation) => (
              <Actions>
                <ConfirmDialog
                  label={t('accept')}
                  accessibleLabel={t('acceptName', { name: invitation.name })}
                  question={t('acceptQuestion', {
                    name: invitation.name,
                    organization: invitation.organization.name,
                  })}
                  onConfirm={() => answer(invitation, 'ACCEPT')}
                />
                <ConfirmDialog
                  label={t('decline')}
                  accessibleLabel={t('declineName', { name: invitation.name })}
                  question={t('declineQuestion', { name: invitation.name })}
                  onConfirm={() => answer(invitation, 'DECLINE')}
                />
              </Actions>
            ),
          },
        ]}
      />
    </>
  );
}
