/** The texts about rights, on the page of the staff and on that of a group. */
export const en = {
  addStaff: 'Give a right on the group',
  editName: 'Edit: {name}',
  takeAway: 'Take away',
  takeAwayFrom: 'Take away: {permission}, {name}',
  takeAwayQuestion: 'Take “{permission}” away from {name}?',
  thisEnds: 'This ends {sessions} and {tokens}.',
  sessionsEnd_one: '{count} session',
  sessionsEnd_other: '{count} sessions',
  tokensEnd_one: '{count} token',
  tokensEnd_other: '{count} tokens',
  endsNothing: 'This ends no session and no token.',
  validFrom: 'Begins',
  validUntil: 'Ends',
  periodHint: 'Without an end, the right counts until somebody takes it away.',
  ends: 'ends {when}',
  ended: 'ended {when}',
  begins: 'begins {when}',
};

export type RightsMessages = Readonly<Record<keyof typeof en, string>>;
