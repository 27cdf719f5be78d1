/** The texts of the page of a person. */
export const en = {
  editPerson: 'Edit the account',
  blockQuestion: 'Block {name}? All sessions and sign-ins of this account end.',
  deletePersonQuestion: 'Delete the account of {name} for good? All sessions end.',
  noSessions: 'Nobody has let this person in.',
  applications: 'Applications',
  showApplications: 'Show',
  noGroups: 'This person is in no group that you see.',
  endSessionQuestion: 'End this session of {name}?',
  whyPerson: 'Who may let this person in?',
  letIn: 'Let in',
  letInHelp:
    'Let {name} in to see what they see. You need the permission OBTAIN_ACCESS_TOKENS and a group of this person that you manage.',
  letInMake: 'Make a link',
  letInLink: 'Link that lets {name} in',
  letInUntil: 'Open it in a private window, so that your own browser stays as it is. It works once, until {at}.',
  letInReason: 'Reason',
  letInReasonHint: 'The record shows it. Write no secret.',
  password: 'Password',
  passwordLinkMake: 'Make a password link',
  passwordLinkQuestion: 'Make a link with which {name} sets a password to sign in? It replaces the link before.',
  passwordLinkFor: 'Link with which {name} sets a password',
  passwordLinkUntil: 'Send it to {name} alone. It works once, until {at}.',
};

export type PersonMessages = Readonly<Record<keyof typeof en, string>>;
