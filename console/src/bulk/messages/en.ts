/** The texts of what is done to many people. */
export const en = {
  bulkBegin: '{action} ({count})',
  findGroup: 'Find a group that you manage',
  close: 'Close',
  importHelp:
    'A CSV file with one row for each person and group. Its first line has the names of the columns. Nothing is changed before every row is good.',
  csvFile: 'CSV file',
  lineOf: 'Line {line}: {name}',
  dryRun: 'Check',
  importCounts: '{created} accounts to create, {changed} to change, {unchanged} as they are.',
  importRows: 'Import {count} rows',
  importMend: 'Mend the file and choose it again.',
  progress: 'Progress',
  bulkRunning: '{done} of {total}',
  bulkDone: '{done} done, {failed} failed.',
  bulkRest: '{count} were not touched.',
  stop: 'Stop',
  bulkFailures: 'What failed',
  downloadResult: 'Download the result (CSV)',
};

export type BulkMessages = Readonly<Record<keyof typeof en, string>>;
