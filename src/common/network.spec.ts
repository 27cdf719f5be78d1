import { expect, it } from '@jest/globals';
import { networkOf } from './network.js';

it.each([
  { of: 'an IPv4 address', address: '192.0.2.7', network: '192.0.2.7' },
  { of: 'an IPv4 address in an IPv6 address', address: '::ffff:192.0.2.7', network: '192.0.2.7' },
  { of: 'the same in hexadecimal', address: '0:0:0:0:0:FFFF:c000:207', network: '192.0.2.7' },
  { of: 'an IPv6 address', address: '2001:db8:1:2:3:4:5:6', network: '2001:db8:1:2::/64' },
  { of: 'another in the same network', address: '2001:DB8:1:2:ffff::', network: '2001:db8:1:2::/64' },
  { of: 'the first in the network', address: '2001:0db8:0001:0002::', network: '2001:db8:1:2::/64' },
  { of: 'one that begins with zeros', address: '::1', network: '0:0:0:0::/64' },
  { of: 'one with a zone', address: 'fe80::1%eth0', network: 'fe80:0:0:0::/64' },
  { of: 'one that only ends like an IPv4 address', address: '64:ff9b::192.0.2.7', network: '64:ff9b:0:0::/64' },
  { of: 'an IPv4 address with a port', address: '192.0.2.7:5678', network: '192.0.2.7' },
  { of: 'an IPv4 address in brackets', address: '[192.0.2.7]:80', network: '192.0.2.7' },
  { of: 'an IPv6 address in brackets', address: '[2001:db8:1:2::7]', network: '2001:db8:1:2::/64' },
  { of: 'an IPv6 address in brackets with a port', address: '[2001:db8:1:2::7]:5678', network: '2001:db8:1:2::/64' },
  { of: 'one with a zone and a port', address: '[fe80::1%eth0]:80', network: 'fe80:0:0:0::/64' },
  { of: 'an IPv4 address in an IPv6 address with a port', address: '[::ffff:192.0.2.7]:80', network: '192.0.2.7' },
  ...['192.0.2', '', 'unknown', '_hidden', 'x'.repeat(1000), '192.0.2.7:', '192.0.2.7:x', '192.0.2.7:123456'].map(
    (address) => ({ of: `what is no address (${address.slice(0, 20)})`, address, network: 'unknown' }),
  ),
  ...['[::1', '::1]', '[::1]80', '[[::1]]', '999.0.0.1:80', '%eth0'].map((address) => ({
    of: `what is no address (${address})`,
    address,
    network: 'unknown',
  })),
])('$of is of $network', ({ address, network }) => {
  expect(networkOf(address)).toBe(network);
});
