import type { Answer } from './app.js';
import { raw } from './raw.js';

/** A browser's request for a protected site. */
export interface SiteRequest {
  uri?: string;
  method?: string;
  site?: string;
  headers?: Record<string, string | string[]>;
}

/** Asks the service at `base` about a request. */
export type Ask = (base: string, request?: SiteRequest) => Promise<Answer>;

export const SITE = 'http://latchkey.test';

/**
 * The requests with which proxies ask whether a request may pass: headers, method and path as in their documentation.
 */
export const PROXIES = {
  /** `auth_request` with the subrequest of deploy/proxies/nginx. */
  nginx: (base, { uri = '/', method, site = SITE, headers } = {}) =>
    raw(base, '/forward-auth', {
      method: method === 'OPTIONS' ? method : 'GET',
      headers: { ...headers, 'x-original-url': `${site}${uri}` },
    }),
  /** The target of `error_page 401` in deploy/proxies/nginx. */
  nginxPage: (base, { uri = '/', method = 'GET', site = SITE, headers } = {}) =>
    raw(base, '/forward-auth?page', {
      headers: {
        ...headers,
        'x-original-url': `${site}${uri}`,
        'x-forwarded-method': method,
        'x-forwarded-for': '203.0.113.7',
      },
    }),
  haproxy: (base, request) => forwarded(base, '/forward-auth', request),
  traefik: (base, request) => forwarded(base, '/forward-auth', request, { 'x-forwarded-port': '80' }),
  /** Caddy keeps the original request's query. */
  caddy: (base, request) => forwarded(base, `/forward-auth${request?.uri?.match(/\?.*/)?.[0] ?? ''}`, request),
  /** `ext_authz` over HTTP with the `path_prefix` of deploy/proxies/envoy. */
  envoy: (base, { uri = '/', method = 'GET', site = SITE, headers } = {}) => {
    const { protocol, host } = new URL(site);
    return raw(base, `/forward-auth${uri}`, {
      method,
      headers: { ...headers, host, 'x-forwarded-proto': protocol.slice(0, -1), 'content-length': '0' },
    });
  },
} satisfies Record<string, Ask>;

function forwarded(
  base: string,
  path: string,
  { uri = '/', method = 'GET', site = SITE, headers }: SiteRequest = {},
  more: Record<string, string> = {},
): Promise<Answer> {
  const { protocol, host } = new URL(site);
  return raw(base, path, {
    headers: {
      ...headers,
      'x-forwarded-method': method,
      'x-forwarded-proto': protocol.slice(0, -1),
      'x-forwarded-host': host,
      'x-forwarded-uri': uri,
      'x-forwarded-for': '203.0.113.7',
      ...more,
    },
  });
}

/** Proxies that pass a refusal on unchanged. */
export const PASSING_ON = Object.entries({
  Traefik: PROXIES.traefik,
  Caddy: PROXIES.caddy,
  Envoy: PROXIES.envoy,
  HAProxy: PROXIES.haproxy,
  'nginx, after a 401,': PROXIES.nginxPage,
}).map(([proxy, ask]) => ({ proxy, ask }));

/** Proxies that let a request pass. */
export const LETTING_PASS = Object.entries({
  nginx: PROXIES.nginx,
  Traefik: PROXIES.traefik,
  Caddy: PROXIES.caddy,
  Envoy: PROXIES.envoy,
  HAProxy: PROXIES.haproxy,
}).map(([proxy, ask]) => ({ proxy, ask }));
