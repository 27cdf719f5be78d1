import { API } from '../../common/paths.js';

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

/** The same address where Drillster's clients have it since 2016. */
export function olderPath(path: string): string {
  return `/daas${path}`;
}

/** Where clients of the API itself ask for tokens. */
export const API_TOKEN_PATH = `/${API}/token`;

/**
 * What an assertion may have as `aud` (RFC 7523, section 3, rule 3): this server, or any of the addresses to which it may have been
 * posted.
 */
export function audiencesOf(publicUrl: string): string[] {
  const paths = [PATHS.token, olderPath(PATHS.token), '/api/2/token', '/api/2.1/token', API_TOKEN_PATH];
  return [publicUrl, `${publicUrl}/`, ...paths.map((path) => publicUrl + path)];
}
