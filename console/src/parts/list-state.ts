import { useSearchParams } from 'wouter';

/**
 * What a list shows, which is all in the address: so a reload, the Back button, a copied link and a new sign-in bring it
 * back. `prefix` tells several lists of one page apart.
 */
export interface ListState {
  query: string;
  /** The cursor after which the page begins; `undefined` on the first page. */
  from: string | undefined;
  /** Searches from the first page on. The search that is being typed takes the place of the one before. */
  search: (query: string) => void;
  /** The address with another page of the list. */
  pageAt: (cursor: string | undefined) => string;
}

export function useListState(prefix = ''): ListState {
  const [params, setParams] = useSearchParams();
  const [query, from] = [`${prefix}query`, `${prefix}from`];
  return {
    query: params.get(query) ?? '',
    from: params.get(from) ?? undefined,
    search: (text) => setParams((before) => changed(before, { [query]: text, [from]: undefined }), { replace: true }),
    pageAt: (cursor) => `?${changed(params, { [from]: cursor })}`,
  };
}

function changed(params: URLSearchParams, changes: Record<string, string | undefined>): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}
