import { expect, it } from '@jest/globals';
import { isPublic } from './guarded-request.js';

it.each(['8.8.8.8', '193.0.6.139', '2a00:1450:4001::1', '::ffff:8.8.8.8'])('%s is public', (address) => {
  expect(isPublic(address)).toBe(true);
});

it.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '192.0.0.8',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::a00:1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::a00:1',
  '2001::1',
  '2001:2::1',
  '2001:db8::1',
  '2002:a00:1::',
  '4000::1',
  'fc00::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
])('%s is not', (address) => {
  expect(isPublic(address)).toBe(false);
});
