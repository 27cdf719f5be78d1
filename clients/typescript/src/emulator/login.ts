import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { showUser } from './directory.js';
import { Refusal } from './refusal.js';
import type { Reply } from './reply.js';
import { endOf, toIso } from './world.js';
import type { Login, World } from './world.js';

const [PLAIN, SECURE] = ['latchkey', '__Host-latchkey'];

interface Visit {
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  /** What the form of a page answers: `open`, `continue` or `stay`. */
  answer?: string;
}

/** Redeems a login token (docs/api.md, section 5.1). @throws Refusal */
export function redeem(world: World, { headers, query, answer }: Visit): Reply {
  if (answer === 'stay') return leadTo('/');
  const token = readToken(headers, query);
  const login = world.logins.get(token);
  const live = world.useSession(secretsOf(headers));
  if (live) {
    if (!login || faultOf(world, login)) return leadTo('/');
    if (login.userId === live.userId) return leadTo(login.returnTo ?? '/');
    if (login.existingSession === 'keep')
      return headers.accept?.includes('text/html') ? page(200, 'You are still signed in', '') : leadTo('/');
    if (login.existingSession === 'ask' && answer !== 'continue')
      return page(200, 'Continue as another user?', form('continue', 'Continue') + form('stay', 'Stay'));
    live.session!.hasEnded = true;
  }
  const fault = login ? faultOf(world, login) : 'invalid_token';
  if (fault) throw refused(fault);
  if (login!.delivery === 'link' && answer === undefined) return page(200, 'One more step', form('open', 'Continue'));
  return start(world, login!);
}

export function showSession(world: World, headers: IncomingHttpHeaders): Reply {
  const login = world.useSession(secretsOf(headers));
  if (!login)
    throw new Refusal('not_authenticated', 'There is no live session.', {
      headers: { 'WWW-Authenticate': 'Bearer realm="latchkey"' },
    });
  const { account, client } = login.caller;
  const { type, serviceAccount, id, name } = showUser(world, account);
  const organization = { type: 'ORGANIZATION', ...world.organization };
  return {
    status: 200,
    headers: { 'Cache-Control': 'no-store' },
    body: {
      user: showUser(world, world.accounts.get(login.userId)!),
      actor: { type, serviceAccount, id, name, clientId: client.id, organization },
      created: toIso(login.session!.startedAt),
      expires: toIso(new Date(endOf(login.session!))),
    },
  };
}

/** @throws Refusal `not_authorized` */
export function logout(world: World, url: string, headers: IncomingHttpHeaders): Reply {
  requireSameOrigin(url, headers);
  const live = world.useSession(secretsOf(headers));
  if (live) live.session!.hasEnded = true;
  const cleared = [SECURE, PLAIN].map(
    (name) => `${name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${attributes(name === SECURE)}`,
  );
  const isPage = headers.accept?.includes('text/html');
  return {
    status: isPage ? 303 : 204,
    headers: { 'Cache-Control': 'no-store', 'Set-Cookie': cleared, ...(isPage ? { Location: '/' } : {}) },
  };
}

/** @throws Refusal `not_authorized` */
export function requireSameOrigin(url: string, { origin, 'sec-fetch-site': site }: IncomingHttpHeaders): void {
  const own = [url, url.replace('127.0.0.1', 'localhost')];
  if (site === undefined ? origin !== undefined && own.includes(origin) : site === 'same-origin') return;
  throw new Refusal('not_authorized', 'This call is accepted from pages of the same origin only.');
}

export function page(status: number, title: string, content: string): Reply {
  return {
    status,
    headers: { 'Cache-Control': 'no-store' },
    html: `<!doctype html><title>${title}</title><h1>${title}</h1>${content}`,
  };
}

function start(world: World, login: Login): Reply {
  const now = world.now();
  const secret = randomBytes(32).toString('base64url');
  login.session = { secret, startedAt: now, usedAt: now, hasEnded: false };
  world.accounts.get(login.userId)!.lastLogin = now;
  const cookie = `${login.secure ? SECURE : PLAIN}=${secret}; ${attributes(login.secure)}`;
  const { status, headers } = leadTo(login.returnTo ?? '/');
  return { status, headers: { ...headers, 'Set-Cookie': [cookie] } };
}

function faultOf(world: World, login: Login): 'token_used' | 'token_expired' | 'invalid_token' | null {
  if (login.session) return 'token_used';
  if (login.expiresAt <= world.now()) return 'token_expired';
  return world.mayLetIn(login.caller, login.userId) ? null : 'invalid_token';
}

function readToken(headers: IncomingHttpHeaders, query: URLSearchParams): string {
  const destination = headers['sec-fetch-dest'] ?? 'document';
  const isPrefetch = /prefetch|prerender|preview/i.test(`${headers['sec-purpose'] ?? ''} ${headers.purpose ?? ''}`);
  if (isPrefetch || !['document', 'iframe'].includes(destination as string))
    throw new Refusal('invalid_request', 'A sign-in link only works when it is opened in a browser.');
  const given = [...query.getAll('token'), ...query.getAll('oauth_token')];
  if (given.length === 0)
    throw new Refusal(
      'missing_field',
      'This sign-in link is not complete. Go back to where you came from and follow the link again.',
    );
  if (given.length > 1)
    throw new Refusal('invalid_request', 'This sign-in link is malformed: it has more than one token.');
  return given[0]!;
}

function refused(id: 'token_used' | 'token_expired' | 'invalid_token'): Refusal {
  if (id !== 'invalid_token') return new Refusal(id);
  return new Refusal(id, undefined, {
    headers: { 'WWW-Authenticate': 'Bearer realm="latchkey", error="invalid_token"' },
  });
}

function leadTo(location: string): Reply {
  return { status: 303, headers: { 'Cache-Control': 'no-store', Location: location } };
}

function form(answer: string, label: string): string {
  return `<form method="post"><button name="answer" value="${answer}">${label}</button></form>`;
}

function attributes(isSecure: boolean): string {
  return `Path=/; HttpOnly;${isSecure ? ' Secure;' : ''} SameSite=Lax`;
}

function secretsOf({ cookie = '' }: IncomingHttpHeaders): string[] {
  const pairs = cookie.split(';').map((pair) => pair.trim().split('='));
  return pairs.filter(([name]) => name === PLAIN || name === SECURE).map(([, value]) => value ?? '');
}
