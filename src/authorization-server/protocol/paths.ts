import { API } from '../../common/paths.js';

/** The paths of the authorization server. */
export const PATHS = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/keys',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  userinfo: '/oauth/userinfo',
  endSession: '/oauth/logout',
  endSessionConfirm: '/oauth/logout/confirm',
  endSessionSuccess: '/oauth/logout/success',
  metadata: '/.well-known/oauth-authorization-server',
  discovery: '/.well-known/openid-configuration',
  interaction: '/oauth/interaction',
  account: '/oauth/account',
  formPostScript: '/oauth/continue.js',
} as const;

/** The same path under the prefix that Drillster's clients have used since 2016. */
export function olderPath(path: string): string {
  return `/daas${path}`;
}

/** The token endpoint under the API's base path. */
export const API_TOKEN_PATH = `/${API}/token`;

/**
 * The accepted values of an assertion's `aud` (RFC 7523, section 3, rule 3): this server, and each address that the
 * assertion may have been posted to.
 */
export function audiencesOf(publicUrl: string): string[] {
  const paths = [PATHS.token, olderPath(PATHS.token), '/api/2/token', '/api/2.1/token', API_TOKEN_PATH];
  return [publicUrl, `${publicUrl}/`, ...paths.map((path) => publicUrl + path)];
}
