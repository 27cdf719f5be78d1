import type { GroupsMessages } from './en';

export const fr: GroupsMessages = {
  customReference: 'Référence',
  members: 'Membres',
  lastEdited: 'Dernière modification',
  right: 'Droit',
  staffOfGroup: 'Responsables du groupe',
  noGroups: 'Il n’y a pas encore de groupes.',
  noMembers: 'Le groupe n’a pas encore de membres.',
  membership_JOINED: 'Membre',
  membership_INVITED: 'Invité',
  right_VIEW: 'Voir',
  right_MANAGE: 'Gérer',
  newGroup: 'Nouveau groupe',
  editGroup: 'Modifier le groupe',
  deleteGroupQuestion: 'Supprimer {name} ? Les sessions commencées par ce groupe prennent fin.',
  addMember: 'Ajouter un membre',
  memberJoined: '{name} est maintenant membre.',
  memberInvited: '{name} est invité et deviendra membre en acceptant.',
  remove: 'Retirer',
  removeName: 'Retirer {name}',
  removeMemberQuestion: 'Retirer {name} de {group} ? Les sessions commencées par ce groupe prennent fin.',
};
