import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../api';
import type { Schemas } from '../api';
import { linesOf, UriList } from '../clients/client-fields';
import { Actions } from '../parts/actions';
import { FormDialog } from '../parts/dialog';
import type { Field } from '../parts/dialog';
import { Facts } from '../parts/facts';
import UnconfirmedLogouts from '../logouts/unconfirmed-logouts';
import { useApplicationTexts } from './application-texts';

type Changes = Schemas['ClientChanges'];
const METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/** How a client signs people in by OpenID Connect, and the form in which that is changed. */
export default function ApplicationSection({ client }: { client: Schemas['Client'] }): ReactNode {
  const { t } = useApplicationTexts();
  const queries = useQueryClient();
  const issuer = location.origin;
  const hasSecrets = !client.isPublic && !client.jwks;
  return (
    <>
      <h2>{t('title')}</h2>
      <p>{t('help')}</p>
      <Actions>
        <FormDialog
          label={t('edit')}
          title={t('edit')}
          fields={[...addressFields(client, t), ...choices(client, t), ...(hasSecrets ? [methodField(client, t)] : [])]}
          onSubmit={async ({ postLogoutRedirectUris, backchannelLogoutSessionRequired, ...fields }) => {
            const body = {
              ...fields,
              postLogoutRedirectUris: linesOf(postLogoutRedirectUris),
              backchannelLogoutSessionRequired: backchannelLogoutSessionRequired === 'true',
            } as Changes;
            await api.PUT('/api/2.1.1/client/{id}', { params: { path: { id: client.id } }, body });
            await queries.invalidateQueries({ queryKey: ['client'] });
          }}
        />
      </Actions>
      <Facts
        facts={[
          [t('issuer'), <code>{issuer}</code>],
          [t('discovery'), <code>{issuer}/.well-known/openid-configuration</code>],
          [t('initiateLoginUri'), client.initiateLoginUri],
          [t('startUri'), client.startUri],
          [t('hostUri'), client.hostUri],
          [
            t('postLogoutRedirectUris'),
            client.postLogoutRedirectUris.length > 0 && <UriList uris={client.postLogoutRedirectUris} />,
          ],
          [t('backchannelLogoutUri'), client.backchannelLogoutUri],
          [
            t('sessionRequired'),
            client.backchannelLogoutUri && t(`sessionRequired_${client.backchannelLogoutSessionRequired}`),
          ],
          [t('algorithm'), client.idTokenSignedResponseAlg],
          [t('authMethod'), hasSecrets && t(`authMethod_${client.tokenEndpointAuthMethod ?? 'any'}`)],
        ]}
      />
      {client.backchannelLogoutUri && <UnconfirmedLogouts clientId={client.id} />}
    </>
  );
}

type Text = ReturnType<typeof useApplicationTexts>['t'];

function addressFields(client: Schemas['Client'], t: Text): Field[] {
  const address = (
    name: 'initiateLoginUri' | 'startUri' | 'hostUri' | 'backchannelLogoutUri',
    hint?: string,
  ): Field => ({ name, label: t(name), hint, value: client[name], isOptional: true, maxLength: 2000 });
  return [
    address('initiateLoginUri', t('initiateLoginUriHint')),
    address('startUri', t('startUriHint')),
    address('hostUri', t('hostUriHint')),
    {
      name: 'postLogoutRedirectUris',
      label: t('postLogoutRedirectUris'),
      hint: t('postLogoutRedirectUrisHint'),
      value: client.postLogoutRedirectUris.join('\n'),
      type: 'multiline',
      isOptional: true,
      maxLength: 20_000,
    },
    address('backchannelLogoutUri'),
  ];
}

function choices(client: Schemas['Client'], t: Text): Field[] {
  return [
    {
      name: 'backchannelLogoutSessionRequired',
      label: t('sessionRequired'),
      value: String(client.backchannelLogoutSessionRequired),
      options: (['true', 'false'] as const).map((value) => [value, t(`sessionRequired_${value}`)]),
    },
    {
      name: 'idTokenSignedResponseAlg',
      label: t('algorithm'),
      value: client.idTokenSignedResponseAlg,
      options: ['RS256', 'ES256', 'EdDSA'].map((value) => [value, value]),
    },
  ];
}

function methodField(client: Schemas['Client'], t: Text): Field {
  return {
    name: 'tokenEndpointAuthMethod',
    label: t('authMethod'),
    value: client.tokenEndpointAuthMethod ?? '',
    options: [
      ['', t('authMethod_any')],
      ...METHODS.map((value): [string, string] => [value, t(`authMethod_${value}`)]),
    ],
    isOptional: true,
  };
}
