import { isIPv6 } from 'node:net';

/** Characters of an address at most: eight groups, or six and an IPv4 address. */
const MAX_LENGTH = 45;
const GROUPS = 8;

/**
 * Whose an address is: whoever has one of IPv6 has the whole /64 (RFC 6177), and an IPv4 address is the same inside of an
 * IPv6 address. What is no address, as a proxy may say, stands for itself.
 */
export function networkOf(address: string): string {
  const [unscoped = ''] = address.split('%');
  if (!isIPv6(unscoped)) return address.slice(0, MAX_LENGTH);
  const groups = groupsOf(unscoped);
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
