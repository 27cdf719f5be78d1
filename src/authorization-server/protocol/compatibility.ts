import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { SCOPE } from '../../auth/called-by.decorator.js';

/** What is kept with an authorization request whose scope had `openid`, which is dropped: no leniency is for that. */
export const ASKED_OPENID = 'latchkey_asked_openid';

/** What clients that are made for OpenID Connect ask for as well. There are no ID tokens here. */
const OF_OPENID = new Set(['openid', 'offline_access', 'profile', 'email']);

interface LenientCode {
  /** It is good for an hour, and exchanged without a `redirect_uri`. */
  isLenient?: boolean;
}

/** Whether a client may leave out what the standards ask for and Drillster did not (docs/api.md, section 12.5). */
export function isCompatible(client: object | undefined): boolean {
  return (client as { compatibility?: string } | undefined)?.compatibility === 'drillster';
}

/** Makes the engine keep with a code whether it is a lenient one. */
export function keepLeniency({ AuthorizationCode }: Provider): void {
  const kept = (AuthorizationCode as unknown as { IN_PAYLOAD: string[] }).IN_PAYLOAD;
  Object.defineProperty(AuthorizationCode, 'IN_PAYLOAD', { value: [...kept, 'isLenient'] });
}

export function markLenient({ oidc }: KoaContextWithOIDC, code: object): void {
  (code as LenientCode).isLenient = isCompatible(oidc.client) && oidc.params?.[ASKED_OPENID] === undefined;
}

export function isLenient(code: object): boolean {
  return (code as LenientCode).isLenient === true;
}

/** The scopes of a request without those of OpenID Connect, and whether `openid` was one of them. */
export function withoutOpenId(scope: string): { scope: string; askedOpenId: boolean } {
  const scopes = scope.split(' ').filter((name) => name !== '');
  const ours = scopes.filter((name) => !OF_OPENID.has(name));
  return { scope: ours.length > 0 ? ours.join(' ') : SCOPE, askedOpenId: scopes.includes('openid') };
}

/** RFC 6749, section 4.1.2.1: before anybody signs in for a scope that there is not. @throws InvalidScope */
export function requireKnownScopes({ oidc }: KoaContextWithOIDC): void {
  const unknown = [...oidc.requestParamScopes].filter((scope) => scope !== SCOPE);
  if (unknown.length > 0) throw new errors.InvalidScope('requested scope does not exist', unknown.join(' '));
}
