import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { Client } from '../schema/entities/client.entity.js';
import { requireLegalAddress, requireLegalRedirectUris, requireOneKind } from './client-addresses.js';
import type { ClientChangesDto } from './dto/client-fields.dto.js';

/** Addresses on a site of the client, because users are led there. */
const LANDINGS = ['initiateLoginUri', 'startUri'] as const;
const ADDRESSES = [...LANDINGS, 'hostUri', 'backchannelLogoutUri'] as const;

/**
 * Sets what makes a client an application of OpenID Connect (docs/api.md, section 9.1). The client's other fields have
 * been set before. `httpHosts` are those on which its redirect URIs may be http.
 *
 * @throws DomainError `incorrect_field`, `invalid_redirect_uri`, `invalid_origin`
 */
export async function setApplicationFields(
  db: EntityManager,
  id: string,
  changes: ClientChangesDto,
  httpHosts: readonly string[],
): Promise<void> {
  const { initiateLoginUri, startUri, hostUri, backchannelLogoutUri, backchannelLogoutSessionRequired } = changes;
  const { postLogoutRedirectUris, tokenEndpointAuthMethod, idTokenSignedResponseAlg } = changes;
  const fields = {
    initiateLoginUri,
    startUri,
    hostUri,
    backchannelLogoutUri,
    backchannelLogoutSessionRequired,
    tokenEndpointAuthMethod,
    idTokenSignedResponseAlg,
    postLogoutRedirectUris: postLogoutRedirectUris && [...new Set(postLogoutRedirectUris)],
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const before = await db.findOneOrFail(Client, { where: { id }, relations: { origins: true, redirectUris: true } });
  const client: Client = { ...before, ...given };
  requireLegalAddresses(client, changes, httpHosts);
  requireOwnLandings(client, changes);
  requireSecretMethod(client);
  if (Object.keys(given).length > 0) await db.update(Client, { id }, given);
}

/** Checks the addresses that are new, and all if the client's compatibility changes. */
function requireLegalAddresses(client: Client, changes: ClientChangesDto, httpHosts: readonly string[]): void {
  const isNewRule = changes.compatibility !== undefined;
  for (const field of ADDRESSES)
    if (client[field] !== null && (changes[field] || isNewRule)) requireLegalAddress(field, client[field], httpHosts);
  const { isPublic, postLogoutRedirectUris: uris } = client;
  if (changes.postLogoutRedirectUris || isNewRule)
    requireLegalRedirectUris(uris, { isPublic, httpHosts }, 'postLogoutRedirectUris');
  if (changes.postLogoutRedirectUris || changes.redirectUris)
    requireOneKind([...uris, ...client.redirectUris.map(({ uri }) => uri)], 'postLogoutRedirectUris');
}

/** Checks that users are led only to sites that belong to whoever lets them in. */
function requireOwnLandings(client: Client, changes: ClientChangesDto): void {
  const origins = new Set(client.origins.map(({ origin }) => origin));
  for (const field of LANDINGS)
    if (client[field] !== null && (changes[field] || changes.origins) && !origins.has(new URL(client[field]).origin))
      throw new DomainError(
        'invalid_origin',
        `${field} (${client[field]}) must be on one of the origins of the client. Add its origin, or change ${field} in the same call.`,
        { members: { field } },
      );
}

function requireSecretMethod({ isPublic, jwks, tokenEndpointAuthMethod }: Client): void {
  if (tokenEndpointAuthMethod !== null && (isPublic || jwks !== null))
    throw new DomainError(
      'incorrect_field',
      'tokenEndpointAuthMethod is for clients with a secret: this one is public, or it authenticates with its keys.',
      { members: { field: 'tokenEndpointAuthMethod' } },
    );
}
