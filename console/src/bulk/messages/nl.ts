import type { BulkMessages } from './en';

export const nl: BulkMessages = {
  bulkBegin: '{action} ({count})',
  findGroup: 'Zoek een groep die u beheert',
  close: 'Sluiten',
  importHelp:
    'Een CSV-bestand met een rij voor elke persoon en groep. De eerste regel heeft de namen van de kolommen. Er verandert niets voordat elke rij goed is.',
  csvFile: 'CSV-bestand',
  lineOf: 'Regel {line}: {name}',
  dryRun: 'Controle',
  importCounts: '{created} accounts te maken, {changed} te wijzigen, {unchanged} blijven zoals ze zijn.',
  importRows: '{count} rijen importeren',
  importMend: 'Verbeter het bestand en kies het opnieuw.',
  progress: 'Voortgang',
  bulkRunning: '{done} van {total}',
  bulkDone: '{done} gelukt, {failed} mislukt.',
  bulkRest: 'Met {count} is niets gebeurd.',
  stop: 'Stoppen',
  bulkFailures: 'Wat mislukte',
  downloadResult: 'Resultaat downloaden (CSV)',
};
