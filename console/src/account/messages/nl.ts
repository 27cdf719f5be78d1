import type { AccountMessages } from './en';

export const nl: AccountMessages = {
  passwordAndSignIns: 'Wachtwoord en aanmeldingen',
  organization: 'Organisatie',
  mySessions: 'Wie mij binnenliet',
  mySessionsHelp: 'Iemand liet u binnen op een site, en u bent daar nog aangemeld. Beëindig wat u niet kent.',
  noOwnSessions: 'U bent nergens door iemand anders aangemeld.',
  endOwnSessionName: 'De sessie beëindigen die {name} startte op {at}',
  endOwnSessionQuestion: 'De sessie beëindigen die {name} startte op {at}? U wordt daar afgemeld.',
  myInvitations: 'Uitnodigingen',
  myInvitationsHelp: 'Wie een groep beheert waarvan u lid wordt, kan u binnenlaten.',
  noInvitations: 'Niemand heeft u uitgenodigd voor een groep.',
  answer: 'Antwoord',
  accept: 'Aannemen',
  acceptName: 'Aannemen: {name}',
  acceptQuestion:
    'Lid worden van {name}? De medewerkers van {organization} die de groep beheren, kunnen u dan binnenlaten.',
  decline: 'Afslaan',
  declineName: 'Afslaan: {name}',
  declineQuestion: 'De uitnodiging voor {name} afslaan?',
  password: 'Wachtwoord',
  passwordHelp: 'Wijzig uw wachtwoord, en zie in welke andere browsers u ermee bent aangemeld.',
  invitation_ACCEPT: 'U bent nu lid van {name}.',
  invitation_DECLINE: 'U hebt de uitnodiging voor {name} afgeslagen.',
};
