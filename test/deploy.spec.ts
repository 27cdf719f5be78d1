import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModulesContainer } from '@nestjs/core';
import { TestApp } from './support/app.js';

type Matcher = (path: string) => boolean;

/** Which paths each of the configurations sends to Latchkey, read from the file as the proxy would. */
const PROXIES: Record<string, () => Matcher> = {
  nginx: () => {
    const locations = regexes('deploy/proxies/nginx/site.conf', /location ~ (\S+) \{ include latchkey-proxy/g);
    const [raw] = regexes('deploy/proxies/nginx/latchkey-proxy.conf', /\$request_uri !~ "(.+)"\)/g);
    return (path) => locations.some((location) => location.test(path)) && raw!.test(path);
  },
  Caddy: () => {
    const [own] = regexes('deploy/proxies/caddy/Caddyfile', /vars_regexp \S+ `(.+)`/g);
    return (path) => own!.test(path);
  },
  HAProxy: () => {
    const own = regexes('deploy/proxies/haproxy/haproxy.cfg', /acl latchkey path_reg (\S+)/g);
    return (path) => own.some((regex) => regex.test(path));
  },
  Traefik: () => {
    const rules = [
      ...readFileSync('deploy/proxies/traefik/latchkey.yml', 'utf8').matchAll(/(Path|PathPrefix)\(`(.+?)`\)/g),
    ];
    return (path) => rules.some(([, kind, text]) => (kind === 'Path' ? path === text : path.startsWith(text!)));
  },
  Envoy: () => {
    const own = regexes('deploy/proxies/envoy/envoy.yaml', /regex: '(.+)'/g, (text) => `^${text}$`);
    return (path) => own.some((regex) => regex.test(path));
  },
};

function regexes(file: string, found: RegExp, write = (text: string): string => text): RegExp[] {
  return [...readFileSync(file, 'utf8').matchAll(found)].map(([, text]) => new RegExp(write(text!)));
}

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

/** Every path that a controller answers, with something for each parameter. */
async function ownPaths(): Promise<string[]> {
  const { body } = await t.call('/openapi.json');
  const api = new Set(Object.keys(body.paths).map((path) => path.replaceAll(/\{\w+\}/g, 'x')));
  return [...t.nest.get(ModulesContainer, { strict: false }).values()].flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => {
      const prototype = metatype!.prototype as Record<string, object>;
      return Object.getOwnPropertyNames(prototype)
        .filter((name) => name !== 'constructor' && Reflect.hasMetadata('path', prototype[name]!))
        .flatMap((name) =>
          pathsOf(metatype!).flatMap((base) => pathsOf(prototype[name]!).map((path) => join(base, path))),
        )
        .map((path) => (api.has(`/api/2.1.1${path}`) ? `/api/2.1.1${path}` : path));
    }),
  );
}

function pathsOf(decorated: object): string[] {
  return [Reflect.getMetadata('path', decorated) as string | string[]].flat();
}

function join(...parts: string[]): string {
  return `/${parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .join('/')}`.replaceAll(/:\w+/g, 'x');
}

/** What keeps a site closed, or a silent connection open, and takes too long or can't be run here: by the lines that say it. */
const LINES: { file: string; what: string; line: RegExp }[] = [
  { file: 'envoy/envoy.yaml', what: 'lets nobody pass while Latchkey is away', line: /^ +failure_mode_allow: false$/m },
  {
    file: 'envoy/envoy.yaml',
    what: 'refuses headers with underscores',
    line: /headers_with_underscores_action: REJECT_REQUEST/,
  },
  { file: 'envoy/envoy.yaml', what: 'takes forwarded headers from nobody', line: /^ +use_remote_address: true$/m },
  {
    file: 'envoy/envoy.yaml',
    what: 'shows Latchkey what looks like its headers',
    line: /\{ contains: latchkey, ignore_case: true \}/,
  },
  {
    file: 'envoy/envoy.yaml',
    what: 'passes the identity and the cookies on that Latchkey says',
    line: /allowed_upstream_headers:\s+patterns: \[\{ prefix: x-latchkey-, ignore_case: true \}, \{ exact: cookie, ignore_case: true \}\]/,
  },
  {
    file: 'traefik/latchkey.yml',
    what: 'passes the identity and the cookies on that Latchkey says',
    line: /authResponseHeaders:\s+- X-Latchkey-User\s+- X-Latchkey-Email\s+- X-Latchkey-Name\s+- X-Latchkey-Third-Party-Ids\s+- X-Latchkey-Actor\s+- X-Latchkey-Assertion\s+- Cookie\s/,
  },
  {
    file: 'traefik/latchkey.yml',
    what: 'asks about every request',
    line: /rule: Host\(`learn\.example\.com`\)\s.*\s.*\s+middlewares: \[latchkey\]/,
  },
  {
    file: 'envoy/envoy.yaml',
    what: 'shows Latchkey what makes a preflight',
    line: /\{ exact: origin \}\s+#.*\s+- \{ contains: method, ignore_case: true \}/,
  },
  {
    file: 'nginx/site.conf',
    what: 'lets a WebSocket or an event stream be silent for an hour',
    line: /^ +proxy_read_timeout 1h;\s+proxy_send_timeout 1h;$/m,
  },
  {
    file: 'haproxy/haproxy.cfg',
    what: 'lets a WebSocket or an event stream be silent for an hour',
    line: /^backend application\s+#.*\s+timeout server 1h\s+timeout tunnel 1h$/m,
  },
  {
    file: 'haproxy/haproxy.cfg',
    what: 'lets nobody pass whom the script has not let pass',
    line: /^ +http-request lua\.latchkey unless latchkey\n +http-request deny deny_status 503 unless latchkey or \{ var\(txn\.latchkey_passed\) -m bool \}$/m,
  },
  { file: 'caddy/Caddyfile', what: 'drops what looks like our headers', line: /^\t+request_header -\*latchkey\*$/m },
];

it.each(LINES)('$file $what', ({ file, line }) => {
  expect(readFileSync(`deploy/proxies/${file}`, 'utf8')).toMatch(line);
});

it('Traefik trusts nobody’s forwarded headers', () => {
  expect(readFileSync('deploy/proxies/traefik/latchkey.yml', 'utf8')).not.toMatch(/trustForwardHeader|insecure/);
});

describe.each(Object.keys(PROXIES))('the configuration of %s', (proxy) => {
  it('sends every page of ours to Latchkey, but the root and the icon, which are the application’s', async () => {
    const isOwn = PROXIES[proxy]!();
    const paths = await ownPaths();
    expect(paths.length).toBeGreaterThan(60);
    expect(paths.filter((path) => !isOwn(path))).toEqual(['/', '/favicon.ico']);
  });

  it.each([
    '/',
    '/forward-auth',
    '/forward-auth/x',
    '/loginx',
    '/api/3/x',
    '/api/2/drill/x',
    '/api/2.1/repertoire',
    '/api/2.1.1/store?query=x',
    '/api/2.1.1',
    '/course/login',
    '/sessions',
    '/docsx',
  ])('sends %s to the application', (path) => {
    expect(PROXIES[proxy]!()(path)).toBe(false);
  });
});
