import type { IncomingHttpHeaders } from 'node:http';
import { DomainError } from '../common/errors/errors.js';

export const FORWARD_AUTH = '/forward-auth';

/**
 * What the proxy does with our answer. `as-it-is`: it passes everything but 200 on to the browser, as Traefik, Caddy
 * and Envoy do. `status-only`: it reads only the status, as nginx does. `page`: nginx fetches the answer for the
 * browser after a 401.
 */
export type ProxyBehaviour = 'as-it-is' | 'status-only' | 'page';

/** The browser's request for a protected site, as the proxy describes it. */
export interface OriginalRequest {
  /** The scheme and host, as the proxy says: `https://learn.example.com`. */
  site: string;
  /** The path and query, unchanged. */
  uri: string;
  method: string;
  proxyBehaviour: ProxyBehaviour;
}

/** Header names that CGI and its successors can't tell from ours. */
const LOOK_ALIKE = /^x[^a-z\d]latchkey[^a-z\d]/;

/** A path segment that leads to another directory, also after decoding. */
const DOT_SEGMENT = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i;

/**
 * Reads how a proxy describes the original request. There are three ways, and exactly one must be used, because a
 * browser can add the headers of the others.
 *
 * @throws DomainError `not_authorized`, which every proxy treats as a refusal
 */
export function readOriginalRequest(method: string, url: string, headers: IncomingHttpHeaders): OriginalRequest {
  refuseLookAlikes(headers);
  const { 'x-forwarded-uri': uri, 'x-original-url': originalUrl } = headers;
  const below = pathBelow(url);
  if (count(below) + count(uri) + count(originalUrl) !== 1)
    throw unclear('It must send exactly one of X-Forwarded-Uri, X-Original-URL and a path below the prefix');
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
 * The original path that Envoy appends. A proxy that decodes paths and resolves dot segments would take
 * `/forward-auth/..%2flogin` for one of our own pages and pass it on unchanged, so such a path is refused.
 */
function pathBelow(url: string): string | undefined {
  const [path] = url.split('?', 1) as [string];
  // Caddy adds the original request's query.
  if (path === FORWARD_AUTH) return undefined;
  if (!path.startsWith(`${FORWARD_AUTH}/`) || DOT_SEGMENT.test(path.slice(FORWARD_AUTH.length)))
    throw unclear('It must ask at /forward-auth, or below it without dot segments');
  return url.slice(FORWARD_AUTH.length);
}

function splitUrl(url: string): Pick<OriginalRequest, 'site' | 'uri'> {
  const [, site, uri] = /^(https?:\/\/[^/?#]+)(\/.*)$/.exec(url) ?? [];
  if (!site || !uri) throw unclear('X-Original-URL must be an absolute URL');
  return { site, uri };
}

function complete(
  headers: IncomingHttpHeaders,
  host: string | string[] | undefined,
  uri: string | string[] | undefined,
  method: string | string[],
): OriginalRequest {
  const proto = headers['x-forwarded-proto'];
  // Traefik sends these for a WebSocket.
  const scheme = proto === 'wss' ? 'https' : proto === 'ws' ? 'http' : proto;
  if (scheme !== 'https' && scheme !== 'http') throw unclear('X-Forwarded-Proto must be https or http');
  if (typeof host !== 'string' || host === '') throw unclear('X-Forwarded-Host is needed');
  if (typeof uri !== 'string' || !uri.startsWith('/')) throw unclear('The path must start with a slash');
  return { site: `${scheme}://${host}`, uri, method: requireMethod(method), proxyBehaviour: 'as-it-is' };
}

function requireMethod(method: string | string[]): string {
  if (typeof method !== 'string') throw unclear('X-Forwarded-Method must not be repeated');
  if (method === '') throw unclear('X-Forwarded-Method is needed');
  return method;
}

function count(way: unknown): number {
  return way === undefined ? 0 : 1;
}

/**
 * Refuses headers that an application could take for ours: a proxy that replaces them in one spelling would pass other
 * spellings on.
 */
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

/**
 * Headers that make some frameworks use another method, without their separators, which CGI and its successors can't
 * tell apart. A browser sends none of them with a preflight.
 */
const METHOD_OVERRIDE = /^(?:x(?:http)?method|x?(?:http)?methodoverride)$/;

/**
 * Whether a request is a preflight: browsers send it without cookies before a request from a page of another origin
 * (Fetch, section 3.3.2).
 */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return (
    method === 'OPTIONS' &&
    Boolean(headers.origin && headers['access-control-request-method']) &&
    !Object.keys(headers).some((name) => METHOD_OVERRIDE.test(name.replace(/[^a-z\d]/g, '')))
  );
}

/** A host name or an address, with an optional port and nothing else. */
const SITE = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** The origin of a site as browsers write it, or `null` if it is not valid. */
export function originOf(site: string): string | null {
  return SITE.test(site) && URL.canParse(site) ? new URL(site).origin : null;
}
