import { isIP, isIPv6 } from 'node:net';

const GROUPS = 8;
/** The network that all unreadable addresses share. */
const UNKNOWN = 'unknown';

/**
 * Reads the client's address as a proxy reports it. Some proxies add a port (`192.0.2.7:5678`, `[2001:db8::1]:5678`),
 * which differs for each connection; some add brackets or a zone (`fe80::1%eth0`). Returns `null` if there is no
 * address.
 */
export function addressIn(text: string | undefined): string | null {
  const [, inBrackets, bare = text ?? ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(text ?? '') ?? [];
  const [address = ''] = (inBrackets ?? bare).split('%');
  return isIP(address) === 0 ? null : address;
}

/**
 * The network to which an address is attributed: a /64 for IPv6, since one subscriber has all of it (RFC 6177), and the
 * address itself for IPv4, also when it is mapped into IPv6. All texts that are not addresses share one network, so
 * that a made-up address does not get limits of its own.
 */
export function networkOf(text: string | undefined): string {
  const address = addressIn(text);
  if (address === null) return UNKNOWN;
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  return ipv4In(groups) ?? `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, in lower case and without leading zeros. */
function groupsOf(address: string): string[] {
  const { hostname } = new URL(`http://[${address}]`);
  const [before = [], after = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after];
}

/** The IPv4 address of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2). */
function ipv4In(groups: string[]): string | null {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return null;
  return groups
    .slice(6)
    .map((group) => parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
