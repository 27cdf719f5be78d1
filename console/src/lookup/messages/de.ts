import type { LookupMessages } from './en';

export const de: LookupMessages = {
  title: 'Suchen',
  field: 'ID oder Name',
  help: 'Fügen Sie eine ID aus einem Protokoll ein: einer Person, einer Gruppe, eines Clients, eines Dienstkontos, einer Sitzung, eines Anmeldetokens, eines OAuth-Tokens oder einer Anfrage. Oder geben Sie eine E-Mail-Adresse oder einen Namen ein. Strg+K oder ⌘K öffnet dieses Fenster.',
  results_one: '{count} Ergebnis',
  results_other: '{count} Ergebnisse',
  nothing: 'Es gibt nichts mit dieser ID oder diesem Namen, das Sie sehen dürfen.',
  close: 'Schließen',
  type_USER: 'Person',
  type_SERVICE_ACCOUNT: 'Dienstkonto',
  type_GROUP: 'Gruppe',
  type_CLIENT: 'Client',
  type_SESSION: 'Sitzung von {name}',
  type_ACCESS_TOKEN: 'Anmeldetoken für {name}',
  type_LOGIN: 'Anmeldung im Protokoll',
  type_REQUEST: 'Anfrage im Protokoll',
  type_TOKEN: 'OAuth-Token im Protokoll',
};
