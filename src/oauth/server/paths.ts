/** Where the authorization server answers. */
export const PATHS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/keys',
  revocation: '/oauth/revoke',
  metadata: '/.well-known/oauth-authorization-server',
  interaction: '/oauth/interaction',
  account: '/oauth/account',
  formPostScript: '/oauth/continue.js',
} as const;
