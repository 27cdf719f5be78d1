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
import { useAccountTexts } from './account-texts';

/** What is one's own. Everybody who can sign in has this page, also without rights. */
export default function AccountPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useAccountTexts();
  const { user } = useMe();
  return (
    <>
      <Heading>{t('myAccount')}</Heading>
      <Facts
        facts={[
          [t('name'), user.name],
          [t('emailAddress'), user.emailAddress],
          [own('organization'), user.organization?.name],
          ...(user.thirdPartyIds ?? []).map(({ thirdParty, id }): [string, ReactNode] => [thirdParty, id]),
          [t('lastLogin'), time(user.lastLogin)],
          [t('id'), <code>{user.id}</code>],
        ]}
      />
      <h2>{own('mySessions')}</h2>
      <p>{own('mySessionsHelp')}</p>
      <Sessions />
      <h2>{own('myInvitations')}</h2>
      <p>{own('myInvitationsHelp')}</p>
      <Invitations />
      <h2>{own('password')}</h2>
      <p>{own('passwordHelp')}</p>
      <p>
        <a href="/oauth/account">{own('passwordAndSignIns')}</a>
      </p>
    </>
  );
}

function Sessions(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useAccountTexts();
  return (
    <List<Schemas['ListedSession']>
      label={own('mySessions')}
      queryKey={['me', 'sessions']}
      prefix="sessions-"
      load={async ({ resultFrom, resultSize }) => {
        const params = { query: { resultFrom, resultSize } };
        const { sessions, pagination } = await dataOf(api.GET('/api/2.1.1/own-sessions', { params }));
        return { rows: sessions, pagination };
      }}
      keyOf={({ id }) => id}
      empty={own('noOwnSessions')}
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
  const { t: own } = useAccountTexts();
  const queries = useQueryClient();
  const values = { name: actor.name, at: time(created) };
  return (
    <ConfirmDialog
      label={t('endSession')}
      accessibleLabel={own('endOwnSessionName', values)}
      kind="danger"
      question={own('endOwnSessionQuestion', values)}
      onConfirm={async () => {
        await api.DELETE('/api/2.1.1/own-session/{id}', { params: { path: { id } } });
        await queries.invalidateQueries({ queryKey: ['me', 'sessions'] });
      }}
    />
  );
}

function Invitations(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useAccountTexts();
  const queries = useQueryClient();
  const [done, setDone] = useState('');
  const answer = async ({ id, name }: Schemas['Invitation'], action: 'ACCEPT' | 'DECLINE'): Promise<void> => {
    await api.PUT('/api/2.1.1/group-invitation/{id}', { params: { path: { id } }, body: { action } });
    setDone(own(`invitation_${action}`, { name }));
    await queries.invalidateQueries({ queryKey: ['me', 'invitations'] });
  };
  return (
    <>
      <p role="status">{done}</p>
      <List<Schemas['Invitation']>
        label={own('myInvitations')}
        queryKey={['me', 'invitations']}
        prefix="invitations-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { invitations, pagination } = await dataOf(api.GET('/api/2.1.1/group-invitations', { params }));
          return { rows: invitations, pagination };
        }}
        keyOf={({ id }) => id}
        empty={own('noInvitations')}
        isSearchable={false}
        columns={[
          { id: 'group', header: t('group'), cell: ({ name }) => name },
          { id: 'organization', header: own('organization'), cell: ({ organization }) => organization.name },
          { id: 'description', header: t('description'), cell: ({ description }) => description },
          { id: 'since', header: t('since'), cell: ({ invited }) => time(invited) },
          {
            id: 'answer',
            header: own('answer'),
            isAction: true,
            cell: (invitation) => (
              <Actions>
                <ConfirmDialog
                  label={own('accept')}
                  accessibleLabel={own('acceptName', { name: invitation.name })}
                  question={own('acceptQuestion', {
                    name: invitation.name,
                    organization: invitation.organization.name,
                  })}
                  onConfirm={() => answer(invitation, 'ACCEPT')}
                />
                <ConfirmDialog
                  label={own('decline')}
                  accessibleLabel={own('declineName', { name: invitation.name })}
                  question={own('declineQuestion', { name: invitation.name })}
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
