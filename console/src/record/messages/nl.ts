import type { RecordMessages } from './en';

export const nl: RecordMessages = {
  recordHelp:
    'Wie wie heeft binnengelaten, en wat er verder in uw organisatie is gebeurd. Het nieuwste staat bovenaan.',
  recordLive: 'Volgen wat er nu gebeurt',
  recordEmpty: 'Niets komt overeen.',
  recordTime: 'Tijd',
  recordEvent: 'Gebeurtenis',
  recordUser: 'Persoon',
  recordActor: 'Door',
  recordClient: 'Client',
  recordDetails: 'Bijzonderheden',
  recordRule: '(regel {rule})',
  recordFilter: 'Het logboek filteren',
  recordWhoDidIt: 'Wie het deed',
  recordClientId: 'ID van de client',
  recordGroupId: 'ID van de groep',
  recordTokenId: 'ID van de login of het token',
  recordRequestId: 'ID van het verzoek',
  recordEveryEvent: 'Alle gebeurtenissen',
  recordFrom: 'Vanaf',
  recordTo: 'Vóór',
  recordApply: 'Filteren',
  recordNdjson: 'Exporteren als NDJSON',
  recordStop: 'Stoppen',
  recordExported: '{count} regels tot nu toe',
};
