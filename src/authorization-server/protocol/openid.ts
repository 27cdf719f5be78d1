import type { KoaContextWithOIDC } from 'oidc-provider';
import { SCOPE } from '../../auth/called-by.decorator.js';
import type { Proof } from '../../users/proofs.service.js';
import { kindOfProof } from '../../users/proofs.service.js';
import { handleOf } from './session-names.js';

/** The scopes of OpenID Connect, and the claims that each stands for (OpenID Connect Core 1.0, section 5.4). */
export const CLAIMS_OF_SCOPES = {
  openid: ['sub', 'act', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'locale', 'zoneinfo'],
  email: ['email', 'email_verified'],
  third_party_ids: ['third_party_ids'],
};

export const OPENID_SCOPES = Object.keys(CLAIMS_OF_SCOPES);

/** The claims that an application can ask for by name only. */
export const OTHER_CLAIMS = ['iss', 'sid'];

/** Whether somebody who signs in here can reach this `acr`. They can't let themselves in. */
export function isReachableAcr(acr: unknown): boolean {
  return Object.values(SIGNED_IN).some((known) => known.acr === acr);
}

/** The claims that a request asks for: those of its scope, and those in its parameter `claims` (section 5.5). */
export function claimsAskedFor({ scope, claims }: { scope?: unknown; claims?: unknown }): string[] {
  const ofScope = scopesOf(String(scope)).flatMap(
    (name) => CLAIMS_OF_SCOPES[name as keyof typeof CLAIMS_OF_SCOPES] ?? [],
  );
  const { userinfo, id_token } = (typeof claims === 'string' ? JSON.parse(claims) : {}) as Record<
    string,
    object | null
  >;
  return [...new Set([...ofScope, ...Object.keys(userinfo ?? {}), ...Object.keys(id_token ?? {})])];
}

/** How the user of a session was authenticated. `acr` never means more than what has happened. */
interface Authentication {
  acr: string;
  /** Values of RFC 8176, and `delegated`. */
  amr: string[];
}

/** Somebody else has let the user in. */
const DELEGATED: Authentication = { acr: 'urn:latchkey:acr:delegated', amr: ['delegated'] };

const SIGNED_IN: Record<Proof['by'], Authentication> = {
  PASSWORD: { acr: 'urn:latchkey:acr:password', amr: ['pwd'] },
  RECOVERY_CODE: { acr: 'urn:latchkey:acr:password', amr: ['pwd', 'otp'] },
  PASSKEY: { acr: 'urn:latchkey:acr:passkey', amr: ['pop', 'user'] },
};

export const ACR_VALUES = [...new Set([DELEGATED, ...Object.values(SIGNED_IN)].map(({ acr }) => acr))];

/** How the user of the request's session was authenticated. */
export function authenticationOf({ session }: KoaContextWithOIDC['oidc']): Authentication | undefined {
  if (!session?.accountId) return undefined;
  return handleOf(session.uid) === null ? SIGNED_IN[kindOfProof(session.acr ?? '')] : DELEGATED;
}

/** The scope of a request, as names. */
export function scopesOf(scope: string): string[] {
  return [...new Set(scope.split(' ').filter((name) => name !== ''))];
}

/** Whether something with these scopes gives access to the API. Without it, it only says who somebody is. */
export function isForApi(scopes: Iterable<string>): boolean {
  return [...scopes].includes(SCOPE);
}
