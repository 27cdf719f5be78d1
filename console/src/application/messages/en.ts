/** The texts of how an application signs people in. */
export const en = {
  title: 'Sign-in by OpenID Connect',
  help: 'The application signs people in with Latchkey: with their password, or at once when a link leads to one of its pages.',
  issuer: 'Issuer',
  discovery: 'Settings for the application',
  edit: 'Edit the sign-in',
  initiateLoginUri: 'Where a login begins (initiate_login_uri)',
  initiateLoginUriHint: 'On one of its sites. A link to a page of the application leads here first.',
  startUri: 'Address of its own sign-in button',
  startUriHint: 'On one of its sites. For an application that has no initiate_login_uri.',
  hostUri: 'Where people without a password start',
  hostUriHint: 'A page of your intranet or learning portal with links to the application.',
  postLogoutRedirectUris: 'Addresses after logging out',
  postLogoutRedirectUrisHint: 'One on each line, written as the application sends it.',
  backchannelLogoutUri: 'Where it hears of a logout (backchannel_logout_uri)',
  sessionRequired: 'What it hears of a logout',
  sessionRequired_true: 'Which session has ended',
  sessionRequired_false: 'Only whose sessions have ended',
  algorithm: 'Signature of ID tokens',
  authMethod: 'How it sends its secret',
  authMethod_any: 'In either way',
  authMethod_client_secret_basic: 'In a header (client_secret_basic)',
  authMethod_client_secret_post: 'In the form (client_secret_post)',
};

export type ApplicationMessages = Readonly<Record<keyof typeof en, string>>;
