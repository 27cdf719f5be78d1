import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { findNamed, issue, parseReference, readOptions, RULES, sign } from './access.js';
import { GrantRefusal, Refusal } from './refusal.js';
import { ACCESS_TOKEN_SECONDS, newLoginId } from './world.js';
import type { Account, Caller, ServiceKey, World } from './world.js';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** Seconds that clocks may differ, and that an assertion may be good for. */
const CLOCK_SKEW = 60;
const LONGEST = 3600;
const TOKEN_PATHS = ['/oauth/token', '/daas/oauth/token', '/api/2/token', '/api/2.1/token', '/api/2.1.1/token'];

export function isTokenPath(path: string): boolean {
  return TOKEN_PATHS.includes(path);
}

/** The token endpoint, with the JWT bearer grant (docs/api.md, section 12.4). @throws GrantRefusal */
export async function grant(world: World, url: string, form: URLSearchParams): Promise<object> {
  const type = form.get('grant_type');
  if (type === null) throw new GrantRefusal('invalid_request', 'no client authentication mechanism provided');
  if (type !== JWT_BEARER)
    throw new GrantRefusal('unsupported_grant_type', 'the emulator has the JWT bearer grant only');
  const assertion = form.get('assertion');
  if (assertion === null) throw new GrantRefusal('invalid_request', 'The parameter assertion is missing.', true);
  const key = requireKey(world, assertion);
  const claims = await requireClaims(url, assertion, key);
  const user = requireSubject(world, key.caller, claims.sub);
  const rule = world.refused.get(user.id);
  if (rule === 1) throw unknownKey();
  if (rule === 2) throw malformedSubject();
  useOnce(world, assertion, claims);
  const resource = form.get('resource');
  if (resource === null) return accessToken(world, url, key, user);
  if (!publicUrls(url).some((known) => resource === `${known}/login`))
    throw new GrantRefusal('invalid_target', 'resource indicator is missing, or unknown');
  return asGrant(async () => {
    const options = readOptions(key.caller, url, form);
    const { token, url: link, expires } = await issue(world, url, key.caller, user, options);
    const seconds = Math.round((expires.getTime() - world.now().getTime()) / 1000);
    const { jti } = decodeJwt(token);
    return { access_token: token, token_type: 'Bearer', expires_in: seconds, url: link, jti };
  });
}

/** A login token would be for the same caller and user. */
async function accessToken(world: World, url: string, { caller, kid }: ServiceKey, user: Account): Promise<object> {
  const isItself = user.id === caller.account.id;
  const options = { returnTo: null, delivery: 'redirect', existingSession: 'keep', isForHttps: false };
  // The check of the access call, whose token is thrown away.
  const login = isItself ? undefined : await asGrant(() => issue(world, url, caller, user, options));
  const issuedAt = Math.floor(world.now().getTime() / 1000);
  const jti = newLoginId();
  const token = await sign('at+jwt', `${url}/api`, url, {
    sub: user.id,
    client_id: caller.client.id,
    scope: 'ROLE_USER',
    jti,
    iat: issuedAt,
    key_id: kid,
    ...(isItself ? {} : { act: { sub: caller.account.id } }),
    exp: issuedAt + ACCESS_TOKEN_SECONDS,
  });
  if (isItself) world.newAccessToken(caller, token);
  if (login) {
    const record = world.logins.get(login.token)!;
    world.logins.delete(login.token);
    if (caller.client.isCompatible) world.logins.set(token, record);
  }
  return { access_token: token, token_type: 'Bearer', expires_in: ACCESS_TOKEN_SECONDS, scope: 'ROLE_USER', jti };
}

function requireKey(world: World, assertion: string): ServiceKey {
  const issuer = unverifiedIssuer(assertion);
  if (![...world.keys.values()].some(({ caller }) => caller.account.id === issuer))
    throw new GrantRefusal('invalid_request', 'The iss of the assertion is not the ID of a service account.', true);
  const { kid } = decodeProtectedHeader(assertion);
  const found =
    kid === undefined
      ? [...world.keys.values()].find(({ caller }) => caller.account.id === issuer)
      : world.keys.get(kid);
  if (found?.caller.account.status === 'ACTIVE') return found;
  if (kid !== undefined) throw unknownKey();
  throw new GrantRefusal('invalid_grant', 'the assertion is not signed with a key of the service account in iss');
}

function unknownKey(): GrantRefusal {
  return new GrantRefusal('invalid_grant', 'the kid of the assertion is not the ID of a valid service account key');
}

function malformedSubject(): GrantRefusal {
  return new GrantRefusal('invalid_grant', 'sub must be a user ID, an e-mail address or a third-party ID (CODE$ID)');
}

function unverifiedIssuer(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).iss;
  } catch {
    return undefined;
  }
}

async function requireClaims(
  url: string,
  assertion: string,
  key: ServiceKey,
): Promise<JWTPayload & { sub: string; exp: number }> {
  const { payload } = await jwtVerify(assertion, key.publicKey, {
    issuer: key.caller.account.id,
    audience: publicUrls(url).flatMap((known) => ['', '/', ...TOKEN_PATHS].map((path) => known + path)),
    clockTolerance: CLOCK_SKEW,
    requiredClaims: ['iss', 'sub', 'aud', 'exp'],
  }).catch((error: Error) => {
    throw new GrantRefusal('invalid_grant', `the assertion is not valid: ${error.message}`);
  });
  // The host signs by its own clock, which nobody moves.
  const now = Math.floor(Date.now() / 1000);
  if (payload.exp! > now + LONGEST + CLOCK_SKEW)
    throw new GrantRefusal('invalid_grant', 'the assertion is valid for longer than an hour');
  if ((payload.iat ?? 0) > now + CLOCK_SKEW)
    throw new GrantRefusal('invalid_grant', 'the assertion was issued in the future');
  return payload as JWTPayload & { sub: string; exp: number };
}

function requireSubject(world: World, caller: Caller, sub: string): Account {
  try {
    parseReference(sub);
  } catch {
    throw malformedSubject();
  }
  const user = findNamed(world, caller, sub);
  if (user && (user.type === 'USER' || user.id === caller.account.id)) return user;
  // A service account without the permission must not learn who exists.
  if (!caller.account.permissions.has('OBTAIN_ACCESS_TOKENS'))
    throw new GrantRefusal('invalid_grant', RULES[4]().message);
  throw new GrantRefusal('invalid_grant', 'sub must be the service account or a user that its organization manages');
}

function useOnce(world: World, assertion: string, { iss, jti }: JWTPayload): void {
  const name = jti === undefined ? assertion.slice(0, assertion.lastIndexOf('.')) : `${iss}\n${jti}`;
  const detail = jti === undefined ? 'give each assertion its own jti' : 'each jti can be used once';
  if (world.usedAssertions.has(name))
    throw new GrantRefusal('invalid_grant', `the assertion was already used: ${detail}`);
  world.usedAssertions.add(name);
}

async function asGrant<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new GrantRefusal(error.id === 'incorrect_field' ? 'invalid_request' : 'invalid_grant', error.message);
  }
}

/** Hosts may call the emulator by the name or by the number. */
function publicUrls(url: string): string[] {
  return [url, url.replace('127.0.0.1', 'localhost')];
}
