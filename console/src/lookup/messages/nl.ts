import type { LookupMessages } from './en';

export const nl: LookupMessages = {
  title: 'Zoeken',
  field: 'ID of naam',
  help: 'Plak een ID uit een logboek: van een persoon, groep, client, serviceaccount, sessie, inlogtoken, OAuth-token of verzoek. Of typ een e-mailadres of een naam. Ctrl+K of ⌘K opent dit venster.',
  results_one: '{count} resultaat',
  results_other: '{count} resultaten',
  nothing: 'Er is niets met deze ID of naam dat u mag zien.',
  close: 'Sluiten',
  type_USER: 'Persoon',
  type_SERVICE_ACCOUNT: 'Serviceaccount',
  type_GROUP: 'Groep',
  type_CLIENT: 'Client',
  type_SESSION: 'Sessie van {name}',
  type_ACCESS_TOKEN: 'Inlogtoken voor {name}',
  type_LOGIN: 'Login in het logboek',
  type_REQUEST: 'Verzoek in het logboek',
  type_TOKEN: 'OAuth-token in het logboek',
};
