import type { StaffMessages } from './en';

export const fr: StaffMessages = {
  permissions: 'Droits',
  permission: 'Droit',
  noPermissions: 'Aucun pour l’instant',
  permission_OBTAIN_ACCESS_TOKENS: 'Faire entrer des personnes',
  permission_MANAGE_USERS: 'Gérer les personnes',
  permission_CREATE_GROUPS: 'Créer des groupes',
  permission_MANAGE_ALL_GROUPS: 'Gérer tous les groupes',
  permission_MANAGE_STAFF: 'Gérer le personnel',
  permission_MANAGE_SERVICE_ACCOUNTS: 'Gérer les clients et comptes de service',
  permission_VIEW_AUDIT_LOG: 'Voir le journal',
  appoint: 'Ajouter au personnel',
  grantPermission: 'Donner un droit',
  grantTo: 'Donner un droit : {name}',
  dismiss: 'Retirer du personnel',
  dismissName: 'Retirer du personnel : {name}',
  dismissQuestion: 'Retirer {name} du personnel ? Tous les droits de cette personne sont retirés. Le compte reste.',
};
