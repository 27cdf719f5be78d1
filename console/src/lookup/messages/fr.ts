import type { LookupMessages } from './en';

export const fr: LookupMessages = {
  title: 'Rechercher',
  field: 'ID ou nom',
  help: 'Collez un ID qui figure dans un journal : d’une personne, d’un groupe, d’un client, d’un compte de service, d’une session, d’un jeton de connexion, d’un jeton OAuth ou d’une requête. Ou saisissez une adresse e-mail ou un nom. Ctrl+K ou ⌘K ouvre cette fenêtre.',
  results_one: '{count} résultat',
  results_other: '{count} résultats',
  nothing: 'Il n’y a rien avec cet ID ou ce nom que vous ayez le droit de voir.',
  close: 'Fermer',
  type_USER: 'Personne',
  type_SERVICE_ACCOUNT: 'Compte de service',
  type_GROUP: 'Groupe',
  type_CLIENT: 'Client',
  type_SESSION: 'Session de {name}',
  type_ACCESS_TOKEN: 'Jeton de connexion pour {name}',
  type_LOGIN: 'Connexion dans le journal',
  type_REQUEST: 'Requête dans le journal',
  type_TOKEN: 'Jeton OAuth dans le journal',
};
