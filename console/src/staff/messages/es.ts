import type { StaffMessages } from './en';

export const es: StaffMessages = {
  permissions: 'Permisos',
  permission: 'Permiso',
  noPermissions: 'Ninguno todavía',
  permission_OBTAIN_ACCESS_TOKENS: 'Dejar entrar a personas',
  permission_MANAGE_USERS: 'Administrar personas',
  permission_CREATE_GROUPS: 'Crear grupos',
  permission_MANAGE_ALL_GROUPS: 'Administrar todos los grupos',
  permission_MANAGE_STAFF: 'Administrar el personal',
  permission_MANAGE_SERVICE_ACCOUNTS: 'Administrar clientes y cuentas de servicio',
  permission_VIEW_AUDIT_LOG: 'Ver el registro',
  appoint: 'Añadir al personal',
  grantPermission: 'Dar un permiso',
  grantTo: 'Dar un permiso: {name}',
  dismiss: 'Quitar del personal',
  dismissName: 'Quitar del personal: {name}',
  dismissQuestion: '¿Quitar a {name} del personal? Se retiran todos sus permisos. La cuenta se conserva.',
};
