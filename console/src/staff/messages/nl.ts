import type { StaffMessages } from './en';

export const nl: StaffMessages = {
  permissions: 'Rechten',
  permission: 'Recht',
  noPermissions: 'Nog geen',
  permission_OBTAIN_ACCESS_TOKENS: 'Mensen binnenlaten',
  permission_MANAGE_USERS: 'Personen beheren',
  permission_CREATE_GROUPS: 'Groepen maken',
  permission_MANAGE_ALL_GROUPS: 'Alle groepen beheren',
  permission_MANAGE_STAFF: 'Personeel beheren',
  permission_MANAGE_SERVICE_ACCOUNTS: 'Clients en serviceaccounts beheren',
  permission_VIEW_AUDIT_LOG: 'Het logboek zien',
  appoint: 'Aan het personeel toevoegen',
  grantPermission: 'Een recht geven',
  grantTo: 'Een recht geven: {name}',
  dismiss: 'Van het personeel verwijderen',
  dismissName: 'Van het personeel verwijderen: {name}',
  dismissQuestion: '{name} van het personeel verwijderen? Alle rechten van deze persoon vervallen. Het account blijft.',
};
