import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';

import { Actions } from '../parts/actions';
import { FormDialog } from '../parts/dialog';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { Once } from '../parts/once';
import { clientFields, linesOf, OriginChoice } from './client-fields';
import { Origins } from './origins';
import { kindOf } from './kind-of';

export default function ClientsPage(): ReactNode {
  const { t } = useTexts();
  return (
    <>
      <Heading>{t('clients')}</Heading>
      <p>{t('clientsHelp')}</p>
      <h2>{t('serviceAccounts')}</h2>
      <p>{t('serviceAccountsHelp')}</p>
      <ServiceAccounts />
      <h2>{t('applications')}</h2>
      <p>{t('applicationsHelp')}</p>
      <Clients />
      <h2>{t('origins')}</h2>
      <p>{t('originsHelp')}</p>
      <Origins />
    </>
  );
}

function ServiceAccounts(): ReactNode {
  const { t, time } = useTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  return (
    <>
      <Actions>
        <FormDialog
          label={t('newServiceAccount')}
          title={t('newServiceAccount')}
          kind="main"
          fields={[{ name: 'name', label: t('name') }]}
          onSubmit={async ({ name = '' }) => {
            const { id } = await dataOf(api.POST('/api/2.1.1/service-accounts', { body: { name } }));
            // Its client is new as well.
            await Promise.all(
              ['service-accounts', 'clients'].map((key) => queries.invalidateQueries({ queryKey: [key] })),
            );
            navigate(`/service-accounts/${id}`);
          }}
        />
      </Actions>
      <List<Schemas['ServiceAccount']>
        label={t('serviceAccounts')}
        queryKey={['service-accounts']}
        prefix="accounts-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { serviceAccounts, pagination } = await dataOf(api.GET('/api/2.1.1/service-accounts', { params }));
          return { rows: serviceAccounts, pagination };
        }}
        keyOf={({ id }) => id}
        empty={t('noServiceAccounts')}
        isSearchable={false}
        columns={[
          {
            id: 'name',
            header: t('name'),
            cell: ({ id, name }) => <Link href={`/service-accounts/${id}`}>{name}</Link>,
          },
          { id: 'status', header: t('status'), cell: ({ status }) => t(`status_${status}`) },
          { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
        ]}
      />
    </>
  );
}

function Clients(): ReactNode {
  const { t, time } = useTexts();
  return (
    <>
      <NewClient />
      <List<Schemas['Client']>
        label={t('applications')}
        queryKey={['clients']}
        prefix="clients-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { clients, pagination } = await dataOf(api.GET('/api/2.1.1/clients', { params }));
          return { rows: clients, pagination };
        }}
        keyOf={({ id }) => id}
        empty={t('noClients')}
        isSearchable={false}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/clients/${id}`}>{name}</Link> },
          { id: 'kind', header: t('clientKind'), cell: (client) => kindOf(client, t) },
          { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
        ]}
      />
    </>
  );
}

function NewClient(): ReactNode {
  const { t } = useTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const [made, setMade] = useState<Schemas['CreatedClient'] | null>(null);
  return (
    <>
      <Actions>
        <FormDialog
          label={t('newClient')}
          title={t('newClient')}
          kind="main"
          fields={[
            ...clientFields(t),
            {
              name: 'kind',
              label: t('clientKind'),
              options: [
                ['secret', t('clientKind_secret')],
                ['public', t('clientKind_public')],
              ],
              hint: t('clientKindHint'),
            },
          ]}
          onSubmit={async ({ name = '', redirectUris, origins, kind }) => {
            const body = {
              name,
              redirectUris: linesOf(redirectUris),
              origins: linesOf(origins),
              isPublic: kind === 'public',
            };
            const client = await dataOf(api.POST('/api/2.1.1/clients', { body }));
            await queries.invalidateQueries({ queryKey: ['clients'] });
            if (client.secret === undefined) navigate(`/clients/${client.id}`);
            else setMade(client);
          }}
        >
          <OriginChoice />
        </FormDialog>
      </Actions>
      {made && (
        <Once
          title={t('secretOf', { name: made.name })}
          text={made.secret!}
          fileName={`${made.id}.txt`}
          onDone={() => navigate(`/clients/${made.id}`)}
        >
          <p>
            {t('clientId')}: <code>{made.id}</code>
          </p>
        </Once>
      )}
    </>
  );
}
