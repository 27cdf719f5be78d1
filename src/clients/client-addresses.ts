import { isOrigin } from '../common/origin.js';
import { DomainError } from '../common/errors/errors.js';
import { MAX_APPLICATION_URI } from '../schema/entities/client.entity.js';

const MAX_REDIRECT_URI = 1024;
const MAX_ORIGIN = 255;

/** Visible ASCII without fragments, wildcards and the backslash, which browsers read as a slash. */
const URL_TEXT = /^[\x21-\x22\x24-\x29\x2b-\x5b\x5d-\x7e]+$/;
/** Characters of a host name or an IP address. Others could have a meaning in a Content-Security-Policy. */
const HOST = /^([a-z\d_-]+(\.[a-z\d_-]+)*\.?|\[[\da-f:.]+\])$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
/** A private-use scheme from a reversed domain name (RFC 8252, section 7.1). Without a dot, it would not be unique. */
const PRIVATE_USE = /^[a-z][a-z\d+-]*(\.[a-z\d+-]+)+:/;

/** What decides which redirect URIs a client may have. */
export interface RedirectRules {
  isPublic: boolean;
  /** Hosts, beside loopback, that may receive codes over plain http. */
  httpHosts: readonly string[];
}

/** The lists of addresses to which a client has browsers sent. */
type UriList = 'redirectUris' | 'postLogoutRedirectUris';

/**
 * Checks redirect URIs, or the URIs after a logout. Allowed are https; http on loopback and on hosts that the operator has allowed; and private-use
 * schemes for public clients, which may be applications on a device. A URI must be written as browsers write it,
 * because it is compared character by character later.
 *
 * @throws DomainError `invalid_redirect_uri`
 */
export function requireLegalRedirectUris(uris: string[], rules: RedirectRules, field: UriList = 'redirectUris'): void {
  for (const uri of uris)
    if (!isLegalRedirectUri(uri, rules))
      throw invalid(
        'invalid_redirect_uri',
        field,
        `${JSON.stringify(uri)} is not a valid redirect URI. It must be an https URL; an http URL on localhost, 127.0.0.1 or [::1], or ` +
          'for a client with compatibility: drillster on a host in HTTP_REDIRECT_HOSTS; or for a public client a URI of ' +
          'a private-use scheme with a dot. It must be absolute and written as browsers write it, without fragment, user name or *.',
      );
  requireOneKind(uris, field);
}

/**
 * Checks that a client that has URIs of a private-use scheme has the others as native applications have them. @throws
 * DomainError `invalid_redirect_uri`
 */
export function requireOneKind(uris: string[], field: UriList): void {
  const isNative = uris.some((uri) => !/^https?:/.test(uri));
  // The engine accepts no other http(s) URIs for a native application.
  if (isNative && uris.some((uri) => /^https?:/.test(uri) && uri.startsWith('http:') !== isOnLoopback(uri)))
    throw invalid(
      'invalid_redirect_uri',
      field,
      'A client with a private-use scheme must use http on loopback and https everywhere else.',
    );
}

/**
 * Checks an address of an application: https, or http where a redirect URI may be http. @throws DomainError
 * `incorrect_field`
 */
export function requireLegalAddress(field: string, address: string, httpHosts: readonly string[]): void {
  if (!isLegalAddress(address, { isPublic: false, httpHosts }, MAX_APPLICATION_URI))
    throw invalid(
      'incorrect_field',
      field,
      `${field} must be an https URL of at most ${MAX_APPLICATION_URI} characters, or an http URL on localhost, 127.0.0.1 or [::1]. ` +
        'It must be absolute and written as browsers write it, without fragment, user name or *.',
    );
}

/**
 * Checks that origins are written as browsers write them: lower case, without a path or a default port. @throws
 * DomainError `invalid_origin`
 */
export function requireLegalOrigins(origins: string[]): void {
  for (const origin of origins)
    if (!isLegalOrigin(origin))
      throw invalid(
        'invalid_origin',
        'origins',
        `${JSON.stringify(origin)} is not an origin as browsers write it, such as https://learn.example.com.`,
      );
}

function isOnLoopback(uri: string): boolean {
  return LOOPBACK.has(new URL(uri).hostname);
}

export function isLegalRedirectUri(uri: string, rules: RedirectRules): boolean {
  return isLegalAddress(uri, rules, MAX_REDIRECT_URI);
}

function isLegalAddress(uri: string, { isPublic, httpHosts }: RedirectRules, maxLength: number): boolean {
  if (uri.length > maxLength || !URL_TEXT.test(uri) || !URL.canParse(uri)) return false;
  const { href, protocol, hostname, username, password } = new URL(uri);
  // Only a URL without a path may omit its slash.
  if ((href !== uri && href !== `${uri}/`) || username || password) return false;
  if (protocol === 'https:') return HOST.test(hostname);
  if (protocol === 'http:') return LOOPBACK.has(hostname) || httpHosts.includes(hostname);
  return isPublic && PRIVATE_USE.test(uri);
}

export function isLegalOrigin(origin: string): boolean {
  return origin.length <= MAX_ORIGIN && isOrigin(origin) && HOST.test(new URL(origin).hostname);
}

function invalid(
  id: 'invalid_redirect_uri' | 'invalid_origin' | 'incorrect_field',
  field: string,
  description: string,
): DomainError {
  return new DomainError(id, description, { members: { field } });
}
