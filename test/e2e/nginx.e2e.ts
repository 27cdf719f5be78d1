import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import { EchoApplication, headerOf } from '../support/echo-application.js';
import { freePort } from '../support/free-port.js';
import { itProtects } from '../support/protected-site.js';
import type { Ports } from '../support/protected-site.js';
import { Proxy } from '../support/proxy.js';
import { raw } from '../support/raw.js';

const SHIPPED = 'deploy/nginx';
const directory = mkdtempSync(join(tmpdir(), 'latchkey-site-'));
const log = join(directory, 'access.log');

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What is shipped, with the addresses and files of the test: one server for each of two sites. */
function start({ site, latchkey, application }: Ports, change = (server: string) => server): Promise<Proxy> {
  const [certificate, key] = [join(directory, 'site.pem'), join(directory, 'site.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files], {
    stdio: 'ignore',
  });
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
    change(server!)
      .replace('https://learn.example.com', `https://${host}:${site}`)
      .replaceAll('learn.example.com', host),
  );
  return Proxy.nginx([common, ...servers].join(''), `https://localhost:${site}/`, included);
}

describe('a site behind nginx, with deploy/nginx', () => {
  itProtects(start);

  it('S19: has no token and no query in its access log', () => {
    const lines = readFileSync(log, 'utf8').split('\n');
    expect(lines.some((line) => line.includes('"GET /course/1" 303'))).toBe(true);
    expect(lines.filter((line) => /[?&]|eyJ/.test(line))).toEqual([]);
  });
});

/** The recipes of the document, put into the server that is shipped. */
function withRecipes(server: string): string {
  const [preflight, open] = [...readFileSync('docs/proxies.md', 'utf8').matchAll(/^```nginx\n([^]*?)^```$/gm)].map(
    ([, text]) => text!,
  );
  const [inside, beside] = preflight!.split(/^}$/m);
  const lines = inside!.split('\n').filter((line) => /^  (error_page|if)/.test(line));
  return server
    .replace('include latchkey-protect.conf;', (include) => [...lines, include].join('\n'))
    .replace(/\}\s*$/, `${beside}}\n${open}}\n`);
}

describe('the recipes for nginx in docs/proxies.md', () => {
  let t: TestApp;
  let application: EchoApplication;
  let proxy: Proxy;
  let site: string;

  beforeAll(async () => {
    const [port, latchkey] = [await freePort(), await freePort()];
    site = `https://localhost:${port}`;
    t = await TestApp.start({ PUBLIC_URL: site, TRUSTED_PROXIES: '127.0.0.1' }, latchkey);
    application = await EchoApplication.start();
    proxy = await start({ site: port, latchkey, application: application.port }, withRecipes);
  });
  afterAll(async () => {
    await proxy?.stop();
    await application?.stop();
    await t?.stop();
  });

  it.each([
    { what: 'a preflight', method: 'OPTIONS', path: '/api/things' },
    { what: 'a form of another site', method: 'POST', path: '/payment/return' },
  ])('let $what pass to the application, and nothing that the browser says of itself', async ({ method, path }) => {
    const headers = { cookie: '__Host-latchkey=x', 'x-latchkey-user': 'admin', origin: 'https://other.example' };
    expect((await raw(site, path, { method, headers })).status).toBe(200);
    expect([application.last.method, application.last.url]).toEqual([method, path]);
    expect([headerOf(application.last, 'X-Latchkey-User'), headerOf(application.last, 'Cookie')]).toEqual(['', '']);
    expect((await raw(site, path === '/api/things' ? path : '/other', { headers })).status).toBe(401);
  });
});
