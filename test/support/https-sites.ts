import { Proxy } from './proxy.js';

/** For Chromium: names that end in `.test` are this machine. */
export const LOCAL_NAMES = '--host-resolver-rules=MAP *.test 127.0.0.1';

/**
 * Caddy with https for sites with names that end in `.test`: to which port of this machine each origin leads, or each of its paths.
 * `readyPort` is a free port that says when it is ready.
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
