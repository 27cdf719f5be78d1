import type { BulkMessages } from './en';

export const de: BulkMessages = {
  bulkAdd: 'Zu einer Gruppe hinzufügen',
  bulkRemove: 'Aus einer Gruppe nehmen',
  endSessions: 'Sitzungen beenden',
  bulkQuestion_one:
    'Das geschieht mit der Person, die Sie ausgewählt haben. Sie können es anhalten, aber nicht rückgängig machen.',
  bulkQuestion_other:
    'Das geschieht mit allen {count} Personen, die Sie ausgewählt haben. Sie können es anhalten, aber nicht rückgängig machen.',
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
  fault_unreadable_file: 'Das ist keine CSV-Datei in UTF-8, deren erste Zeile die Spalten nennt.',
  fault_unknown_column: 'Die Datei hat eine Spalte, die hier nicht bekannt ist, oder eine Spalte zweimal.',
  fault_invalid_row: 'Die Zeile passt nicht zur ersten Zeile, oder sie hat einen Beginn oder ein Ende ohne Gruppe.',
  fault_invalid_status: 'Der Status muss ACTIVE oder BLOCKED sein.',
  fault_invalid_third_party_id:
    'Eine ID eines Dritten braucht dessen Code und die ID; der Dritte muss zur Organisation gehören.',
  fault_locale_invalid: 'Die Sprache muss ein Kürzel wie en oder nl-NL sein.',
  fault_invalid_time_zone: 'Die Zeitzone muss ein Name wie Europe/Amsterdam sein.',
  fault_invalid_description: 'Eine Beschreibung hat höchstens 2000 Zeichen.',
  fault_year_of_birth_invalid: 'Das Geburtsjahr muss ein Jahr ab 1900 sein.',
  fault_residence_country_invalid: 'Der Wohnsitz muss ein Ländercode wie NL sein.',
  fault_invalid_instant: 'validFrom und validUntil müssen Zeitpunkte mit Zeitzone sein, etwa 2026-12-31T23:00:00Z.',
  fault_ambiguous_group: 'Mehrere Gruppen haben diesen Namen. Geben Sie die ID oder die Referenz an.',
};
