import { lookup } from 'node:dns';
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Why somebody else's server gave no answer that is of use, for its administrator. */
export class RequestError extends Error {}

/** Whether a server with this address may be asked although the address is not public. */
export type IsAllowed = (address: string) => boolean;

/** Finds the addresses of a name. */
export type Resolve = (
  name: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

interface GuardedRequest {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** The time limit for the whole answer in milliseconds. */
  timeoutMs: number;
  /** The size limit of the answer's body in bytes. Without one, the body is not read. */
  maxBytes?: number;
  isAllowed: IsAllowed;
}

/**
 * Asks somebody else's server, whose address an organization has given. It follows no redirects, and connects only to
 * public addresses and to those that are allowed. The checked address is the one that it connects to, even if the name
 * resolves differently a moment later.
 *
 * @returns the body of an answer with one of `statuses`, as far as it was read
 * @throws RequestError
 */
export async function guardedRequest(url: string, statuses: number[], options: GuardedRequest): Promise<string> {
  const { method = 'GET', headers = {}, body, timeoutMs, maxBytes, isAllowed } = options;
  const { protocol } = new URL(url);
  requireAllowedAddress(url, isAllowed);
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await send(url, protocol === 'https:' ? requestHttps : requestHttp, body, {
      method,
      agent: false,
      signal,
      headers: { 'accept-encoding': 'identity', 'user-agent': 'Latchkey', ...headers },
      lookup: guardedLookup(isAllowed),
    });
    const text = await textOf(response, statuses, maxBytes);
    // Without a content length, an aborted answer looks complete.
    signal.throwIfAborted();
    return text;
  } catch (error) {
    throw signal.aborted && !(error instanceof RequestError) ? lateReason(timeoutMs) : reasonOf(error);
  }
}

/** Node connects to an IP address in a URL without a look-up, so it is checked here. @throws RequestError */
export function requireAllowedAddress(url: string, isAllowed: IsAllowed): void {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) requirePublic([host], isAllowed);
}

/** Finds the addresses of a name for a connection, which is made to no other, and refuses those that are not allowed. */
export function guardedLookup(isAllowed: IsAllowed, resolve: Resolve = lookup): LookupFunction {
  return (name, { all, ...rest }, callback) => {
    resolve(name, { ...rest, all: true }, (error, found) => {
      if (error) return callback(error, []);
      try {
        requirePublic(addressesOf(found), isAllowed);
      } catch (refusal) {
        return callback(refusal as Error, []);
      }
      const [first] = found;
      return all ? callback(null, found) : callback(null, first!.address, first!.family);
    });
  };
}

function send(
  url: string,
  request: typeof requestHttps,
  body: string | undefined,
  options: RequestOptions,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, options, resolve)
      .once('upgrade', ({ statusCode }, socket) => {
        // A protocol upgrade was not requested, and Node ends such a request without an error.
        socket.destroy();
        reject(new RequestError(`It answers with status ${statusCode}.`));
      })
      .once('error', reject)
      .end(body);
  });
}

async function textOf(response: IncomingMessage, statuses: number[], maxBytes?: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    if (!statuses.includes(response.statusCode!))
      throw new RequestError(`It answers with status ${response.statusCode}.`);
    if (maxBytes === undefined) return '';
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new RequestError(`It has more than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks).toString();
}

function addressesOf(found: LookupAddress[]): string[] {
  return found.map(({ address }) => address);
}

/** Requires every address to be public, so that it does not matter which of them answers. */
function requirePublic(addresses: string[], isAllowed: IsAllowed): void {
  if (!addresses.every((address) => isPublic(address) || isAllowed(address)))
    throw new RequestError('The site has no public address.');
}

/** The range of public IPv6 addresses, and the part of it that is reserved for benchmarks (RFC 4291, RFC 5180). */
const IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
const IPV6_BENCHMARKS = ipaddr.IPv6.parseCIDR('2001:2::/48');

/** Whether an address is public. An IPv4 address within an IPv6 address is judged by itself. */
export function isPublic(text: string): boolean {
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || (address.match(IPV6) && !address.match(IPV6_BENCHMARKS));
}

/** Why the answer did not come in time, for the administrator of the other server. */
export function lateReason(timeoutMs: number): RequestError {
  return new RequestError(`It does not answer within ${timeoutMs / 1000} seconds.`);
}

/** Why a request failed, for the administrator of the other server. */
export function reasonOf(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new RequestError(`It can't be reached: ${code ?? message}.`);
}
