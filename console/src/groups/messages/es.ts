import type { GroupsMessages } from './en';

export const es: GroupsMessages = {
  customReference: 'Referencia',
  members: 'Miembros',
  lastEdited: 'Última modificación',
  right: 'Permiso',
  staffOfGroup: 'Responsables del grupo',
  noGroups: 'Todavía no hay grupos.',
  noMembers: 'El grupo todavía no tiene miembros.',
  membership_JOINED: 'Miembro',
  membership_INVITED: 'Invitado',
  right_VIEW: 'Ver',
  right_MANAGE: 'Gestionar',
  newGroup: 'Grupo nuevo',
  editGroup: 'Editar el grupo',
  deleteGroupQuestion: '¿Eliminar {name}? Las sesiones iniciadas a través de este grupo terminan.',
  addMember: 'Añadir un miembro',
  memberJoined: '{name} ya es miembro.',
  memberInvited: '{name} está invitado y será miembro cuando acepte.',
  remove: 'Quitar',
  removeName: 'Quitar a {name}',
  removeMemberQuestion: '¿Quitar a {name} de {group}? Las sesiones iniciadas a través de este grupo terminan.',
};
