import type { HomeMessages } from './en';

export const fr: HomeMessages = {
  attention: 'Ce qui demande votre attention',
  allIsWell: 'Rien pour le moment.',
  oneStaffManager:
    'Une seule personne peut gérer le personnel. Si ce compte est perdu, personne ne pourra plus donner de droits.',
  memberships_one: '{count} adhésion se termine le {at}.',
  memberships_other: '{count} adhésions se terminent, la première le {at}.',
  groupRight: 'Le droit {permission} de {name} se termine le {at}.',
  permission: 'Le droit {permission} se termine le {at}.',
  noKey: 'Ce compte de service n’a aucune clé valable et ne peut donc rien faire.',
  oldKey: 'Une clé date du {at}. Remplacez les clés de plus d’un an.',
  oldSecret: 'Un secret date du {at}. Remplacez les secrets de plus d’un an.',
  lastDay: 'Les dernières 24 heures',
  hour: 'Heure',
  logins: 'Connexions',
  sessionsStarted: 'Sessions commencées',
  refusals: 'Refus',
  refusalsByReason: 'Refus par motif',
  noRefusals: 'Il n’y a eu aucun refus.',
  reason: 'Motif',
  number: 'Nombre',
  refused_ACCESS_REFUSED: 'Une entrée a été refusée.',
  refused_SESSION_REFUSED: 'Un lien n’a pas commencé de session.',
  refused_ASSERTION_REFUSED: 'Un programme a été refusé.',
  refused_SIGN_IN_FAILED: 'Une connexion a échoué.',
};
