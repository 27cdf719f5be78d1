import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { BROWSER_MAP, OS_MAP } from 'bowser';
import { deviceOf } from './device.js';

const SYSTEM = 'AppleWebKit/537.36 (KHTML, like Gecko)';

function longest(map: Record<string, string>): number {
  return Math.max(...Object.values(map).map((name) => name.length));
}

describe('deviceOf', () => {
  it.each([
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${SYSTEM} Chrome/126.0.0.0 Safari/537.36`, 'Chrome on Windows'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
      'Safari on iOS',
    ],
    [`Mozilla/5.0 (Linux; Android 14; Pixel 8) ${SYSTEM} Chrome/126.0.0.0 Mobile Safari/537.36`, 'Chrome on Android'],
  ])('names browser and system of %s', (userAgent, device) => {
    expect(deviceOf(userAgent)).toBe(device);
  });

  it.each([
    undefined,
    '',
    ' ',
    'curl/8.9.1',
    '<script>alert(1)</script>/1.0 x',
    'eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl/1 x',
    '\0',
  ])('makes nothing of %p', (userAgent) => {
    expect(deviceOf(userAgent)).toBeNull();
  });

  it('fits the column, whatever is sent, and takes no time for a long header', () => {
    expect(longest(BROWSER_MAP) + longest(OS_MAP) + ' on '.length).toBeLessThanOrEqual(64);
    const start = performance.now();
    for (const text of ['Mozilla/5.0 ('.repeat(2000), `${'a/'.repeat(8000)}x`, ' '.repeat(16_000)]) deviceOf(text);
    expect(performance.now() - start).toBeLessThan(200);
  });

  it('keeps no more of a header than it reads', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const heap = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let i = 0; i < 900; i++) deviceOf(Buffer.alloc(60_000, `Agent ${i} `).toString('latin1'));
    expect(heap() - before).toBeLessThan(10_000_000);
  });
});
