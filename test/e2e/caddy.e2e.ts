import { readFileSync } from 'node:fs';
import { describe } from '@jest/globals';
import { itProtects } from '../support/protected-site/it-protects.js';
import { OPEN_PATH } from '../support/protected-site/setup.js';
import type { Ports } from '../support/protected-site/setup.js';
import { Proxy } from '../support/proxy.js';
import { recipe } from '../support/recipe.js';

/** What is shipped, with the addresses of the test and the recipe for an open path. Caddy makes certificates for local names by itself. */
function start({ site, latchkey, application }: Ports): Promise<Proxy> {
  const caddyfile = readFileSync('deploy/proxies/caddy/Caddyfile', 'utf8')
    .replace(/\}\s*$/, `${recipe('caddy', OPEN_PATH)}}\n`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${latchkey}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${application}`)
    .replace(/^learn\.example\.com \{/m, `https://localhost:${site}, https://127.0.0.1:${site} {`);
  return Proxy.caddy(
    `{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n${caddyfile}`,
    `https://localhost:${site}/`,
  );
}

describe('a site behind Caddy, with deploy/proxies/caddy', () => {
  itProtects(start);
});
