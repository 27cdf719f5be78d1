import type { AccountMessages } from './en';

export const fr: AccountMessages = {
  passwordAndSignIns: 'Mot de passe et connexions',
  organization: 'Organisation',
  mySessions: 'Qui m’a fait entrer',
  mySessionsHelp:
    'Quelqu’un vous a fait entrer sur un site, et vous y êtes encore connecté. Terminez ce que vous ne connaissez pas.',
  noOwnSessions: 'Personne ne vous a connecté quelque part.',
  endOwnSessionName: 'Terminer la session ouverte par {name} le {at}',
  endOwnSessionQuestion: 'Terminer la session ouverte par {name} le {at} ? Vous y serez déconnecté.',
  myInvitations: 'Invitations',
  myInvitationsHelp: 'Qui gère un groupe que vous rejoignez peut vous faire entrer.',
  noInvitations: 'Personne ne vous a invité dans un groupe.',
  answer: 'Réponse',
  accept: 'Accepter',
  acceptName: 'Accepter : {name}',
  acceptQuestion: 'Rejoindre {name} ? Le personnel de {organization} qui gère le groupe pourra vous faire entrer.',
  decline: 'Refuser',
  declineName: 'Refuser : {name}',
  declineQuestion: 'Refuser l’invitation à {name} ?',
  password: 'Mot de passe',
  passwordHelp: 'Changez votre mot de passe, et voyez dans quels autres navigateurs vous êtes connecté avec lui.',
  invitation_ACCEPT: 'Vous êtes maintenant membre de {name}.',
  invitation_DECLINE: 'Vous avez refusé l’invitation à {name}.',
};
