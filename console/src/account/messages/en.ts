/** The texts of the page of one's own account. */
export const en = {
  passwordAndSignIns: 'Password and sign-ins',
  organization: 'Organization',
  mySessions: 'Who let me in',
  mySessionsHelp: 'Somebody let you in to a site, and you are still signed in there. End what you do not know.',
  noOwnSessions: 'You are signed in nowhere by somebody else.',
  endOwnSessionName: 'End the session that {name} started at {at}',
  endOwnSessionQuestion: 'End the session that {name} started at {at}? You are signed out there.',
  myInvitations: 'Invitations',
  myInvitationsHelp: 'Whoever manages a group that you join can let you in.',
  noInvitations: 'Nobody has invited you to a group.',
  answer: 'Answer',
  accept: 'Accept',
  acceptName: 'Accept: {name}',
  acceptQuestion: 'Join {name}? The staff of {organization} that manages the group can then let you in.',
  decline: 'Decline',
  declineName: 'Decline: {name}',
  declineQuestion: 'Decline the invitation to {name}?',
  password: 'Password',
  passwordHelp: 'Change your password, and see in which other browsers you are signed in with it.',
  invitation_ACCEPT: 'You are a member of {name} now.',
  invitation_DECLINE: 'You have declined the invitation to {name}.',
};

export type AccountMessages = Readonly<Record<keyof typeof en, string>>;
