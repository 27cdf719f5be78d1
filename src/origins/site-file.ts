import { lookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The time limit of an attempt in milliseconds, and the size limit of an answer in bytes. */
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 4096;

/** Why a site's file could not be read, for the site's administrator. */
export class SiteFileError extends Error {}

/** Whether a server with this address may be asked although the address is not public. */
type IsAllowed = (address: string) => boolean;

/**
 * Reads a file of up to 4 KiB at `url` within 5 s. It follows no redirects, and connects only to public addresses and
 * to those that are allowed. The checked address is the one that it connects to, even if the name resolves differently
 * a moment later.
 *
 * @throws SiteFileError
 */
export async function readSiteFile(url: string, isAllowed: IsAllowed): Promise<string> {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  // Node connects to an IP address in a URL without a look-up.
  if (isIP(host)) requirePublic([host], isAllowed);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await send(url, protocol === 'https:' ? requestHttps : requestHttp, {
      agent: false,
      signal,
      headers: { accept: 'text/plain', 'accept-encoding': 'identity', 'user-agent': 'Latchkey' },
      lookup: (name, options, callback) => {
        lookup(name, { ...options, all: true }, (error, found) => {
          if (error) return callback(error, []);
          try {
            requirePublic(addressesOf(found), isAllowed);
          } catch (refusal) {
            return callback(refusal as Error, []);
          }
          const [first] = found;
          return options.all ? callback(null, found) : callback(null, first!.address, first!.family);
        });
      },
    });
    const text = await textOf(response);
    // Without a content length, an aborted answer looks complete.
    signal.throwIfAborted();
    return text;
  } catch (error) {
    throw reasonOf(error, signal);
  }
}

function send(url: string, request: typeof requestHttps, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, options, resolve)
      .once('upgrade', ({ statusCode }, socket) => {
        // A protocol upgrade was not requested, and Node ends such a request without an error.
        socket.destroy();
        reject(new SiteFileError(`It answers with status ${statusCode}.`));
      })
      .once('error', reject)
      .end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    if (response.statusCode !== 200) throw new SiteFileError(`It answers with status ${response.statusCode}.`);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BYTES) throw new SiteFileError(`It has more than ${MAX_BYTES} bytes.`);
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
    throw new SiteFileError('The site has no public address.');
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

function reasonOf(error: unknown, signal: AbortSignal): SiteFileError {
  if (error instanceof SiteFileError) return error;
  if (signal.aborted) return new SiteFileError(`It does not answer within ${TIMEOUT_MS / 1000} seconds.`);
  const { code, message } = error as NodeJS.ErrnoException;
  return new SiteFileError(`It can't be reached: ${code ?? message}.`);
}
