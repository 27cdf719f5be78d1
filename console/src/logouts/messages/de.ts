import type { LogoutsMessages } from './en';

export const de: LogoutsMessages = {
  unconfirmed: 'Abmeldungen, die die Anwendung nicht bestätigt hat',
  unconfirmedHelp:
    'Diese Personen sind dort vielleicht noch angemeldet. Die Anwendung wird einen Tag lang erneut benachrichtigt. Prüfen Sie, ob ihre Adresse für Abmeldungen stimmt und erreichbar ist.',
  allConfirmed: 'Die Anwendung hat jede Abmeldung bestätigt.',
  ended: 'Beendet',
  attempts: 'Versuche',
  error: 'Letzte Antwort',
  next: 'Nächster Versuch',
  givenUp: 'Keiner: Ein Tag ist vergangen',
  deletedPerson: 'Ein gelöschtes Konto',
  noApplications: 'Keine',
  status_LIVE: 'angemeldet',
  status_DUE: 'wird von der Abmeldung benachrichtigt',
  status_NOTIFIED: 'abgemeldet',
  status_FAILED: 'hat die Abmeldung nicht bestätigt',
  status_ENDED: 'wurde von der Abmeldung nicht benachrichtigt',
};
