import { isIP, isIPv6 } from 'node:net';

const GROUPS = 8;
/** What everybody shares whose address can't be read. */
const UNKNOWN = 'unknown';

/**
 * The address in what a proxy says of a client: some add a port (`192.0.2.7:5678`, `[2001:db8::1]:5678`), which is
 * another for each connection, some brackets or a zone (`fe80::1%eth0`). `null` if there is none.
 */
export function addressIn(text: string | undefined): string | null {
  const [, inBrackets, bare = text ?? ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(text ?? '') ?? [];
  const [address = ''] = (inBrackets ?? bare).split('%');
  return isIP(address) === 0 ? null : address;
}

/**
 * Whose an address is: whoever has one of IPv6 has the whole /64 (RFC 6177), and an IPv4 address is the same inside of an
 * IPv6 address. What is no address, as a proxy may say, is one network, so that nobody gets a limit of their own by it.
 */
export function networkOf(text: string | undefined): string {
  const address = addressIn(text);
  if (address === null) return UNKNOWN;
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address);
  return ipv4In(groups) ?? `${groups.slice(0, 4).join(':')}::/64`;
}

/** In lower case and without leading zeros. */
function groupsOf(address: string): string[] {
  const { hostname } = new URL(`http://[${address}]`);
  const [before = [], after = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after];
}

/** RFC 4291, section 2.5.5.2. */
function ipv4In(groups: string[]): string | null {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return null;
  return groups
    .slice(6)
    .map((group) => parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
