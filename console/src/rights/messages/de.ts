import type { RightsMessages } from './en';

export const de: RightsMessages = {
  addStaff: 'Ein Recht an der Gruppe geben',
  editName: 'Bearbeiten: {name}',
  takeAway: 'Entziehen',
  takeAwayFrom: 'Entziehen: {permission}, {name}',
  takeAwayQuestion: '{name} das Recht „{permission}“ entziehen?',
  thisEnds: 'Das beendet {sessions} und {tokens}.',
  sessionsEnd_one: '{count} Sitzung',
  sessionsEnd_other: '{count} Sitzungen',
  tokensEnd_one: '{count} Token',
  tokensEnd_other: '{count} Token',
  endsNothing: 'Das beendet keine Sitzung und kein Token.',
  validFrom: 'Beginnt',
  validUntil: 'Endet',
  periodHint: 'Ohne Ende gilt das Recht, bis es jemand entzieht.',
  ends: 'endet {when}',
  ended: 'endete {when}',
  begins: 'beginnt {when}',
};
