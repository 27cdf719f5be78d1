/** The texts of what applications know of the ends of sessions. */
export const en = {
  unconfirmed: 'Logouts that the application has not confirmed',
  unconfirmedHelp:
    'These people may still be signed in there. The application is told again for a day. Check that its address for logouts is right and can be reached.',
  allConfirmed: 'The application has confirmed every logout.',
  ended: 'Ended',
  attempts: 'Attempts',
  error: 'Last answer',
  next: 'Next attempt',
  givenUp: 'None: a day has passed',
  deletedPerson: 'A deleted account',
  noApplications: 'None',
  status_LIVE: 'signed in',
  status_DUE: 'is being told of the logout',
  status_NOTIFIED: 'signed out',
  status_FAILED: 'has not confirmed the logout',
  status_ENDED: 'not told of the logout',
};

export type LogoutsMessages = Readonly<Record<keyof typeof en, string>>;
