/** The base path of the API (API.md, section 1). `/api/2` and `/api/2.1` lead to it too. */
export const API = 'api/2.1.1';

const ALIAS = /^\/api\/2(?:\.1)?(?=[/?]|$)/;

/** The same URL under the base path that the routes are registered with. */
export function withoutAlias(url: string): string {
  return url.startsWith('/api/2') ? url.replace(ALIAS, `/${API}`) : url;
}
