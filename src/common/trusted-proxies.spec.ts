import { expect, it } from '@jest/globals';
import { isNetworkList, TrustedProxies } from './trusted-proxies.js';

it.each([
  { list: undefined, address: '127.0.0.1', trusted: false },
  { list: '', address: '127.0.0.1', trusted: false },
  { list: '127.0.0.1', address: '127.0.0.1', trusted: true },
  { list: '127.0.0.1', address: '127.0.0.2', trusted: false },
  // A server that listens on both IPv6 and IPv4 sees an IPv4 peer in this form.
  { list: '127.0.0.1', address: '::ffff:127.0.0.1', trusted: true },
  { list: '10.0.0.0/8, 192.168.1.5', address: '10.255.0.1', trusted: true },
  { list: '10.0.0.0/8, 192.168.1.5', address: '::ffff:10.255.0.1', trusted: true },
  { list: '10.0.0.0/8 192.168.1.5', address: '192.168.1.5', trusted: true },
  { list: '10.0.0.0/8,192.168.1.5', address: '192.168.1.6', trusted: false },
  { list: '::1', address: '::1', trusted: true },
  { list: '::1', address: '127.0.0.1', trusted: false },
  { list: 'fd00::/8', address: 'fd12::1', trusted: true },
  { list: '10.0.0.0/8', address: '10.0.0.1, 1.2.3.4', trusted: false },
  { list: '10.0.0.0/8', address: 'unknown', trusted: false },
  { list: '10.0.0.0/8', address: '', trusted: false },
  { list: '10.0.0.0/8', address: undefined, trusted: false },
])('of "$list", $address is trusted: $trusted', ({ list, address, trusted }) => {
  const proxies = new TrustedProxies(list);
  expect([proxies.includes(address), proxies.includes(address)]).toEqual([trusted, trusted]);
});

it.each(['nginx', '10.0.0', '10.0.0.0/33', '10.0.0.0/', '0.0.0.0/0', '::/0', 'fd00::/129', '10.0.0.1:80', '*', '1,x'])(
  'takes %s for no list of networks',
  (list) => {
    expect(isNetworkList(list)).toBe(false);
  },
);
