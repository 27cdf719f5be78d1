/** The texts of the page of the staff. */
export const en = {
  permissions: 'Permissions',
  permission: 'Permission',
  noPermissions: 'None yet',
  permission_OBTAIN_ACCESS_TOKENS: 'Let people in',
  permission_MANAGE_USERS: 'Manage people',
  permission_CREATE_GROUPS: 'Create groups',
  permission_MANAGE_ALL_GROUPS: 'Manage all groups',
  permission_MANAGE_STAFF: 'Manage staff',
  permission_MANAGE_SERVICE_ACCOUNTS: 'Manage clients and service accounts',
  permission_VIEW_AUDIT_LOG: 'See the record',
  appoint: 'Add to the staff',
  grantPermission: 'Give a permission',
  grantTo: 'Give a permission: {name}',
  dismiss: 'Remove from the staff',
  dismissName: 'Remove from the staff: {name}',
  dismissQuestion: 'Remove {name} from the staff? All permissions of this person are taken away. The account stays.',
};

export type StaffMessages = Readonly<Record<keyof typeof en, string>>;
