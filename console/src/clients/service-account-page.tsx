import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { Actions } from '../parts/actions';
import { BlockDialog } from '../parts/block-dialog';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Facts } from '../parts/facts';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { AddKey } from './add-key';
import { useClientsTexts } from './clients-texts';

export default function ServiceAccountPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const { id } = useParams<{ id: string }>();
  const { data: account, error } = useQuery({
    queryKey: ['service-account', id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/service-account/{id}', { params: { path: { id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!account) return <p role="status">{t('loading')}</p>;
  return (
    <>
      <p>
        <Link href="/clients">{t('clients')}</Link>
      </p>
      <Heading>{account.name}</Heading>
      <ServiceAccountActions account={account} />
      <Facts
        facts={[
          [t('id'), <code>{account.id}</code>],
          [t('status'), t(`status_${account.status}`)],
          [own('clientId'), <Link href={`/clients/${account.clientId}`}>{account.clientId}</Link>],
          [t('created'), time(account.created)],
        ]}
      />
      <h2>{own('keys')}</h2>
      <p>{own('keysHelp')}</p>
      <Keys account={account} />
    </>
  );
}

function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(
      ['service-account', 'service-accounts'].map((key) => queries.invalidateQueries({ queryKey: [key] })),
    );
  };
}

function ServiceAccountActions({ account }: { account: Schemas['ServiceAccount'] }): ReactNode {
  const { id, name } = account;
  const { t } = useTexts();
  const { t: own } = useClientsTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const reload = useReload();
  const change = async (body: Schemas['UserChanges']): Promise<void> => {
    await api.PUT('/api/2.1.1/user/{user}', { params: { path: { user: id } }, body });
    await reload();
  };
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        title={own('editServiceAccount')}
        fields={[{ name: 'name', label: t('name'), value: name }]}
        onSubmit={change}
      />
      <BlockDialog account={account} question={own('blockServiceAccountQuestion', { name })} onChange={change} />
      <ConfirmDialog
        label={t('delete')}
        kind="danger"
        question={own('deleteServiceAccountQuestion', { name })}
        onConfirm={async () => {
          await api.DELETE('/api/2.1.1/service-account/{id}', { params: { path: { id } } });
          navigate('/clients');
          queries.removeQueries({ queryKey: ['service-account', id] });
          await Promise.all(
            ['service-accounts', 'clients'].map((key) => queries.invalidateQueries({ queryKey: [key] })),
          );
        }}
      />
    </Actions>
  );
}

function Keys({ account: { id, name } }: { account: Schemas['ServiceAccount'] }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const reload = useReload();
  const params = { path: { id } };
  return (
    <>
      <AddKey
        owner={name}
        onAdd={async (publicKey) => {
          const { kid } = await dataOf(
            api.POST('/api/2.1.1/service-account/{id}/keys', { params, body: { publicKey } }),
          );
          await reload();
          return kid;
        }}
      />
      <List<Schemas['ServiceAccountKey']>
        label={own('keys')}
        queryKey={['service-account', id, 'keys']}
        load={async ({ resultFrom, resultSize }) => {
          const { keys, pagination } = await dataOf(
            api.GET('/api/2.1.1/service-account/{id}/keys', {
              params: { ...params, query: { resultFrom, resultSize } },
            }),
          );
          return { rows: keys, pagination };
        }}
        keyOf={({ kid }) => kid}
        empty={own('noKeys')}
        isSearchable={false}
        columns={[
          { id: 'kid', header: own('keyId'), cell: ({ kid }) => <code>{kid}</code> },
          { id: 'algorithm', header: own('algorithm'), cell: ({ algorithm }) => algorithm },
          { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
          {
            id: 'status',
            header: t('status'),
            cell: ({ revoked }) => (revoked ? own('keyRevoked', { at: time(revoked) }) : own('keyWorks')),
          },
          {
            id: 'revoke',
            header: own('revoke'),
            isAction: true,
            cell: ({ kid, revoked }) =>
              !revoked && (
                <ConfirmDialog
                  label={own('revoke')}
                  accessibleLabel={own('revokeName', { name: kid })}
                  kind="danger"
                  question={own('revokeKeyQuestion')}
                  onConfirm={async () => {
                    await api.DELETE('/api/2.1.1/service-account/{id}/keys/{kid}', {
                      params: { path: { id, kid } },
                    });
                    await reload();
                  }}
                />
              ),
          },
        ]}
      />
    </>
  );
}
