import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { Actions } from '../parts/actions';
import { FormDialog } from '../parts/dialog';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { Once } from '../parts/once';
import { Table } from '../parts/table';
import { stateOf, webhookFields, webhookValues } from './webhook-fields';
import type { Webhook } from './webhook-fields';
import { useWebhooksTexts } from './webhooks-texts';

/** Where the organization receives its events. */
export default function WebhooksPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useWebhooksTexts();
  const { data, error } = useQuery({
    queryKey: ['webhooks'],
    queryFn: async () => (await dataOf(api.GET('/api/2.1.1/webhooks'))).webhooks,
  });
  return (
    <>
      <Heading>{t('webhooks')}</Heading>
      <p>{own('help')}</p>
      <NewWebhook />
      {error && <Failure error={error} />}
      {data?.length === 0 && <p>{own('none')}</p>}
      {data && data.length > 0 && (
        <Table<Webhook>
          label={t('webhooks')}
          rows={data}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'name',
              header: t('name'),
              cell: ({ id, description, url }) => <Link href={`/webhooks/${id}`}>{description ?? url}</Link>,
            },
            { id: 'url', header: own('url'), cell: ({ url }) => url },
            { id: 'state', header: own('state'), cell: (webhook) => stateOf(webhook, own) },
            {
              id: 'success',
              header: own('lastSuccess'),
              cell: ({ lastSuccess }) => (lastSuccess ? time(lastSuccess) : '–'),
            },
          ]}
        />
      )}
    </>
  );
}

function NewWebhook(): ReactNode {
  const { t } = useTexts();
  const { t: own } = useWebhooksTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const [made, setMade] = useState<Schemas['CreatedWebhook'] | null>(null);
  return (
    <>
      <Actions>
        <FormDialog
          label={own('new')}
          title={own('new')}
          kind="main"
          fields={[
            ...webhookFields(t, own),
            {
              name: 'keyType',
              label: own('keyType'),
              options: [
                ['ED25519', own('keyType_ED25519')],
                ['HMAC', own('keyType_HMAC')],
              ],
              hint: own('keyTypeHint'),
            },
          ]}
          onSubmit={async ({ keyType, ...fields }) => {
            const body = { ...webhookValues(fields), keyType: keyType as 'ED25519' | 'HMAC' };
            const webhook = await dataOf(api.POST('/api/2.1.1/webhooks', { body }));
            await queries.invalidateQueries({ queryKey: ['webhooks'] });
            setMade(webhook);
          }}
        />
      </Actions>
      {made && (
        <Once
          title={own('keyOf', { name: made.description ?? made.url })}
          text={made.secret ?? made.keys[0]!.publicKey!}
          help={made.secret === undefined ? own('giveKey') : undefined}
          fileName={`${made.id}.txt`}
          onDone={() => navigate(`/webhooks/${made.id}`)}
        />
      )}
    </>
  );
}
