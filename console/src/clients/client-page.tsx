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
import { Facts } from '../parts/facts';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { Table } from '../parts/table';
import { Once } from '../parts/once';
import type { OnceText } from '../parts/once';
import { AddKey } from './add-key';
import { clientFields, linesOf, OriginChoice, UriList } from './client-fields';
import { kindOf } from './kind-of';
import type { Jwk } from './keys';
import { useClientsTexts } from './clients-texts';

/** It comes after what the page shows at once. */
const ApplicationSection = lazy(() => import('../application/application-section'));

export default function ClientPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const { may } = useMe();
  const { id } = useParams<{ id: string }>();
  const { data: client, error } = useQuery({
    queryKey: ['client', id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/client/{id}', { params: { path: { id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!client) return <p role="status">{t('loading')}</p>;
  return (
    <>
      <p>
        <Link href="/clients">{t('clients')}</Link>
      </p>
      <Heading>{client.name}</Heading>
      <ClientActions client={client} />
      <Facts
        facts={[
          [own('clientId'), <code>{client.id}</code>],
          [own('clientKind'), kindOf(client, own)],
          [own('redirectUris'), client.redirectUris.length > 0 && <UriList uris={client.redirectUris} />],
          [own('originsOfClient'), client.origins.length > 0 && <UriList uris={client.origins} />],
          [own('embedOrigin'), client.embedOrigin],
          [own('compatibility'), client.compatibility && own('compatibility_drillster')],
          [
            own('serviceAccount'),
            client.serviceAccountId && <Link href={`/service-accounts/${client.serviceAccountId}`}>{client.name}</Link>,
          ],
          [t('created'), time(client.created)],
        ]}
      />
      {may('VIEW_AUDIT_LOG') && (
        <p>
          <Link href={`/record?client=${client.id}`}>{t('record')}</Link>
        </p>
      )}
      <Suspense>
        <ApplicationSection client={client} />
      </Suspense>
      {!client.isPublic && !client.jwks && <Secrets client={client} />}
      {!client.isPublic && <Keys client={client} />}
    </>
  );
}

function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['client', 'clients'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

function ClientActions({ client }: { client: Schemas['Client'] }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useClientsTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const reload = useReload();
  const params = { path: { id: client.id } };
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        title={own('editClient')}
        fields={[
          ...clientFields(t, own, client),
          {
            name: 'embedOrigin',
            label: own('embedOrigin'),
            value: client.embedOrigin ?? '',
            options: [
              ['', own('embedOriginNone')],
              ...client.origins.map((origin): [string, string] => [origin, origin]),
            ],
            hint: own('embedOriginHint'),
            isOptional: true,
          },
          {
            name: 'compatibility',
            label: own('compatibility'),
            value: client.compatibility ?? '',
            options: [
              ['', own('compatibilityNone')],
              ['drillster', own('compatibility_drillster')],
            ],
            isOptional: true,
          },
        ]}
        onSubmit={async ({ name, redirectUris, origins, embedOrigin, compatibility }) => {
          const body = {
            name,
            redirectUris: linesOf(redirectUris),
            origins: linesOf(origins),
            embedOrigin,
            compatibility: compatibility as 'drillster' | '',
          };
          await api.PUT('/api/2.1.1/client/{id}', { params, body });
          await reload();
        }}
      >
        <OriginChoice chosen={client.origins} />
      </FormDialog>
      {client.serviceAccountId === undefined && (
        <ConfirmDialog
          label={t('delete')}
          kind="danger"
          question={own('deleteClientQuestion', { name: client.name })}
          onConfirm={async () => {
            await api.DELETE('/api/2.1.1/client/{id}', { params });
            navigate('/clients');
            queries.removeQueries({ queryKey: ['client', client.id] });
            await queries.invalidateQueries({ queryKey: ['clients'] });
          }}
        />
      )}
    </Actions>
  );
}

function Secrets({ client }: { client: Schemas['Client'] }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const reload = useReload();
  const [made, setMade] = useState<OnceText | null>(null);
  return (
    <>
      <h2>{own('secrets')}</h2>
      <p>{own('secretsHelp')}</p>
      <Actions>
        <ConfirmDialog
          label={own('newSecret')}
          question={own('newSecretQuestion', { name: client.name })}
          onConfirm={async () => {
            const params = { path: { id: client.id } };
            const { id, secret } = await dataOf(api.POST('/api/2.1.1/client/{id}/secrets', { params }));
            setMade({ title: own('secretOf', { name: client.name }), text: secret, fileName: `${id}.txt` });
            await reload();
          }}
        />
      </Actions>
      {made && <Once {...made} onDone={() => setMade(null)} />}
      {client.secrets.length === 0 ? (
        <p>{own('noSecrets')}</p>
      ) : (
        <Table<Schemas['ClientSecret']>
          label={own('secrets')}
          rows={client.secrets}
          keyOf={({ id }) => id}
          columns={[
            { id: 'id', header: t('id'), cell: ({ id }) => <code>{id}</code> },
            { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
            {
              id: 'delete',
              header: t('delete'),
              isAction: true,
              cell: ({ id }) => (
                <ConfirmDialog
                  label={t('delete')}
                  accessibleLabel={own('deleteName', { name: id })}
                  kind="danger"
                  question={own('deleteSecretQuestion')}
                  onConfirm={async () => {
                    const params = { path: { id: client.id, secretId: id } };
                    await api.DELETE('/api/2.1.1/client/{id}/secrets/{secretId}', { params });
                    await reload();
                  }}
                />
              ),
            },
          ]}
        />
      )}
    </>
  );
}

function Keys({ client }: { client: Schemas['Client'] }): ReactNode {
  const { t: own } = useClientsTexts();
  const reload = useReload();
  const keys = client.jwks?.keys ?? [];
  const replace = async (next: Jwk[]): Promise<void> => {
    // The schema has an object without members: a JWK has those of its type.
    const jwks = (next.length === 0 ? '' : { keys: next }) as Schemas['ClientChanges']['jwks'];
    await api.PUT('/api/2.1.1/client/{id}', { params: { path: { id: client.id } }, body: { jwks } });
    await reload();
  };
  return (
    <>
      <h2>{own('keys')}</h2>
      <p>{own('clientKeysHelp')}</p>
      <AddKey
        owner={client.name}
        warning={client.secrets.length > 0 ? own('keysEndSecrets') : undefined}
        onAdd={async (text) => {
          const added = await (await import('./keys')).readPublicKeys(text);
          await replace([...keys, ...added]);
          return added[0]?.kid;
        }}
      />
      {keys.length > 0 && (
        <Table<Schemas['Jwk']>
          label={own('keys')}
          rows={keys}
          keyOf={(key) => JSON.stringify(key)}
          columns={[
            { id: 'kid', header: own('keyId'), cell: ({ kid }) => <code>{kid ?? own('keyWithoutId')}</code> },
            { id: 'algorithm', header: own('algorithm'), cell: ({ alg }) => alg },
            {
              id: 'revoke',
              header: own('revoke'),
              isAction: true,
              cell: (key) => (
                <ConfirmDialog
                  label={own('revoke')}
                  accessibleLabel={own('revokeName', { name: key.kid ?? own('keyWithoutId') })}
                  kind="danger"
                  question={keys.length === 1 ? own('revokeLastClientKeyQuestion') : own('revokeClientKeyQuestion')}
                  onConfirm={() => replace(keys.filter((one) => one !== key))}
                />
              ),
            },
          ]}
        />
      )}
    </>
  );
}
