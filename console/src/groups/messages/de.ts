import type { GroupsMessages } from './en';

export const de: GroupsMessages = {
  customReference: 'Referenz',
  members: 'Mitglieder',
  lastEdited: 'Zuletzt geändert',
  right: 'Recht',
  staffOfGroup: 'Zuständige der Gruppe',
  noGroups: 'Es gibt noch keine Gruppen.',
  noMembers: 'Die Gruppe hat noch keine Mitglieder.',
  membership_JOINED: 'Mitglied',
  membership_INVITED: 'Eingeladen',
  right_VIEW: 'Sehen',
  right_MANAGE: 'Verwalten',
  newGroup: 'Neue Gruppe',
  editGroup: 'Gruppe bearbeiten',
  deleteGroupQuestion: '{name} löschen? Die Sitzungen, die über diese Gruppe begonnen haben, enden.',
  addMember: 'Mitglied hinzufügen',
  memberJoined: '{name} ist jetzt Mitglied.',
  memberInvited: '{name} ist eingeladen und wird durch Annehmen Mitglied.',
  remove: 'Entfernen',
  removeName: '{name} entfernen',
  removeMemberQuestion: '{name} aus {group} entfernen? Die Sitzungen, die über diese Gruppe begonnen haben, enden.',
};
