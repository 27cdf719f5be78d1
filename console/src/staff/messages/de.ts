import type { StaffMessages } from './en';

export const de: StaffMessages = {
  permissions: 'Rechte',
  permission: 'Recht',
  noPermissions: 'Noch keine',
  permission_OBTAIN_ACCESS_TOKENS: 'Personen einlassen',
  permission_MANAGE_USERS: 'Personen verwalten',
  permission_CREATE_GROUPS: 'Gruppen anlegen',
  permission_MANAGE_ALL_GROUPS: 'Alle Gruppen verwalten',
  permission_MANAGE_STAFF: 'Personal verwalten',
  permission_MANAGE_SERVICE_ACCOUNTS: 'Clients und Dienstkonten verwalten',
  permission_VIEW_AUDIT_LOG: 'Das Protokoll sehen',
  appoint: 'Zum Personal hinzufügen',
  grantPermission: 'Ein Recht geben',
  grantTo: 'Ein Recht geben: {name}',
  dismiss: 'Aus dem Personal entfernen',
  dismissName: 'Aus dem Personal entfernen: {name}',
  dismissQuestion: '{name} aus dem Personal entfernen? Alle Rechte dieser Person entfallen. Das Konto bleibt.',
};
