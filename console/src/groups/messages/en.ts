/** The texts of the pages of groups. */
export const en = {
  customReference: 'Reference',
  members: 'Members',
  lastEdited: 'Last edited',
  right: 'Right',
  staffOfGroup: 'Staff of the group',
  noGroups: 'There are no groups yet.',
  noMembers: 'The group has no members yet.',
  membership_JOINED: 'Member',
  membership_INVITED: 'Invited',
  right_VIEW: 'See',
  right_MANAGE: 'Manage',
  newGroup: 'New group',
  editGroup: 'Edit the group',
  deleteGroupQuestion: 'Delete {name}? The sessions that were started through this group end.',
  addMember: 'Add a member',
  memberJoined: '{name} is a member now.',
  memberInvited: '{name} is invited, and becomes a member by accepting.',
  remove: 'Remove',
  removeName: 'Remove {name}',
  removeMemberQuestion: 'Remove {name} from {group}? The sessions that were started through this group end.',
};

export type GroupsMessages = Readonly<Record<keyof typeof en, string>>;
