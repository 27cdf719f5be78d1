import { useSearchParams } from 'wouter';

/**
 * What a list shows, which is all in the address: so a reload, the Back button, a copied link and a new sign-in bring it
 * back. `prefix` tells several lists of one page apart.
 */
export interface ListState {
  query: string;
  /** The cursor after which the page begins; `undefined` on the first page. */
  from: string | undefined;
  /** Whether the list begins at Z. */
  isBackwards: boolean;
  /** Searches from the first page on. The search that is being typed takes the place of the one before. */
  search: (query: string) => void;
  /** The address with another page of the list. */
  pageAt: (cursor: string | undefined) => string;
  /** Turns the order round, from the first page on. */
  turn: () => void;
}

const BACKWARDS = '-name';

/** Reads what a list shows from the parameters of the address. */
export function readListState(params: URLSearchParams, prefix = ''): Pick<ListState, 'query' | 'from' | 'isBackwards'> {
  return {
    query: params.get(`${prefix}query`) ?? '',
    from: params.get(`${prefix}from`) ?? undefined,
    isBackwards: params.get(`${prefix}sort`) === BACKWARDS,
  };
}

export function useListState(prefix = ''): ListState {
  const [params, setParams] = useSearchParams();
  const [query, from, sort] = [`${prefix}query`, `${prefix}from`, `${prefix}sort`];
  const shown = readListState(params, prefix);
  const { isBackwards } = shown;
  return {
    ...shown,
    search: (text) =>
      setParams(
        (before) =>
          changed(before, {
            [query]: text,
            [from]: undefined,
            // All that match are others now. What was selected one by one stays selected.
            ...(before.get(`${prefix}selected`) === ALL && unselected(prefix)),
          }),
        { replace: true },
      ),
    pageAt: (cursor) => `?${changed(params, { [from]: cursor })}`,
    turn: () =>
      setParams((before) => changed(before, { [sort]: isBackwards ? undefined : BACKWARDS, [from]: undefined })),
  };
}

/** Which rows of a list are selected, which is in the address too. */
export interface SelectionState {
  /** Whether all rows are selected that match the search, but for `ids`. Otherwise only `ids` are. */
  isAll: boolean;
  ids: ReadonlySet<string>;
  has: (id: string) => boolean;
  select: (ids: string[], isSelected: boolean) => void;
  selectAll: () => void;
  clear: () => void;
}

/** An address with more would be too long for some proxies. */
export const MAX_SELECTED = 100;
const ALL = 'all';

export function useSelectionState(prefix = ''): SelectionState {
  const [params, setParams] = useSearchParams();
  const change = (changes: Record<string, string | undefined>): void =>
    setParams((before) => changed(before, changes), { replace: true });
  const isAll = params.get(`${prefix}selected`) === ALL;
  const name = `${prefix}${isAll ? 'except' : 'selected'}`;
  const ids = new Set((params.get(name) ?? '').split('.').filter((id) => id !== ''));
  return {
    isAll,
    ids,
    has: (id) => ids.has(id) !== isAll,
    select: (some, isSelected) => {
      const next = new Set(ids);
      for (const id of some)
        if (isSelected === isAll) next.delete(id);
        else if (next.size < MAX_SELECTED) next.add(id);
      change({ [name]: [...next].join('.') });
    },
    selectAll: () => change({ ...unselected(prefix), [`${prefix}selected`]: ALL }),
    clear: () => change(unselected(prefix)),
  };
}

function unselected(prefix: string): Record<string, undefined> {
  return { [`${prefix}selected`]: undefined, [`${prefix}except`]: undefined };
}

function changed(params: URLSearchParams, changes: Record<string, string | undefined>): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}
