import type { ClientMetadata, JWK } from 'oidc-provider';
import type { Client } from '../../schema/entities/client.entity.js';
import { CONSOLE_CLIENT, CONSOLE_NAME, CONSOLE_REDIRECT } from '../../clients/console-client.js';
import { isLegalRedirectUri } from '../../clients/client-addresses.js';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** A placeholder. Secrets are compared with their hashes, and the engine only checks that there is one. */
const HASHED = 'kept as a hash';

/**
 * A client's metadata (RFC 7591, section 2). It leaves out redirect URIs to http hosts that the operator no longer
 * allows.
 */
export function clientMetadata(client: Client, httpHosts: string[]): ClientMetadata {
  const redirectUris = legalUris(
    client,
    client.redirectUris.map(({ uri }) => uri),
    httpHosts,
  );
  const mayAuthorize = redirectUris.length > 0;
  return {
    client_id: client.id,
    client_name: client.name,
    redirect_uris: redirectUris,
    application_type: [...redirectUris, ...client.postLogoutRedirectUris].every((uri) => /^https?:/.test(uri))
      ? 'web'
      : 'native',
    grant_types: mayAuthorize ? ['authorization_code', 'refresh_token', JWT_BEARER] : [JWT_BEARER],
    response_types: mayAuthorize ? ['code'] : [],
    compatibility: client.compatibility ?? undefined,
    organization: client.organizationId,
    ...authentication(client),
  };
}

/**
 * A client's metadata for OpenID Connect. The engine ignores or refuses what belongs to a feature that is not
 * configured.
 */
export function openIdMetadata(client: Client, httpHosts: string[]): Omit<ClientMetadata, 'client_id'> {
  return {
    id_token_signed_response_alg: client.idTokenSignedResponseAlg,
    post_logout_redirect_uris: legalUris(client, client.postLogoutRedirectUris, httpHosts),
    backchannel_logout_uri: client.backchannelLogoutUri ?? undefined,
    backchannel_logout_session_required: client.backchannelLogoutSessionRequired,
  };
}

/** The console, which is a part of this service and no row of the database. */
export function consoleMetadata(publicUrl: string): ClientMetadata {
  return {
    client_id: CONSOLE_CLIENT,
    client_name: CONSOLE_NAME,
    redirect_uris: [publicUrl + CONSOLE_REDIRECT],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
}

function legalUris({ isPublic }: Client, uris: string[], httpHosts: string[]): string[] {
  return uris.filter((uri) => isLegalRedirectUri(uri, { isPublic, httpHosts }));
}

function authentication({
  isPublic,
  jwks,
  tokenEndpointAuthMethod,
}: Client): ClientMetadata | Omit<ClientMetadata, 'client_id'> {
  if (isPublic) return { token_endpoint_auth_method: 'none' };
  if (jwks) return { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: keysOf(jwks) } };
  const method = tokenEndpointAuthMethod ?? undefined;
  // The engine takes a secret in both ways, whichever is registered.
  return { token_endpoint_auth_method: method ?? 'client_secret_basic', secretMethod: method, client_secret: HASHED };
}

/**
 * The public keys of a client. Ed25519 has two names (RFC 9864, section 2.2), and the engine accepts both for a key
 * without `alg`.
 */
function keysOf(jwks: string): JWK[] {
  const { keys } = JSON.parse(jwks) as { keys: (JWK & { crv?: string })[] };
  for (const key of keys) if (key.crv === 'Ed25519') delete key.alg;
  return keys;
}
