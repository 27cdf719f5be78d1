import type { BulkMessages } from './en';

export const nl: BulkMessages = {
  bulkAdd: 'Aan een groep toevoegen',
  bulkRemove: 'Uit een groep halen',
  endSessions: 'Sessies beëindigen',
  bulkQuestion_one: 'Dit gebeurt met de persoon die u hebt geselecteerd. U kunt het stoppen, maar niet ongedaan maken.',
  bulkQuestion_other:
    'Dit gebeurt met alle {count} personen die u hebt geselecteerd. U kunt het stoppen, maar niet ongedaan maken.',
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
  fault_unreadable_file: 'Dit is geen CSV-bestand in UTF-8 met de namen van de kolommen op de eerste regel.',
  fault_unknown_column: 'Het bestand heeft een kolom die hier niet bekend is, of een kolom twee keer.',
  fault_invalid_row: 'De rij past niet bij de eerste regel, of heeft een begin of einde zonder groep.',
  fault_invalid_status: 'De status moet ACTIVE of BLOCKED zijn.',
  fault_invalid_third_party_id:
    'Een ID van derden heeft een code en een ID nodig, van een derde partij van de organisatie.',
  fault_locale_invalid: 'De taal moet een code zijn zoals en of nl-NL.',
  fault_invalid_time_zone: 'De tijdzone moet een naam zijn zoals Europe/Amsterdam.',
  fault_invalid_description: 'Een beschrijving heeft hoogstens 2000 tekens.',
  fault_year_of_birth_invalid: 'Het geboortejaar moet een jaar vanaf 1900 zijn.',
  fault_residence_country_invalid: 'De woonplaats moet een landcode zijn zoals NL.',
  fault_invalid_instant:
    'validFrom en validUntil moeten tijdstippen met een tijdzone zijn, zoals 2026-12-31T23:00:00Z.',
  fault_ambiguous_group: 'Meerdere groepen hebben deze naam. Geef de ID of de referentie.',
};
