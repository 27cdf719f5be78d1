import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { selfSigned } from '../support/certificate.js';
import { itProtects } from '../support/protected-site/it-protects.js';
import { OPEN_PATH } from '../support/protected-site/setup.js';
import type { Ports } from '../support/protected-site/setup.js';
import { Proxy } from '../support/proxy.js';
import { recipe } from '../support/recipe.js';

const SITE = /^ +http-request set-var\(txn\.latchkey_site\).*$/m;
let proxy: Proxy;

/** What is shipped, with the addresses and files of the test, and a line for each of two sites, and the recipe for an open path. */
async function start({ site, latchkey, application }: Ports): Promise<Proxy> {
  const configuration = readFileSync('deploy/proxies/haproxy/haproxy.cfg', 'utf8')
    .replace(/^(?=.* lua\.latchkey )/m, recipe('haproxy', OPEN_PATH))
    .replaceAll(' unless latchkey', ' unless latchkey or open')
    .replace(/^ +(user|group|chroot) .*\n/gm, '')
    .replace('log /dev/log local0', 'log stderr format raw local0')
    .replace('/etc/haproxy/latchkey.lua', 'latchkey.lua')
    .replace('/etc/haproxy/learn.example.com.pem', 'site.pem')
    .replace('bind :443', `bind 127.0.0.1:${site}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${latchkey}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${application}`)
    .replace(SITE, (line) =>
      ['localhost', '127.0.0.1']
        .map((host) =>
          line.replace('https://learn.example.com', `https://${host}:${site}`).replaceAll('learn.example.com', host),
        )
        .join('\n'),
    );
  const { certificate, key } = selfSigned();
  proxy = await Proxy.haproxy(configuration, `https://localhost:${site}/`, {
    'latchkey.lua': readFileSync('deploy/proxies/haproxy/latchkey.lua', 'utf8'),
    'site.pem': certificate + key,
  });
  return proxy;
}

describe('a site behind HAProxy, with deploy/proxies/haproxy', () => {
  itProtects(start);

  it('S19: has no token and no query in its log', () => {
    const lines = proxy.output.split('\n');
    expect(lines.some((line) => line.includes('"GET /course/1" 303'))).toBe(true);
    expect(lines.filter((line) => /[?&]|eyJ/.test(line))).toEqual([]);
  });
});
