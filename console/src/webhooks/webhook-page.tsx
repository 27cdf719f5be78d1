import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { Actions } from '../parts/actions';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Facts } from '../parts/facts';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { Once } from '../parts/once';
import type { OnceText } from '../parts/once';
import { Table } from '../parts/table';
import { stateOf, webhookFields, webhookValues } from './webhook-fields';
import type { Webhook } from './webhook-fields';
import { useWebhooksTexts } from './webhooks-texts';

export default function WebhookPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useWebhooksTexts();
  const { id } = useParams<{ id: string }>();
  const { data: webhook, error } = useQuery({
    queryKey: ['webhook', id],
    queryFn: () => dataOf(api.GET('/api/2.1.1/webhook/{id}', { params: { path: { id } } })),
  });
  if (error) return <Failure error={error} />;
  if (!webhook) return <p role="status">{t('loading')}</p>;
  const { replay, failingSince, nextAttempt, lastError, lastSuccess, events } = webhook;
  return (
    <>
      <p>
        <Link href="/webhooks">{t('webhooks')}</Link>
      </p>
      <Heading>{webhook.description ?? webhook.url}</Heading>
      <WebhookActions webhook={webhook} />
      <TestOfWebhook webhook={webhook} />
      <Facts
        facts={[
          [own('url'), webhook.url],
          [own('state'), stateOf(webhook, own)],
          [own('events'), events.length > 0 ? events.join(', ') : own('allEvents')],
          [own('deliveredUntil'), time(webhook.deliveredUntil)],
          [own('lastSuccess'), lastSuccess && time(lastSuccess)],
          [own('failingSince'), failingSince && time(failingSince)],
          [own('lastError'), lastError],
          [own('nextAttempt'), nextAttempt && time(nextAttempt)],
          [own('resending'), replay && own('resendingUntil', { time: time(replay.sentUntil), end: time(replay.to) })],
          [t('id'), <code>{webhook.id}</code>],
          [t('created'), time(webhook.created)],
        ]}
      />
      <Keys webhook={webhook} />
    </>
  );
}

function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['webhook', 'webhooks'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

function WebhookActions({ webhook }: { webhook: Webhook }): ReactNode {
  const { t } = useTexts();
  const { t: own } = useWebhooksTexts();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const reload = useReload();
  const params = { path: { id: webhook.id } };
  const change = async (body: Schemas['WebhookChanges']): Promise<void> => {
    await api.PUT('/api/2.1.1/webhook/{id}', { params, body });
    await reload();
  };
  const local = { type: 'datetime-local' } as const;
  return (
    <Actions>
      <FormDialog
        label={t('edit')}
        title={own('edit')}
        fields={webhookFields(t, own, webhook)}
        onSubmit={(fields) => change(webhookValues(fields))}
      />
      {webhook.status === 'ENABLED' ? (
        <ConfirmDialog
          label={own('disable')}
          question={own('disableQuestion')}
          onConfirm={() => change({ status: 'DISABLED' })}
        />
      ) : (
        <ConfirmDialog
          label={own('enable')}
          question={own('enableQuestion')}
          onConfirm={() => change({ status: 'ENABLED' })}
        />
      )}
      <FormDialog
        label={own('replay')}
        title={own('replayTitle')}
        submitLabel={own('replay')}
        fields={[
          { ...local, name: 'from', label: own('from') },
          { ...local, name: 'to', label: own('to'), hint: own('toHint'), isOptional: true },
        ]}
        onSubmit={async ({ from = '', to }) => {
          const body = { from: new Date(from).toISOString(), to: to ? new Date(to).toISOString() : undefined };
          await api.POST('/api/2.1.1/webhook/{id}/replay', { params, body });
          await reload();
        }}
      />
      <ConfirmDialog
        label={t('delete')}
        kind="danger"
        question={own('deleteQuestion')}
        onConfirm={async () => {
          await api.DELETE('/api/2.1.1/webhook/{id}', { params });
          navigate('/webhooks');
          queries.removeQueries({ queryKey: ['webhook', webhook.id] });
          await queries.invalidateQueries({ queryKey: ['webhooks'] });
        }}
      />
    </Actions>
  );
}

/** Sends a test, and says what the receiver said. */
function TestOfWebhook({ webhook: { id } }: { webhook: Webhook }): ReactNode {
  const { t: own } = useWebhooksTexts();
  const [result, setResult] = useState<Schemas['WebhookTest'] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isRunning, setIsRunning] = useState(false);
  const run = async (): Promise<void> => {
    setIsRunning(true);
    setError(null);
    setResult(null);
    try {
      setResult(await dataOf(api.POST('/api/2.1.1/webhook/{id}/test', { params: { path: { id } } })));
    } catch (failure) {
      setError(failure as Error);
    }
    setIsRunning(false);
  };
  return (
    <>
      <Actions>
        <button type="button" disabled={isRunning} onClick={() => void run()}>
          {own('test')}
        </button>
      </Actions>
      <p role="status">
        {result &&
          (result.delivered
            ? own('testTaken', { status: String(result.status) })
            : own('testFailed', { error: result.error ?? '' }))}
      </p>
      {error && <Failure error={error} />}
    </>
  );
}

function Keys({ webhook }: { webhook: Webhook }): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useWebhooksTexts();
  const reload = useReload();
  const [made, setMade] = useState<OnceText | null>(null);
  return (
    <>
      <h2>{own('keys')}</h2>
      <Actions>
        <ConfirmDialog
          label={own('newKey')}
          question={own('newKeyQuestion')}
          onConfirm={async () => {
            const params = { path: { id: webhook.id } };
            const key = await dataOf(api.POST('/api/2.1.1/webhook/{id}/keys', { params, body: {} }));
            setMade({
              title: own('keyOf', { name: webhook.description ?? webhook.url }),
              text: key.secret ?? key.publicKey!,
              help: key.secret === undefined ? own('giveKey') : undefined,
              fileName: `${key.id}.txt`,
            });
            await reload();
          }}
        />
      </Actions>
      {made && <Once {...made} onDone={() => setMade(null)} />}
      <Table<Schemas['WebhookKey']>
        label={own('keys')}
        rows={webhook.keys}
        keyOf={({ id }) => id}
        columns={[
          {
            id: 'key',
            header: own('publicKey'),
            cell: ({ publicKey }) => (publicKey ? <code>{publicKey}</code> : own('secret')),
          },
          { id: 'created', header: t('created'), cell: ({ created }) => time(created) },
          {
            id: 'until',
            header: own('signsUntil'),
            cell: ({ signsUntil }) => (signsUntil ? time(signsUntil) : '–'),
          },
        ]}
      />
    </>
  );
}
