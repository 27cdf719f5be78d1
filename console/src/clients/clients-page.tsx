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
import { useClientsTexts } from './clients-texts';

export default function ClientsPage(): ReactNode {
  const { t } = useTexts();
  const { t: own } = useClientsTexts();
  return (
    <>
      <Heading>{t('clients')}</Heading>
      <p>{own('clientsHelp')}</p>
      <h2>{own('serviceAccounts')}</h2>
      <p>{own('serviceAccountsHelp')}</p>
      <ServiceAccounts />
      <h2>{own('applications')}</h2>
      <p>{own('applicationsHelp')}</p>
      <Clients />
      <h2>{own('origins')}</h2>
      <p>{own('originsHelp')}</p>
      <Origins />
    </>
  );
}

function ServiceAccounts(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  return (
    <>
      <Actions>
        <FormDialog
          label={own('newServiceAccount')}
          title={own('newServiceAccount')}
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
        label={own('serviceAccounts')}
        queryKey={['service-accounts']}
        prefix="accounts-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { serviceAccounts, pagination } = await dataOf(api.GET('/api/2.1.1/service-accounts', { params }));
          return { rows: serviceAccounts, pagination };
        }}
        keyOf={({ id }) => id}
        empty={own('noServiceAccounts')}
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
  const { t: own } = useClientsTexts();
  return (
    <>
      <NewClient />
      <List<Schemas['Client']>
        label={own('applications')}
        queryKey={['clients']}
        prefix="clients-"
        load={async ({ resultFrom, resultSize }) => {
          const params = { query: { resultFrom, resultSize } };
          const { clients, pagination } = await dataOf(api.GET('/api/2.1.1/clients', { params }));
          return { rows: clients, pagination };
        }}
        keyOf={({ id }) => id}
        empty={own('noClients')}
        isSearchable={false}
        columns={[
          { id: 'name', header: t('name'), cell: ({ id, name }) => <Link href={`/clients/${id}`}>{name}</Link> },
          { id: 'kind', header: own('clientKind'), cell: (client) => kindOf(client, own) },
          { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
        ]}
      />
    </>
  );
}

function NewClient(): ReactNode {
  const { t } = useTexts();
  const { t: own } = useClientsTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const [made, setMade] = useState<Schemas['CreatedClient'] | null>(null);
  return (
    <>
      <Actions>
        <FormDialog
          label={own('newClient')}
          title={own('newClient')}
          kind="main"
          fields={[
            ...clientFields(t, own),
            {
              name: 'kind',
              label: own('clientKind'),
              options: [
                ['secret', own('clientKind_secret')],
                ['public', own('clientKind_public')],
              ],
              hint: own('clientKindHint'),
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
          title={own('secretOf', { name: made.name })}
          text={made.secret!}
          fileName={`${made.id}.txt`}
          onDone={() => navigate(`/clients/${made.id}`)}
        >
          <p>
            {own('clientId')}: <code>{made.id}</code>
          </p>
        </Once>
      )}
    </>
  );
}
