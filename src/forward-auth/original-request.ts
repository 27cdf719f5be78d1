import type { IncomingHttpHeaders } from 'node:http';
import { DomainError } from '../common/errors/errors.js';

export const FORWARD_AUTH = '/forward-auth';

/**
 * What the proxy does with our answer. `as-it-is`: it passes everything but 200 on to the browser, as Traefik, Caddy and
 * Envoy do. `status-only`: it reads only the status, as nginx does. `page`: the browser gets the whole answer, which nginx
 * fetches after a 401.
 */
export type ProxyBehaviour = 'as-it-is' | 'status-only' | 'page';

/** The request of a browser for a protected site, as the proxy that received it says. */
export interface OriginalRequest {
  /** Scheme and host, as the proxy says: `https://learn.example.com`. */
  site: string;
  /** Path and query, letter by letter. */
  uri: string;
  method: string;
  proxyBehaviour: ProxyBehaviour;
}

/** Names of headers that applications behind CGI and its heirs can't tell from ours. */
const LOOK_ALIKE = /^x[^a-z\d]latchkey[^a-z\d]/;

/** A segment that leads to another directory, also for whoever decodes it first. */
const DOT_SEGMENT = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i;

/**
 * Reads what a proxy says about the request that it asks for. One of three ways to say it, and only one, because a
 * browser can add the headers of the others.
 *
 * @throws DomainError `not_authorized`, which every proxy takes for a refusal
 */
export function readOriginalRequest(method: string, url: string, headers: IncomingHttpHeaders): OriginalRequest {
  refuseLookAlikes(headers);
  const { 'x-forwarded-uri': uri, 'x-original-url': originalUrl } = headers;
  const below = pathBelow(url);
  if (count(below) + count(uri) + count(originalUrl) !== 1)
    throw unclear('Exactly one of X-Forwarded-Uri, X-Original-URL and a path below the prefix is needed');
  if (below !== undefined) return complete(headers, headers.host, below, method);
  const forwardedMethod = headers['x-forwarded-method'] ?? '';
  if (uri !== undefined) return complete(headers, headers['x-forwarded-host'], uri, forwardedMethod);
  const original = splitUrl(String(originalUrl));
  return url === `${FORWARD_AUTH}?page`
    ? { ...original, method: requireMethod(forwardedMethod), proxyBehaviour: 'page' }
    : // Not X-Forwarded-Method, which may be the browser's.
      { ...original, method, proxyBehaviour: 'status-only' };
}

/**
 * What Envoy appends: the path that it was asked for. A proxy that reads a path decoded and without dot segments takes
 * `/forward-auth/..%2flogin` for one of our own pages and passes it on as it is: that asks about nothing.
 */
function pathBelow(url: string): string | undefined {
  const [path] = url.split('?', 1) as [string];
  // Caddy adds the query of the original request.
  if (path === FORWARD_AUTH) return undefined;
  if (!path.startsWith(`${FORWARD_AUTH}/`) || DOT_SEGMENT.test(path.slice(FORWARD_AUTH.length)))
    throw unclear('The address is not one at which proxies ask');
  return url.slice(FORWARD_AUTH.length);
}

function splitUrl(url: string): Pick<OriginalRequest, 'site' | 'uri'> {
  const [, site, uri] = /^(https?:\/\/[^/?#]+)(\/.*)$/.exec(url) ?? [];
  if (!site || !uri) throw unclear('X-Original-URL has to be a whole URL');
  return { site, uri };
}

function complete(
  headers: IncomingHttpHeaders,
  host: string | string[] | undefined,
  uri: string | string[] | undefined,
  method: string | string[],
): OriginalRequest {
  const proto = headers['x-forwarded-proto'];
  // Traefik says so of a WebSocket.
  const scheme = proto === 'wss' ? 'https' : proto === 'ws' ? 'http' : proto;
  if (scheme !== 'https' && scheme !== 'http') throw unclear('X-Forwarded-Proto has to be https or http');
  if (typeof host !== 'string' || host === '') throw unclear('X-Forwarded-Host is needed');
  if (typeof uri !== 'string' || !uri.startsWith('/')) throw unclear('The path has to start with a slash');
  return { site: `${scheme}://${host}`, uri, method: requireMethod(method), proxyBehaviour: 'as-it-is' };
}

function requireMethod(method: string | string[]): string {
  if (typeof method !== 'string') throw unclear('X-Forwarded-Method is there twice');
  if (method === '') throw unclear('X-Forwarded-Method is needed');
  return method;
}

function count(way: unknown): number {
  return way === undefined ? 0 : 1;
}

/** A proxy that takes our headers over in one spelling would pass the other ones on. */
function refuseLookAlikes(headers: IncomingHttpHeaders): void {
  for (const name in headers)
    if (name.startsWith('latchkey', 2) && LOOK_ALIKE.test(name) && !/^[a-z\d-]+$/.test(name))
      throw new DomainError('not_authorized', `The header ${name} is not accepted.`);
}

function unclear(what: string): DomainError {
  return new DomainError(
    'not_authorized',
    `The proxy does not say clearly which request it asks about. ${what}; see docs/proxies.md.`,
  );
}

/** Headers that have some frameworks take another method for the request's. A browser sends none of them with a preflight. */
const METHOD_OVERRIDE = /^x[-_](?:http[-_])?method(?:[-_]override)?$/;

/** What a browser sends, without cookies, before a request of a page of another origin (Fetch, section 3.3.2). */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return (
    method === 'OPTIONS' &&
    Boolean(headers.origin && headers['access-control-request-method']) &&
    !Object.keys(headers).some((name) => METHOD_OVERRIDE.test(name))
  );
}

/** A host name or an address, perhaps with a port; nothing that would mean more in a URL. */
const SITE = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** The origin of a site as browsers write it; `null` for what can be none. */
export function originOf(site: string): string | null {
  return SITE.test(site) && URL.canParse(site) ? new URL(site).origin : null;
}
