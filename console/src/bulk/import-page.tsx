import { useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { COLUMNS } from '../../../src/bulk/user-file-format.js';
import { useTexts } from '../language';
import { Heading } from '../parts/heading';
import type { ImportRow } from './import-file';
import { applyRow, groupFinder, planRow } from './import-row';
import type { Plan } from './import-row';
import { Progress, useBulk } from './progress';
import type { Named } from './progress';
import { runBulk } from './run';
import { useBulkTexts, useFaultText } from './bulk-texts';

/** A row by its line, with what became of it. */
interface Line extends Named {
  row: ImportRow;
  result?: Plan['result'];
}

/** Imports a CSV file. It is checked first, and nothing is changed before every row is good. */
export default function ImportPage(): ReactNode {
  const { t, number } = useTexts();
  const { t: own } = useBulkTexts();
  const faultText = useFaultText();
  const id = useId();
  const queries = useQueryClient();
  const check = useBulk<Line>();
  const work = useBulk<Line>();
  const [lines, setLines] = useState<Line[]>([]);
  const [error, setError] = useState<unknown>(null);
  const read = async (file: File | undefined): Promise<void> => {
    setError(null);
    setLines([]);
    check.reset();
    work.reset();
    if (!file) return;
    try {
      // It is only loaded when there is a file to read.
      const { readImportFile } = await import('./import-file');
      const rows = readImportFile(await file.text()).map((row) => ({
        id: row.id,
        name: own('lineOf', { line: row.id, name: row.name }),
        row,
      }));
      setLines(rows);
      const created = new Set<string>();
      start(check, rows, async (line, { result }) => {
        const references = referencesOf(line.row);
        // A file has a person again for each of their groups, and creates them once.
        const isAgain = references.some((reference) => created.has(reference));
        line.result = result === 'created' && isAgain ? 'unchanged' : result;
        for (const reference of references) created.add(reference);
      });
    } catch (failure) {
      setError(failure);
    }
  };
  /** Row by row, because a row may refer to the account of one before it. */
  const start = (bulk: typeof check, rows: Line[], each: (line: Line, plan: Plan) => Promise<void>): void => {
    const find = groupFinder();
    bulk.start((signal, report) =>
      runBulk(
        pageOf(rows),
        { size: 1, atOnce: 1 },
        async ([line]) => {
          const plan = await planRow(line!.row, find);
          await each(line!, plan);
          return [{ item: line! }];
        },
        signal,
        report,
      ),
    );
  };
  const begin = (): void =>
    start(work, lines, async (line, plan) => {
      await applyRow(plan);
      line.result = plan.result;
      await queries.invalidateQueries({ queryKey: ['people'], refetchType: 'none' });
    });
  const isGood =
    check.phase === 'done' && check.outcomes.length === lines.length && check.outcomes.every((one) => !one.error);
  const counts = (result: Plan['result']): string => number(lines.filter((line) => line.result === result).length);
  return (
    <>
      <p>
        <Link href="/people">{t('people')}</Link>
      </p>
      <Heading>{t('importPeople')}</Heading>
      <p>{own('importHelp')}</p>
      <p>
        <code>{COLUMNS.join(', ')}, thirdPartyId.…</code>
      </p>
      <label htmlFor={id}>{own('csvFile')}</label>
      <input
        id={id}
        type="file"
        accept=".csv,text/csv"
        disabled={check.phase === 'running' || work.phase === 'running'}
        onChange={({ target }) => void read(target.files?.[0])}
      />
      {error !== null && <p role="alert">{faultText(error)}</p>}
      {lines.length > 0 && (
        <>
          <h2>{own('dryRun')}</h2>
          <Progress bulk={check} total={lines.length} />
        </>
      )}
      {isGood && (
        <>
          <p>
            {own('importCounts', {
              created: counts('created'),
              changed: counts('changed'),
              unchanged: counts('unchanged'),
            })}
          </p>
          {work.phase === 'idle' && (
            <button type="button" data-kind="main" onClick={begin}>
              {own('importRows', { count: number(lines.length) })}
            </button>
          )}
        </>
      )}
      {check.phase === 'done' && !isGood && <p>{own('importMend')}</p>}
      {work.phase !== 'idle' && (
        <>
          <h2>{t('importPeople')}</h2>
          <Progress bulk={work} total={lines.length} />
        </>
      )}
    </>
  );
}

function referencesOf({ fields: { emailAddress }, thirdPartyIds }: ImportRow): string[] {
  return [...(emailAddress ? [emailAddress.toLowerCase()] : []), ...thirdPartyIds.map((one) => one.join('$'))];
}

async function* pageOf<Item>(items: Item[]): AsyncGenerator<Item[]> {
  yield items;
}
