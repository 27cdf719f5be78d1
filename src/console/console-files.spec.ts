import { expect, it } from '@jest/globals';
import { codingFor } from './console-files.js';

it.each([
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['GZIP;q=0.5, br;q=0', 'gzip'],
  ['br ; q=0.1', 'br'],
  ['gzip;q=0', 'identity'],
  ['brotli', 'identity'],
  ['', 'identity'],
  [undefined, 'identity'],
])('Accept-Encoding: %s gets %s', (accepted, coding) => {
  expect(codingFor(accepted)).toBe(coding);
});
