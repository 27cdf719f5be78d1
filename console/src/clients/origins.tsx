import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { Actions } from '../parts/actions';
import { ConfirmDialog, FormDialog } from '../parts/dialog';
import { Failure } from '../parts/failure';
import { Table } from '../parts/table';
import { useOrigins } from './client-fields';
import { useClientsTexts } from './clients-texts';

/** The sites of the organization. It proves with a file on the site that one is its own. */
export function Origins(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useClientsTexts();
  const { data, error } = useOrigins();
  const reload = useReload();
  return (
    <>
      <Actions>
        <FormDialog
          label={own('claimOrigin')}
          title={own('claimOrigin')}
          fields={[{ name: 'origin', label: own('origin'), hint: own('originHint') }]}
          onSubmit={async ({ origin = '' }) => {
            await api.POST('/api/2.1.1/origins', { body: { origin: origin.trim() } });
            await reload();
          }}
        />
      </Actions>
      {error && <Failure error={error} />}
      {data?.length === 0 && <p>{own('noOrigins')}</p>}
      {data && data.length > 0 && (
        <Table<Schemas['Origin']>
          label={own('origins')}
          rows={data}
          keyOf={({ origin }) => origin}
          columns={[
            { id: 'origin', header: own('origin'), cell: ({ origin }) => origin },
            { id: 'status', header: t('status'), cell: (origin) => <Proof origin={origin} /> },
            { id: 'since', header: t('since'), cell: ({ since }) => time(since) },
            { id: 'actions', header: own('actions'), isAction: true, cell: (origin) => <OriginActions {...origin} /> },
          ]}
        />
      )}
    </>
  );
}

/** Why the organization owns a site, or what it has to do to prove that. */
function Proof({ origin: { status, proof, challenge, url } }: { origin: Schemas['Origin'] }): ReactNode {
  const { t: own } = useClientsTexts();
  if (status === 'OWNED') return proof ? own(`proof_${proof}`) : own('originOwned');
  return (
    <>
      {own('originClaimed')} <code>{url}</code>
      <br />
      {own('originLine')} <code>{challenge}</code>
    </>
  );
}

function OriginActions({ origin, status }: Schemas['Origin']): ReactNode {
  const { t: own } = useClientsTexts();
  const reload = useReload();
  const params = { path: { origin } };
  return (
    <Actions>
      {status === 'CLAIMED' && (
        <ConfirmDialog
          label={own('verifyOrigin')}
          accessibleLabel={own('verifyOriginName', { origin })}
          question={own('verifyOriginQuestion', { origin })}
          onConfirm={async () => {
            await api.POST('/api/2.1.1/origin/{origin}/verify', { params });
            await reload();
          }}
        />
      )}
      <ConfirmDialog
        label={own('giveUpOrigin')}
        accessibleLabel={own('giveUpOriginName', { origin })}
        kind="danger"
        question={own('giveUpOriginQuestion', { origin })}
        onConfirm={async () => {
          await api.DELETE('/api/2.1.1/origin/{origin}', { params });
          await reload();
        }}
      />
    </Actions>
  );
}

/** Clients lose an origin with the organization. */
function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(['origins', 'clients', 'client'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}
