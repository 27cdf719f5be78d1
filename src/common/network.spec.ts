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
  { of: 'what is no address', address: '192.0.2', network: '192.0.2' },
  { of: 'what is no address and long', address: 'x'.repeat(1000), network: 'x'.repeat(45) },
])('$of is of $network', ({ address, network }) => {
  expect(networkOf(address)).toBe(network);
});
