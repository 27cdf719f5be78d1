import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { findNamed, invalidAccessToken, issue, readOptions, REVOKED, RULES, thirdPartyReference } from './access.js';
import { control } from './control.js';
import { addMember, createUser, readUser, removeMember } from './directory.js';
import { grant, isTokenPath } from './grant.js';
import { logout, page, redeem, requireSameOrigin, showSession } from './login.js';
import { EmulatorError, GrantRefusal, Refusal } from './refusal.js';
import type { Reply } from './reply.js';
import { toIso } from './world.js';
import type { Account, Caller, Failure, World } from './world.js';

/** What a request needs to be answered. */
interface Call {
  world: World;
  url: string;
  request: IncomingMessage;
  query: URLSearchParams;
  body: string;
}

/** What has the present world, and makes the first one again. */
export interface Holder {
  world: World;
  url: string;
  reset: () => void;
}

/** The same value as in the service: when the access call was announced to end. */
const DEPRECATED_SINCE = '@1768089600';
const LONGEST_BODY = 64 * 1024;

export function serve(holder: Holder): Server {
  return createServer((request, response) => {
    answer(holder, request, response).catch((error: Error) => {
      send(response, { status: 500, body: { id: 'internal_error', description: error.message } });
    });
  });
}

async function answer(holder: Holder, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url!, 'http://emulator');
  const body = await readBody(request);
  if (pathname === '/emulator' || pathname.startsWith('/emulator/'))
    return send(response, answerControl(holder, request.method!, pathname.slice('/emulator/'.length), body));
  const { world, url } = holder;
  const failure = takeFailure(world, pathname);
  if (world.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, world.slowMs));
  if (failure) return fail(response, failure, pathname);
  send(response, await answerCall(pathname, { world, url, request, query, body }));
}

function answerControl(holder: Holder, method: string, path: string, body: string): Reply {
  try {
    if (method === 'GET' && path === '') return { status: 200, body: holder.world.describe() };
    if (path === 'reset') holder.reset();
    return { status: 200, body: path === 'reset' ? {} : control(holder.world, path, JSON.parse(body || '{}')) };
  } catch (error) {
    if (error instanceof EmulatorError || error instanceof SyntaxError || error instanceof Refusal)
      return { status: 400, body: { description: error.message } };
    throw error;
  }
}

async function answerCall(path: string, call: Call): Promise<Reply> {
  try {
    return await route(path, call);
  } catch (error) {
    if (error instanceof GrantRefusal)
      return {
        status: error.status,
        headers: error.isEarly ? { 'Cache-Control': 'no-store' } : UNCACHED,
        body: error.body,
      };
    if (!(error instanceof Refusal)) throw error;
    const { status, body, extra } = error;
    const headers = path === '/login' ? { 'Cache-Control': 'no-store', ...extra.headers } : extra.headers;
    if (isForPage(path, call.request)) return { ...page(status, error.message, ''), headers };
    return { status, headers, body };
  }
}

/** Sign-in links are for people, so their errors are pages unless a program asks for JSON. */
function isForPage(path: string, { headers: { accept = '' } }: IncomingMessage): boolean {
  if (path === '/login') return accept.includes('text/html') || !accept.includes('application/json');
  return !path.startsWith('/api/') && accept.includes('text/html') && !accept.includes('application/json');
}

const UNCACHED = { 'Cache-Control': 'no-store', Pragma: 'no-cache' };

async function route(path: string, call: Call): Promise<Reply> {
  const { world, url, request, query, body } = call;
  const { method = 'GET', headers } = request;
  if (method === 'POST' && isTokenPath(path))
    return { status: 200, headers: UNCACHED, body: await grant(world, url, new URLSearchParams(body)) };
  const api = /^\/api\/(2(?:\.1){0,2})\/(.*)$/.exec(path);
  if (api) return answerApi(api[1]!, api[2]!, call);
  switch (`${method} ${path}`) {
    case 'HEAD /login':
      return { status: 200, headers: { 'Cache-Control': 'no-store' } };
    case 'GET /login':
      return redeem(world, { headers, query });
    case 'POST /login':
      requireSameOrigin(url, headers);
      return redeem(world, { headers, query, answer: fieldsOf(request, body).get('answer') ?? 'open' });
    case 'GET /session':
      return showSession(world, headers);
    case 'POST /logout':
      return logout(world, url, headers);
    case 'GET /health':
      return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: { status: 'ok' } };
    default:
      throw new Refusal('not_found', 'There is nothing at this path.');
  }
}

