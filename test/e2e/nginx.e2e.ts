import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { selfSigned } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { itProtects } from '../support/protected-site/it-protects.js';
import { OPEN_PATH } from '../support/protected-site/setup.js';
import type { Ports } from '../support/protected-site/setup.js';
import { Proxy } from '../support/proxy.js';
import { raw } from '../support/raw.js';
import { recipe } from '../support/recipe.js';

const SHIPPED = 'deploy/proxies/nginx';
const directory = mkdtempSync(join(tmpdir(), 'latchkey-site-'));
const log = join(directory, 'access.log');

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What is shipped, with the addresses and files of the test, one server for each of two sites, and the recipe for an open path. */
function start({ site, latchkey, application }: Ports): Promise<Proxy> {
  const [certificate, key] = [join(directory, 'site.pem'), join(directory, 'site.key')];
  const signed = selfSigned();
  writeFileSync(certificate, signed.certificate);
  writeFileSync(key, signed.key);
  const replacements = {
    '127.0.0.1:3000': `127.0.0.1:${latchkey}`,
    '127.0.0.1:8080': `127.0.0.1:${application}`,
    'listen 443 ssl': `listen 127.0.0.1:${site} ssl`,
    '/etc/ssl/learn.example.com.pem': certificate,
    '/etc/ssl/learn.example.com.key': key,
    '/var/log/nginx/access.log': log,
  };
  const shipped = readdirSync(SHIPPED).map((name): [string, string] => [
    name,
    readFileSync(join(SHIPPED, name), 'utf8'),
  ]);
  const { 'site.conf': text, ...included } = Object.fromEntries(shipped);
  const http = Object.entries(replacements).reduce((some, [from, to]) => some.replaceAll(from, to), text!);
  const [common, server] = http.split(/^(?=server \{)/m);
  // A host that is neither gets the first one.
  const servers = ['127.0.0.1', 'localhost'].map((host) =>
    server!
      .replace(/\}\s*$/, `${recipe('nginx', OPEN_PATH)}}\n`)
      .replace('https://learn.example.com', `https://${host}:${site}`)
      .replaceAll('learn.example.com', host),
  );
  return Proxy.nginx([common, ...servers].join(''), `https://localhost:${site}/`, included);
}

describe('a site behind nginx, with deploy/proxies/nginx', () => {
  itProtects(start);

  it('S19: has no token and no query in its access log', () => {
    const lines = readFileSync(log, 'utf8').split('\n');
    expect(lines.some((line) => line.includes('"GET /course/1" 303'))).toBe(true);
    expect(lines.filter((line) => /[?&]|eyJ/.test(line))).toEqual([]);
  });
});

/** A CGI program that says whom it takes for the visitor. */
const WHO_AM_I = '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n%s" "$REMOTE_USER"\n';

describe('an application in Apache, or behind it, with nginx in front and the recipe in docs/proxies.md', () => {
  let apachePort: number;

  async function startBoth(ports: Ports): Promise<Pick<Proxy, 'stop'>> {
    apachePort = await freePort();
    const example = recipe('apache', 'REMOTE_USER')
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${apachePort}`)
      .replaceAll('127.0.0.1:8081', `127.0.0.1:${ports.application}`)
      .replace('  ProxyPass /', '  ScriptAlias /whoami whoami\n  ProxyPass /whoami !\n  ProxyPass /');
    const apache = await Proxy.apache(
      ['setenvif', 'proxy', 'proxy_http', 'alias', 'cgid'],
      `ScriptSock cgi.sock\n${example}`,
      `http://127.0.0.1:${apachePort}/whoami`,
      { whoami: WHO_AM_I },
    );
    const nginx = await start({ ...ports, application: apachePort });
    return { stop: async () => void (await Promise.all([nginx.stop(), apache.stop()])) };
  }

  itProtects(startBoth);

  it.each([
    ['X-Latchkey-User', 'anna'],
    ['X_Latchkey_User', ''],
    ['X-Latchkey.User', ''],
  ])('REMOTE_USER with the header %s is "%s"', async (name, user) => {
    const answer = await raw(`http://127.0.0.1:${apachePort}`, '/whoami', { headers: { [name]: 'anna' } });
    expect([answer.status, answer.text]).toEqual([200, user]);
  });
});
