import type { RightsMessages } from './en';

export const fr: RightsMessages = {
  addStaff: 'Donner un droit sur le groupe',
  editName: 'Modifier : {name}',
  takeAway: 'Retirer',
  takeAwayFrom: 'Retirer : {permission}, {name}',
  takeAwayQuestion: 'Retirer « {permission} » à {name} ?',
  thisEnds: 'Cela met fin à {sessions} et {tokens}.',
  sessionsEnd_one: '{count} session',
  sessionsEnd_other: '{count} sessions',
  tokensEnd_one: '{count} jeton',
  tokensEnd_other: '{count} jetons',
  endsNothing: 'Cela ne met fin à aucune session ni à aucun jeton.',
  validFrom: 'Commence',
  validUntil: 'Se termine',
  periodHint: 'Sans fin, le droit compte jusqu’à ce que quelqu’un le retire.',
  ends: 'se termine {when}',
  ended: 's’est terminé {when}',
  begins: 'commence {when}',
};
