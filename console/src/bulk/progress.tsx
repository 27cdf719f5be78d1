import { useState } from 'react';
import type { ReactNode } from 'react';
import type { LatchkeyError } from '../api';
import { useTexts } from '../language';
import { downloadText } from '../parts/download';
import { Failure } from '../parts/failure';
import { Table } from '../parts/table';
import { useBulkTexts, useFaultText } from './bulk-texts';
import { toCsv } from './csv';
import type { Outcome } from './run';
import style from './bulk.module.css';

/** How many faults are shown. All of them are in the file. */
const MAX_SHOWN = 100;

/** Something that bulk work is done to. */
export interface Named {
  id: string;
  name: string;
}

export type Phase = 'idle' | 'running' | 'done';

export interface Bulk<Item> {
  phase: Phase;
  outcomes: Outcome<Item>[];
  /** What ended the work before its time. */
  error: unknown;
  start: (work: (signal: AbortSignal, onOutcomes: (outcomes: Outcome<Item>[]) => void) => Promise<void>) => void;
  stop: () => void;
  /** Forgets what was done. */
  reset: () => void;
}

/** Bulk work, while it runs and after it. */
export function useBulk<Item>(): Bulk<Item> {
  const [phase, setPhase] = useState<Phase>('idle');
  const [outcomes, setOutcomes] = useState<Outcome<Item>[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [controller, setController] = useState<AbortController | null>(null);
  return {
    phase,
    outcomes,
    error,
    start: (work) => {
      const next = new AbortController();
      setController(next);
      setPhase('running');
      setOutcomes([]);
      setError(null);
      void work(next.signal, (some) => setOutcomes((before) => [...before, ...some]))
        .catch(setError)
        .finally(() => setPhase('done'));
    },
    stop: () => controller?.abort(),
    reset: () => {
      setPhase('idle');
      setOutcomes([]);
      setError(null);
    },
  };
}

/** How far the work is, and what became of each row. */
export function Progress<Item extends Named>({ bulk, total }: { bulk: Bulk<Item>; total: number }): ReactNode {
  const { t, number } = useTexts();
  const { t: own } = useBulkTexts();
  const faultText = useFaultText();
  const { phase, outcomes, error, stop } = bulk;
  const failed = outcomes.filter((outcome): outcome is { item: Item; error: LatchkeyError } => !!outcome.error);
  const all = Math.max(total, outcomes.length);
  return (
    <>
      <progress className={style.progress} aria-label={own('progress')} max={all} value={outcomes.length} />
      <p role="status">
        {phase === 'running'
          ? own('bulkRunning', { done: number(outcomes.length), total: number(all) })
          : own('bulkDone', { done: number(outcomes.length - failed.length), failed: number(failed.length) })}
        {phase === 'done' && outcomes.length < all && ` ${own('bulkRest', { count: number(all - outcomes.length) })}`}
      </p>
      {phase === 'running' && (
        <button type="button" onClick={stop}>
          {own('stop')}
        </button>
      )}
      {error !== null && <Failure error={error} />}
      {phase === 'done' && failed.length > 0 && (
        <Table
          label={own('bulkFailures')}
          rows={failed.slice(0, MAX_SHOWN)}
          keyOf={({ item }) => item.id}
          columns={[
            { id: 'name', header: t('name'), cell: ({ item }) => item.name },
            { id: 'reason', header: t('reason'), cell: ({ error: fault }) => faultText(fault) },
          ]}
        />
      )}
      {phase === 'done' && outcomes.length > 0 && (
        <p>
          <button
            type="button"
            onClick={() => downloadText('result.csv', toCsv(outcomes.map(resultOf)), 'text/csv;charset=utf-8')}
          >
            {own('downloadResult')}
          </button>
        </p>
      )}
    </>
  );
}

function resultOf({ item, error }: Outcome<Named>): Record<string, string> {
  return { id: item.id, name: item.name, result: error ? error.id : 'done', description: error?.message ?? '' };
}
