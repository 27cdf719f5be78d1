import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { SCOPE } from '../../auth/called-by.decorator.js';

/**
 * The member that marks an authorization request whose scope had `openid`. That scope is dropped, and such a request
 * gets no leniency.
 */
export const ASKED_OPENID = 'latchkey_asked_openid';

/** The scopes that OpenID Connect clients also ask for. This server issues no ID tokens. */
const OF_OPENID = new Set(['openid', 'offline_access', 'profile', 'email']);

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
  (code as LenientCode).isLenient = isCompatible(oidc.client) && oidc.params?.[ASKED_OPENID] === undefined;
}

export function isLenient(code: object): boolean {
  return (code as LenientCode).isLenient === true;
}

/** The scopes of a request without those of OpenID Connect, and whether `openid` was among them. */
export function withoutOpenId(scope: string): { scope: string; askedOpenId: boolean } {
  const scopes = scope.split(' ').filter((name) => name !== '');
  const ours = scopes.filter((name) => !OF_OPENID.has(name));
  return { scope: ours.length > 0 ? ours.join(' ') : SCOPE, askedOpenId: scopes.includes('openid') };
}

/** Refuses unknown scopes before anybody signs in (RFC 6749, section 4.1.2.1). @throws InvalidScope */
export function requireKnownScopes({ oidc }: KoaContextWithOIDC): void {
  const unknown = [...oidc.requestParamScopes].filter((scope) => scope !== SCOPE);
  if (unknown.length > 0) throw new errors.InvalidScope('requested scope does not exist', unknown.join(' '));
}
