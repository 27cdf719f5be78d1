import { Proxy } from './proxy.js';

/** Makes Chromium resolve names that end in `.test` to this machine. */
export const LOCAL_NAMES = '--host-resolver-rules=MAP *.test 127.0.0.1';

/**
 * Starts Caddy with https for sites whose names end in `.test`. `sites` maps each origin, or each of its paths, to a
 * port of this machine. `readyPort` is a free port that shows when Caddy is ready.
 */
export function serveHttps(sites: Record<string, number | Record<string, number>>, readyPort: number): Promise<Proxy> {
  const blocks = Object.entries(sites).map(([origin, to]) => {
    const lines = Object.entries(typeof to === 'number' ? { '': to } : to).map(
      ([path, port]) => `  reverse_proxy ${path} 127.0.0.1:${port}`,
    );
    return `${origin} {\n  tls internal\n${lines.join('\n')}\n}\n`;
  });
  return Proxy.caddy(
    `{
  admin off
  auto_https disable_redirects
  skip_install_trust
}
http://127.0.0.1:${readyPort} {
  respond ready
}
${blocks.join('')}`,
    `http://127.0.0.1:${readyPort}`,
  );
}
