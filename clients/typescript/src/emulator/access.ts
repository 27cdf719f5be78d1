import { SignJWT } from 'jose';
import { Refusal } from './refusal.js';
import { LOGIN_TOKEN_SECONDS, newLoginId } from './world.js';
import type { Account, Caller, Rule, World } from './world.js';

export const REVOKED = 'The access token was revoked, or its account, client or key no longer exists.';
const RETURN_TO =
  'returnTo must be a path that starts with a single /, or a URL on an origin registered for the client. Percent-encode everything except visible ASCII.';
/** Visible ASCII without the backslash, which browsers read as a slash. */
const URL_TEXT = /^[\x21-\x5b\x5d-\x7e]{1,2048}$/;

/** What each rule of the access call answers (docs/api.md, section 4.2). */
export const RULES: Record<Rule, () => Refusal> = {
  1: () => invalidAccessToken(REVOKED),
  2: () => new Refusal('missing_field'),
  3: () => incorrect('returnTo', RETURN_TO),
  4: () =>
    new Refusal(
      'not_authorized',
      'The caller may not obtain access tokens: it is not active staff with the permission OBTAIN_ACCESS_TOKENS.',
    ),
  5: () => new Refusal('unknown_user'),
  6: () => new Refusal('not_authorized', 'The user is not a member of a group that the caller administers.'),
  7: () =>
    new Refusal(
      'not_authorized',
      'The user has an account permission that the caller does not have. A caller with MANAGE_STAFF can let such users in.',
    ),
};

export function invalidAccessToken(description: string): Refusal {
  const challenge = `Bearer realm="latchkey", error="invalid_token", error_description="${description}"`;
  return new Refusal('not_authenticated', description, { headers: { 'WWW-Authenticate': challenge } });
}

export interface LoginOptions {
  returnTo: string | null;
  delivery: string;
  existingSession: string;
  isForHttps: boolean;
}

/** A way to name a user (docs/api.md, section 2.6). @throws Refusal `missing_field` */
export function parseReference(text: string): { id?: string; emailAddress?: string; thirdParty?: string } {
  if (text.trim() === '') throw new Refusal('missing_field');
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw new Refusal('missing_field', 'The user reference is malformed or too long.');
  const dollar = text.indexOf('$');
  if (dollar >= 0) return thirdPartyReference(text.slice(0, dollar), text.slice(dollar + 1));
  if (text.includes('@')) return { emailAddress: text };
  if (text.length > 64) throw new Refusal('missing_field', 'The user reference is malformed or too long.');
  return { id: text };
}

/** @throws Refusal `missing_field` */
export function thirdPartyReference(thirdParty: string, id: string): { id: string; thirdParty: string } {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(thirdParty))
    throw new Refusal('missing_field', 'The third-party code is missing or malformed.');
  if (id.trim() === '') throw new Refusal('missing_field');
  return { thirdParty, id };
}

export function findNamed(world: World, caller: Caller, text: string): Account | undefined {
  return text === 'self' ? caller.account : world.find(parseReference(text));
}

/** The parameters of the access call. @throws Refusal `incorrect_field` */
export function readOptions(caller: Caller, url: string, query: URLSearchParams): LoginOptions {
  requireOneOf(query, 'security', ['ssl']);
  requireOneOf(query, 'delivery', ['redirect', 'link']);
  requireOneOf(query, 'session', ['keep', 'switch', 'ask']);
  const reason = query.get('reason');
  if (reason !== null && (!/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(reason) || reason.length > 200))
    throw incorrect('reason', 'reason must be one line of 1 to 200 characters.');
  const returnTo = query.get('returnTo');
  if (returnTo !== null && !isLegalReturnTo(returnTo, [url, ...caller.client.origins]))
    throw incorrect('returnTo', RETURN_TO);
  const embed = query.get('embed');
  if (embed !== null && embed !== 'none' && !caller.client.origins.includes(embed))
    throw incorrect('embed', 'embed must be none, or an origin registered for the client, written exactly the same.');
  return {
    returnTo,
    delivery: query.get('delivery') ?? 'redirect',
    existingSession: query.get('session') ?? 'keep',
    isForHttps: query.get('security') === 'ssl',
  };
}

/** Makes a login token, or says which rule refuses. @throws Refusal */
export async function issue(
  world: World,
  url: string,
  caller: Caller,
  user: Account | undefined,
  options: LoginOptions,
): Promise<{ token: string; url: string; expires: Date }> {
  const rule = (user && world.refused.get(user.id)) ?? world.ruleAgainst(caller, user);
  if (rule !== null) throw RULES[rule]();
  const issuedAt = new Date(Math.floor(world.now().getTime() / 1000) * 1000);
  const expiresAt = new Date(issuedAt.getTime() + LOGIN_TOKEN_SECONDS * 1000);
  const { returnTo, delivery, existingSession, isForHttps } = options;
  const login = {
    id: newLoginId(),
    userId: user!.id,
    caller,
    issuedAt,
    expiresAt,
    returnTo,
    delivery,
    existingSession,
  };
  const token = await sign('login+jwt', `${url}/login`, url, {
    sub: login.userId,
    exp: expiresAt.getTime() / 1000,
    authorities: ['ROLE_USER'],
    jti: login.id,
    client_id: caller.client.id,
    scope: ['ROLE_USER'],
    iat: issuedAt.getTime() / 1000,
    act: { sub: caller.account.id },
  });
  world.logins.set(token, { ...login, secure: isForHttps });
  const origin = isForHttps ? url.replace(/^http:/, 'https:') : url;
  return { token, url: `${origin}/login?token=${token}`, expires: expiresAt };
}

/** The emulator knows its tokens by heart, so the key proves nothing. It makes them look like those of the service. */
const KEY = crypto.getRandomValues(new Uint8Array(32));

export function sign(typ: string, aud: string, iss: string, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ, kid: 'emulator' })
    .setIssuer(iss)
    .setAudience(aud)
    .sign(KEY);
}

function incorrect(field: string, description: string): Refusal {
  return new Refusal('incorrect_field', description, { members: { field } });
}

function requireOneOf(query: URLSearchParams, name: string, values: string[]): void {
  const given = query.getAll(name);
  if (given.length > 1)
    throw new Refusal('invalid_request', `${name} was given twice, or as a list. Give it once.`, {
      members: { field: name },
    });
  if (given.length === 1 && !values.includes(given[0]!))
    throw incorrect(name, `${name} must be ${values.join(', ').replace(/, ([^,]+)$/, ' or $1')}.`);
}

function isLegalReturnTo(target: string, origins: string[]): boolean {
  if (!URL_TEXT.test(target)) return false;
  if (target.startsWith('/')) return !target.startsWith('//');
  return origins.some(
    (origin) => target.startsWith(origin) && /^([/?#]|$)/.test(target.slice(origin.length)) && URL.canParse(target),
  );
}