async function answerApi(version: string, path: string, call: Call): Promise<Reply> {
  const { world, request, body } = call;
  const segments = path.split('/').map(decodeURIComponent);
  const [first, ...rest] = segments;
  if (first === 'access' && request.method === 'GET') return answerAccess(version, rest, call);
  const caller = requireCaller(world, request);
  const wanted = `${request.method} ${first}${first === 'group' ? `/${segments[2]}` : ''}`;
  switch (wanted) {
    case 'GET user':
      return { status: 200, body: readUser(world, caller, rest.length === 0 ? 'self' : rest.join('$')) };
    case 'POST users':
      return { status: 200, body: createUser(world, caller, fieldsOf(request, body)) };
    case 'PUT group/members':
      return { status: 200, body: addMember(world, caller, rest[0]!, rest.slice(2).join('$')) };
    case 'DELETE group/members':
      return { status: 200, body: removeMember(world, caller, rest[0]!, rest.slice(2).join('$')) };
    default:
      // No error of the contract, so that nobody takes it for an answer of the service.
      return {
        status: 501,
        body: { id: 'not_emulated', description: `The emulator does not have ${request.method} ${path}.` },
      };
  }
}

/** The access call, by the rules of docs/api.md, section 4.2. */
async function answerAccess(version: string, reference: string[], call: Call): Promise<Reply> {
  const { world, url, request, query } = call;
  const guide = `<${url}/guides/service-accounts>`;
  const headers: Record<string, string> = {
    Deprecation: DEPRECATED_SINCE,
    Link: `${guide}; rel="deprecation"; type="text/html", ${guide}; rel="successor-version"; type="text/html"`,
  };
  try {
    const caller = requireCaller(world, request);
    if (reference.join('') !== '') headers['Cache-Control'] = 'no-store';
    const user = requireReference(world, caller, reference);
    const rule = user && world.refused.get(user.id);
    if (rule !== undefined && rule <= 3) throw RULES[rule]();
    const options = readOptions(caller, url, query);
    const { token, url: link, expires } = await issue(world, url, caller, user, options);
    const body = version === '2' ? { token } : { token, url: link, expires: toIso(expires) };
    return { status: 200, headers, body };
  } catch (error) {
    if (error instanceof Refusal) Object.assign(error.extra, { headers: { ...error.extra.headers, ...headers } });
    throw error;
  }
}

function requireReference(world: World, caller: Caller, [first = '', ...rest]: string[]): Account | undefined {
  if (rest.length === 0) return findNamed(world, caller, first);
  return world.find(thirdPartyReference(first, rest.join('/')));
}

/** @throws Refusal `not_authenticated` */
function requireCaller(world: World, { headers: { authorization = '' } }: IncomingMessage): Caller {
  const token = /^(?:Bearer|OAuth) (\S+)$/i.exec(authorization)?.[1];
  if (!token)
    throw new Refusal('not_authenticated', undefined, { headers: { 'WWW-Authenticate': 'Bearer realm="latchkey"' } });
  const found = world.accessTokens.get(token);
  if (!found) throw invalidAccessToken('The access token is not valid.');
  if (found.expiresAt <= world.now()) throw invalidAccessToken('The access token has expired.');
  const { account } = found.caller;
  if (account.status !== 'ACTIVE' || !world.accounts.has(account.id)) throw invalidAccessToken(REVOKED);
  return found.caller;
}

/** A form, or the same fields as JSON. */
function fieldsOf({ headers }: IncomingMessage, body: string): Map<string, string> {
  if (!headers['content-type']?.startsWith('application/json')) return new Map(new URLSearchParams(body));
  try {
    return new Map(Object.entries(JSON.parse(body || '{}') as object).map(([name, value]) => [name, String(value)]));
  } catch {
    throw new Refusal('invalid_request');
  }
}

/** The failure that was ordered for this request. */
function takeFailure({ failures }: World, path: string): Failure | undefined {
  const failure = failures.find((one) => path.startsWith(one.path));
  if (failure && --failure.times <= 0) failures.splice(failures.indexOf(failure), 1);
  return failure;
}

function fail(response: ServerResponse, { status, retryAfter }: Failure, path: string): void {
  if (status === undefined) return void response.destroy();
  const refusal = new Refusal(status === 429 ? 'too_many_requests' : status === 503 ? 'unavailable' : 'internal_error');
  const seconds = retryAfter ?? (status === 429 ? 60 : 2);
  const isGrant = isTokenPath(path);
  send(response, {
    status,
    headers: status === 500 ? {} : { 'Retry-After': String(seconds) },
    body: isGrant ? new GrantRefusal(refusal.id, refusal.message).body : refusal.body,
  });
}

function send(response: ServerResponse, { status, headers = {}, body, html }: Reply): void {
  const type = html === undefined ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8';
  const content = html ?? (body === undefined ? undefined : JSON.stringify(body));
  response.writeHead(status, {
    'X-Request-Id': randomUUID(),
    ...(content === undefined ? {} : { 'Content-Type': type }),
    ...headers,
  });
  response.end(content);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size <= LONGEST_BODY) parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString();
}
