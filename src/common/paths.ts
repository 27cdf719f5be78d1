/** The base path of the API (docs/api.md, section 2.1). `/api/2` and `/api/2.1` lead to it too. */
export const API = 'api/2.1.1';

export type ApiVersion = '2' | '2.1' | '2.1.1';

const ALIAS = /^\/api\/(2(?:\.1)?)(?=[/?]|$)/;

/** Rewrites a URL from one of the other base paths to the one that routes are registered under. */
export function withoutAlias(url: string): string {
  return url.startsWith('/api/2') ? url.replace(ALIAS, `/${API}`) : url;
}

/** The API version in the URL that the client requested. Some answers depend on it (docs/api.md, section 15.1). */
export function versionOf(url: string): ApiVersion {
  return (ALIAS.exec(url)?.[1] as '2' | '2.1' | undefined) ?? '2.1.1';
}
