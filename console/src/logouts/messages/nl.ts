import type { LogoutsMessages } from './en';

export const nl: LogoutsMessages = {
  unconfirmed: 'Afmeldingen die de applicatie niet heeft bevestigd',
  unconfirmedHelp:
    'Deze mensen zijn daar misschien nog aangemeld. De applicatie krijgt een dag lang opnieuw bericht. Controleer of het adres voor afmeldingen klopt en bereikbaar is.',
  allConfirmed: 'De applicatie heeft elke afmelding bevestigd.',
  ended: 'Beëindigd',
  attempts: 'Pogingen',
  error: 'Laatste antwoord',
  next: 'Volgende poging',
  givenUp: 'Geen: er is een dag voorbij',
  deletedPerson: 'Een verwijderd account',
  noApplications: 'Geen',
  status_LIVE: 'aangemeld',
  status_DUE: 'krijgt bericht van de afmelding',
  status_NOTIFIED: 'afgemeld',
  status_FAILED: 'heeft de afmelding niet bevestigd',
  status_ENDED: 'kreeg geen bericht van de afmelding',
};
