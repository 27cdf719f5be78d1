export const en = {
  title: 'Find',
  field: 'ID or name',
  help: 'Paste an ID from a log: of a person, group, client, service account, session, login token, OAuth token or request. Or type an e-mail address or a name. Ctrl+K or ⌘K opens this dialog.',
  results_one: '{count} result',
  results_other: '{count} results',
  nothing: 'There is nothing with this ID or name that you may see.',
  close: 'Close',
  type_USER: 'Person',
  type_SERVICE_ACCOUNT: 'Service account',
  type_GROUP: 'Group',
  type_CLIENT: 'Client',
  type_SESSION: 'Session of {name}',
  type_ACCESS_TOKEN: 'Login token for {name}',
  type_LOGIN: 'Login in the record',
  type_REQUEST: 'Request in the record',
  type_TOKEN: 'OAuth token in the record',
};

/** The messages in any language. */
export type LookupMessages = Record<keyof typeof en, string>;
