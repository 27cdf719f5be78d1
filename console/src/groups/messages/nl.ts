import type { GroupsMessages } from './en';

export const nl: GroupsMessages = {
  customReference: 'Referentie',
  members: 'Leden',
  lastEdited: 'Laatst gewijzigd',
  right: 'Recht',
  staffOfGroup: 'Medewerkers van de groep',
  noGroups: 'Er zijn nog geen groepen.',
  noMembers: 'De groep heeft nog geen leden.',
  membership_JOINED: 'Lid',
  membership_INVITED: 'Uitgenodigd',
  right_VIEW: 'Zien',
  right_MANAGE: 'Beheren',
  newGroup: 'Nieuwe groep',
  editGroup: 'Groep bewerken',
  deleteGroupQuestion: '{name} verwijderen? De sessies die via deze groep zijn begonnen eindigen.',
  addMember: 'Lid toevoegen',
  memberJoined: '{name} is nu lid.',
  memberInvited: '{name} is uitgenodigd en wordt lid door te aanvaarden.',
  remove: 'Verwijderen',
  removeName: '{name} verwijderen',
  removeMemberQuestion: '{name} uit {group} verwijderen? De sessies die via deze groep zijn begonnen eindigen.',
};
