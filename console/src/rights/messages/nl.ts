import type { RightsMessages } from './en';

export const nl: RightsMessages = {
  addStaff: 'Een recht op de groep geven',
  editName: 'Bewerken: {name}',
  takeAway: 'Afnemen',
  takeAwayFrom: 'Afnemen: {permission}, {name}',
  takeAwayQuestion: '“{permission}” afnemen van {name}?',
  thisEnds: 'Dit beëindigt {sessions} en {tokens}.',
  sessionsEnd_one: '{count} sessie',
  sessionsEnd_other: '{count} sessies',
  tokensEnd_one: '{count} token',
  tokensEnd_other: '{count} tokens',
  endsNothing: 'Dit beëindigt geen sessie en geen token.',
  validFrom: 'Begint',
  validUntil: 'Eindigt',
  periodHint: 'Zonder einde geldt het recht tot iemand het afneemt.',
  ends: 'eindigt {when}',
  ended: 'eindigde {when}',
  begins: 'begint {when}',
};
