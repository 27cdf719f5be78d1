import type { PersonMessages } from './en';

export const fr: PersonMessages = {
  editPerson: 'Modifier le compte',
  blockQuestion: 'Bloquer {name} ? Toutes les sessions et connexions de ce compte prennent fin.',
  deletePersonQuestion: 'Supprimer définitivement le compte de {name} ? Toutes les sessions prennent fin.',
  noSessions: 'Personne n’a fait entrer cette personne.',
  applications: 'Applications',
  showApplications: 'Afficher',
  noGroups: 'Cette personne n’est dans aucun groupe que vous voyez.',
  endSessionQuestion: 'Terminer cette session de {name} ?',
  whyPerson: 'Qui peut faire entrer cette personne ?',
  letIn: 'Faire entrer',
  letInHelp:
    'Faites entrer {name} pour voir ce que cette personne voit. Il vous faut le droit OBTAIN_ACCESS_TOKENS et un groupe de cette personne que vous gérez.',
  letInMake: 'Créer un lien',
  letInLink: 'Lien qui fait entrer {name}',
  letInUntil:
    'Ouvrez-le dans une fenêtre privée : votre navigateur reste alors comme il est. Il fonctionne une fois, jusqu’à {at}.',
  letInReason: 'Motif',
  letInReasonHint: 'Le journal l’affiche. N’écrivez rien de secret.',
  password: 'Mot de passe',
  passwordLinkMake: 'Créer un lien de mot de passe',
  passwordLinkQuestion:
    'Créer un lien avec lequel {name} définit un mot de passe pour se connecter ? Il remplace le lien précédent.',
  passwordLinkFor: 'Lien avec lequel {name} définit un mot de passe',
  passwordLinkUntil: 'Envoyez-le à {name} uniquement. Il fonctionne une fois, jusqu’au {at}.',
};
