import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { SCOPE } from '../../auth/called-by.decorator.js';
import { OPENID_SCOPES, scopesOf } from './openid.js';

/** The scopes that mean nothing to the API: ours of OpenID Connect, and one that libraries add of themselves. */
const OF_OPENID = new Set([...OPENID_SCOPES, 'offline_access']);

interface LenientCode {
  /** Whether the code is valid for an hour and can be exchanged without a `redirect_uri`. */
  isLenient?: boolean;
}

/** Whether a client may leave out what the standards require and Drillster did not (docs/api.md, section 12.5). */
export function isCompatible(client: object | undefined): boolean {
  return (client as { compatibility?: string } | undefined)?.compatibility === 'drillster';
}

/** Makes the engine store with a code whether it is lenient. */
export function storeLeniency({ AuthorizationCode }: Provider): void {
  const kept = (AuthorizationCode as unknown as { IN_PAYLOAD: string[] }).IN_PAYLOAD;
  Object.defineProperty(AuthorizationCode, 'IN_PAYLOAD', { value: [...kept, 'isLenient'] });
}

export function markLenient({ oidc }: KoaContextWithOIDC, code: object): void {
  (code as LenientCode).isLenient = isCompatible(oidc.client) && !oidc.requestParamScopes.has('openid');
}

export function isLenient(code: object): boolean {
  return (code as LenientCode).isLenient === true;
}

/** The part of a scope that is for the API. Libraries also ask for the scopes of OpenID Connect. */
export function apiScope(scope: string): string {
  const ours = scopesOf(scope).filter((name) => !OF_OPENID.has(name));
  return ours.length > 0 ? ours.join(' ') : SCOPE;
}

/** The scope of an authorization request. Without `openid`, it is for the API; clients that were written for Drillster name none. */
export function completeScope(scope: string): string {
  const scopes = scopesOf(scope);
  return scopes.includes('openid') ? scopes.join(' ') : apiScope(scope);
}

/**
 * Refuses unknown scopes before anybody signs in (RFC 6749, section 4.1.2.1). With `openid`, they are ignored (OpenID
 * Connect Core 1.0, section 3.1.2.1). @throws InvalidScope
 */
export function requireKnownScopes({ oidc }: KoaContextWithOIDC): void {
  const scopes = oidc.requestParamScopes;
  if (scopes.has('openid')) return;
  const unknown = [...scopes].filter((scope) => scope !== SCOPE);
  if (unknown.length > 0) throw new errors.InvalidScope('requested scope does not exist', unknown.join(' '));
}
