import type { IncomingHttpHeaders } from 'node:http';
import { DomainError } from '../common/errors/errors.js';

export const FORWARD_AUTH = '/forward-auth';

/**
 * What becomes of an answer. `as-it-is`: the proxy passes everything but 200 on to the browser, as Traefik, Caddy and
 * Envoy do. `status-only`: it takes nothing but the status, as nginx does. `page`: the browser sees it in any case, which
 * is where nginx goes after a 401.
 */
export type Delivery = 'as-it-is' | 'status-only' | 'page';

/** The request of a browser for a protected site, as the proxy that received it says. */
export interface OriginalRequest {
  /** Scheme and host, as the proxy says: `https://learn.example.com`. */
  site: string;
  /** Path and query, letter by letter. */
  uri: string;
  /** `undefined` where the proxy does not say and nothing depends on it. */
  method: string | undefined;
  delivery: Delivery;
}

/** Names of headers that applications behind CGI and its heirs can't tell from ours. */
const LOOK_ALIKE = /^x[^a-z\d]latchkey[^a-z\d]/;

/**
 * Reads what a proxy says about the request that it asks for. One of four ways to say it, and only one, because a
 * browser can add the headers of the others.
 *
 * @throws DomainError `not_authorized`, which every proxy takes for a refusal
 */
export function readOriginalRequest(method: string, url: string, headers: IncomingHttpHeaders): OriginalRequest {
  refuseLookAlikes(headers);
  const { 'x-forwarded-uri': uri, 'x-original-url': originalUrl, 'x-original-uri': originalUri } = headers;
  // Envoy appends the path that it was asked for.
  const below = url.startsWith(`${FORWARD_AUTH}/`) ? url.slice(FORWARD_AUTH.length) : undefined;
  if (count(below) + count(uri) + count(originalUrl) + count(originalUri) !== 1)
    throw unclear(
      'Exactly one of X-Forwarded-Uri, X-Original-URL, X-Original-URI and a path below the prefix is needed',
    );
  if (below !== undefined) return complete(headers, headers.host, below, method, 'as-it-is');
  if (originalUrl !== undefined) return fromUrl(String(originalUrl));
  const host = headers['x-forwarded-host'];
  if (originalUri !== undefined) return complete(headers, host, originalUri, undefined, 'status-only');
  const delivery = url === `${FORWARD_AUTH}?page` ? 'page' : 'as-it-is';
  return complete(headers, host, uri, headers['x-forwarded-method'] ?? '', delivery);
}

function fromUrl(url: string): OriginalRequest {
  const [, site, uri] = /^(https?:\/\/[^/?#]+)(\/.*)$/.exec(url) ?? [];
  if (!site || !uri) throw unclear('X-Original-URL has to be a whole URL');
  return { site, uri, method: undefined, delivery: 'status-only' };
}

function complete(
  headers: IncomingHttpHeaders,
  host: string | string[] | undefined,
  uri: string | string[] | undefined,
  method: string | string[] | undefined,
  delivery: Delivery,
): OriginalRequest {
  const proto = headers['x-forwarded-proto'];
  // Traefik says so of a WebSocket.
  const scheme = proto === 'wss' ? 'https' : proto === 'ws' ? 'http' : proto;
  if (scheme !== 'https' && scheme !== 'http') throw unclear('X-Forwarded-Proto has to be https or http');
  if (typeof host !== 'string' || host === '') throw unclear('X-Forwarded-Host is needed');
  if (typeof uri !== 'string' || !uri.startsWith('/')) throw unclear('The path has to start with a slash');
  if (typeof method !== 'string' && method !== undefined) throw unclear('X-Forwarded-Method is there twice');
  if (method === '') throw unclear('X-Forwarded-Method is needed');
  return { site: `${scheme}://${host}`, uri, method, delivery };
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

/** A host name or an address, perhaps with a port; nothing that would mean more in a URL. */
const SITE = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** The origin of a site as browsers write it; `null` for what can be none. */
export function originOf(site: string): string | null {
  return SITE.test(site) && URL.canParse(site) ? new URL(site).origin : null;
}
