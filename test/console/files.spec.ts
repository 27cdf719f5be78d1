import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

let t: TestApp;
let page: string;
let script: string;

beforeAll(async () => {
  t = await TestApp.start();
  page = (await t.call('/console')).text;
  script = /<script type="module" crossorigin src="([^"]+)">/.exec(page)![1]!;
});
afterAll(() => t.stop());

describe('the files of the console', () => {
  it('have one page for every address, which browsers ask for again', async () => {
    expect(page).toContain('<div id="root">');
    for (const path of [
      '/console',
      '/console/',
      '/console/groups',
      '/console/people/a%2Fb?query=x',
      '/console/assets',
    ]) {
      const { status, text, headers } = await t.call(path);
      expect({ path, status, text }).toEqual({ path, status: 200, text: page });
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(headers.get('cache-control')).toBe('no-cache');
    }
  });

  it('are kept for good if their names have a hash of what they contain', async () => {
    const { status, headers } = await t.call(script);
    expect(script).toMatch(/^\/console\/assets\/[\w-]+-[\w-]{8}\.js$/);
    expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it('are not found if there are none of that name, also outside of the folder', async () => {
    for (const name of ['none.js', '..%2f..%2fguides.json', 'index.html', '%00']) {
      const { status, text } = await t.call(`/console/assets/${name}`);
      expect({ name, status, isPage: text.includes('root') }).toEqual({
        name,
        status: name === '%00' ? 400 : 404,
        isPage: false,
      });
    }
  });

  it('have the policy of the console on every answer', async () => {
    for (const path of ['/console', '/console/groups', script, '/console/assets/none.js']) {
      const { headers } = await t.call(path);
      expect({ path, policy: headers.get('content-security-policy') }).toEqual({ path, policy: POLICY });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('contain no inline script and no inline style', () => {
    expect(page).not.toMatch(/<style|style=|<script(?! type="module" crossorigin src=)|javascript:|\son\w+=/i);
  });

  it('are sent compressed to those who accept that, and once', async () => {
    const plain = await raw('identity');
    expect([plain.coding, plain.vary]).toEqual([null, 'Accept-Encoding']);
    const gzip = await raw('gzip');
    expect([gzip.coding, gunzipSync(gzip.bytes).equals(plain.bytes)]).toEqual(['gzip', true]);
    const br = await raw('gzip, br');
    expect([br.coding, brotliDecompressSync(br.bytes).equals(plain.bytes)]).toEqual(['br', true]);
    const again = await t.call('/console', {
      headers: { 'if-none-match': (await t.call('/console')).headers.get('etag')! },
    });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('answer no other method', async () => {
    for (const path of ['/console', script]) {
      const { status, body, headers } = await t.call(path, { method: 'DELETE' });
      expect([status, body.id, headers.get('allow')]).toEqual([405, 'method_not_allowed', 'GET, HEAD']);
    }
  });
});

/** The script as it is sent. `fetch` would decompress it. */
async function raw(accepted: string): Promise<{ bytes: Buffer; coding: string | null; vary: string | null }> {
  const asked = request(t.url + script, { headers: { 'accept-encoding': accepted } }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const { 'content-encoding': coding = null, vary = null } = response.headers;
  return { bytes: Buffer.concat(await response.toArray()), coding, vary };
}
