/** The base path of the API (docs/api.md, section 2.1). `/api/2` and `/api/2.1` lead to it too. */
export const API = 'api/2.1.1';

export type ApiVersion = '2' | '2.1' | '2.1.1';

const ALIAS = /^\/api\/(2(?:\.1)?)(?=[/?]|$)/;

/** The same URL under the base path that the routes are registered with. */
export function withoutAlias(url: string): string {
  return url.startsWith('/api/2') ? url.replace(ALIAS, `/${API}`) : url;
}

/** The version that a URL names, as the client wrote it; some answers differ between versions (docs/api.md, section 15.1). */
export function versionOf(url: string): ApiVersion {
  return (ALIAS.exec(url)?.[1] as '2' | '2.1' | undefined) ?? '2.1.1';
}
