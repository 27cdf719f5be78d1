import type { AccountMessages } from './en';

export const de: AccountMessages = {
  passwordAndSignIns: 'Passwort und Anmeldungen',
  organization: 'Organisation',
  mySessions: 'Wer mich eingelassen hat',
  mySessionsHelp:
    'Jemand hat Sie auf einer Website eingelassen, und Sie sind dort noch angemeldet. Beenden Sie, was Sie nicht kennen.',
  noOwnSessions: 'Niemand hat Sie irgendwo angemeldet.',
  endOwnSessionName: 'Die Sitzung beenden, die {name} begonnen hat: {at}',
  endOwnSessionQuestion: 'Die Sitzung beenden, die {name} begonnen hat ({at})? Sie werden dort abgemeldet.',
  myInvitations: 'Einladungen',
  myInvitationsHelp: 'Wer eine Gruppe verwaltet, der Sie beitreten, kann Sie einlassen.',
  noInvitations: 'Niemand hat Sie in eine Gruppe eingeladen.',
  answer: 'Antwort',
  accept: 'Annehmen',
  acceptName: 'Annehmen: {name}',
  acceptQuestion: '{name} beitreten? Wer bei {organization} die Gruppe verwaltet, kann Sie dann einlassen.',
  decline: 'Ablehnen',
  declineName: 'Ablehnen: {name}',
  declineQuestion: 'Die Einladung zu {name} ablehnen?',
  password: 'Passwort',
  passwordHelp: 'Ändern Sie Ihr Passwort, und sehen Sie, in welchen anderen Browsern Sie damit angemeldet sind.',
  invitation_ACCEPT: 'Sie sind jetzt Mitglied von {name}.',
  invitation_DECLINE: 'Sie haben die Einladung zu {name} abgelehnt.',
};
