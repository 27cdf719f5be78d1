import { queryOptions } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import type { Schemas } from '../api';
import { readListState } from './list-state';
import type { ListState } from './list-state';

const PAGE_SIZE = 50;

export interface PageQuery {
  query?: string;
  /** Only of a list that has an order. A search has its own. */
  order?: 'name' | '-name';
  resultFrom?: string;
  resultSize: number;
}

export interface ListPage<Row> {
  rows: Row[];
  pagination: Schemas['Pagination'];
}

/** Where the rows of a list come from. */
export interface ListSource<Row> {
  /** The key of the list among the queries. The state of the list is added to it. */
  queryKey: readonly unknown[];
  load: (query: PageQuery) => Promise<ListPage<Row>>;
  /** Whether the API orders the list by name, which is its first column. */
  isOrdered?: boolean;
}

/** The order in which a list asks for its rows. */
export function orderOf(
  { isOrdered }: Pick<ListSource<unknown>, 'isOrdered'>,
  { query, isBackwards }: Pick<ListState, 'query' | 'isBackwards'>,
): PageQuery['order'] {
  return isOrdered && !query ? (isBackwards ? '-name' : 'name') : undefined;
}

/** Asks for the page of a list that a state shows. */
export function pageOptions<Row>(source: ListSource<Row>, state: Pick<ListState, 'query' | 'from' | 'isBackwards'>) {
  const { query, from } = state;
  const order = orderOf(source, state);
  return queryOptions({
    queryKey: [...source.queryKey, { query, from, order }],
    queryFn: () => source.load({ query: query || undefined, order, resultFrom: from, resultSize: PAGE_SIZE }),
  });
}

/** Asks for the rows before the page is drawn that shows them. A list without a prefix finds them. */
export function prefetchList<Row>(queries: QueryClient, source: ListSource<Row>): Promise<void> {
  return queries.prefetchQuery(pageOptions(source, readListState(new URLSearchParams(location.search))));
}
