import type { BulkMessages } from './en';

export const de: BulkMessages = {
  bulkBegin: '{action} ({count})',
  findGroup: 'Eine Gruppe suchen, die Sie verwalten',
  close: 'Schließen',
  importHelp:
    'Eine CSV-Datei mit einer Zeile für jede Person und Gruppe. Die erste Zeile hat die Namen der Spalten. Nichts ändert sich, bevor jede Zeile gut ist.',
  csvFile: 'CSV-Datei',
  lineOf: 'Zeile {line}: {name}',
  dryRun: 'Prüfung',
  importCounts: '{created} Konten werden angelegt, {changed} geändert, {unchanged} bleiben, wie sie sind.',
  importRows: '{count} Zeilen importieren',
  importMend: 'Verbessern Sie die Datei und wählen Sie sie noch einmal.',
  progress: 'Fortschritt',
  bulkRunning: '{done} von {total}',
  bulkDone: '{done} erledigt, {failed} fehlgeschlagen.',
  bulkRest: '{count} blieben unberührt.',
  stop: 'Anhalten',
  bulkFailures: 'Was fehlschlug',
  downloadResult: 'Ergebnis herunterladen (CSV)',
};
