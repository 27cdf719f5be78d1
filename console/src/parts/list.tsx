import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { useTexts } from '../language';
import { Failure } from './failure';
import { orderOf, pageOptions } from './list-source';
import type { ListPage, ListSource } from './list-source';
import { MAX_SELECTED, useListState, useSelectionState } from './list-state';
import type { SelectionState } from './list-state';
import { Table } from './table';
import type { Column } from './table';
import style from './list.module.css';

/** The largest page of the API. */
const MAX_PAGE_SIZE = 100;
/** Milliseconds after the last key before the list is searched. */
const TYPING_MS = 250;
/** The API counts what a search finds up to this number. */
const MAX_COUNTED = 1000;

/** Rows that somebody has selected, to do the same to all of them. */
export interface Selected<Row> {
  /** How many there are; of a search, up to 1000. */
  count: number;
  /** Reads them, page by page. A row that was selected on another page has only its key. */
  pages: () => AsyncGenerator<{ key: string; row?: Row }[]>;
  clear: () => void;
}

/** The same selection, of what is made of each row. */
export function mapSelected<Row, Other>(
  { pages, ...selected }: Selected<Row>,
  change: (row: Row) => Other,
): Selected<Other> {
  return {
    ...selected,
    pages: async function* () {
      for await (const page of pages()) yield page.map(({ key, row }) => ({ key, row: row && change(row) }));
    },
  };
}

interface Selection<Row> {
  /** The name of a row, for its checkbox. */
  nameOf: (row: Row) => string;
  /** The buttons for what is selected. */
  actions: (selected: Selected<Row>) => ReactNode;
}

interface ListProps<Row> extends ListSource<Row> {
  /** What the list shows, for screen readers. */
  label: string;
  columns: Column<Row>[];
  keyOf: (row: Row) => string;
  /** What it says when there is nothing to list. */
  empty: string;
  /** Tells several lists of one page apart in the address. */
  prefix?: string;
  /** Whether the API can search the list. */
  isSearchable?: boolean;
  /** Whether the API counts up to 1000 rows also without a search. */
  isTotalCapped?: boolean;
  /** Milliseconds after which it is read again, while it is shown. */
  refetchMs?: number;
  /** What can be done to several rows at once. */
  selection?: Selection<Row>;
}

/** A list that the API pages and searches: one page of it, the search, and the ways to the other pages. */
export function List<Row extends object>({
  label,
  queryKey,
  load,
  empty,
  prefix,
  isSearchable = true,
  isTotalCapped = false,
  refetchMs,
  isOrdered = false,
  selection,
  ...table
}: ListProps<Row>): ReactNode {
  const { t, count, number } = useTexts();
  const shown = useListState(prefix);
  const { query, from, isBackwards, search, pageAt, turn } = shown;
  const order = orderOf({ isOrdered }, shown);
  const state = useSelectionState(prefix);
  const [path] = useLocation();
  const { data, error, isPlaceholderData } = useQuery({
    ...pageOptions({ queryKey, load, isOrdered }, shown),
    placeholderData: keepPreviousData,
    refetchInterval: refetchMs,
  });
  return (
    <section aria-label={label}>
      {isSearchable && <Search label={t('searchIn', { list: label })} query={query} onSearch={search} />}
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t('loading')}</p>}
      {data && (
        <div aria-busy={isPlaceholderData} className={style.page}>
          <p role="status" className={style.total}>
            {data.pagination.total === 0
              ? query
                ? t('nothingFound')
                : empty
              : (query || isTotalCapped) && data.pagination.total >= MAX_COUNTED
                ? t('atLeast', { count: number(MAX_COUNTED) })
                : count('results', data.pagination.total)}
          </p>
          {selection && (data.rows.length > 0 || state.isAll || state.ids.size > 0) && (
            <SelectionBar
              state={state}
              keys={data.rows.map(table.keyOf)}
              total={data.pagination.total}
              isWhole={!from && !data.pagination.moreAvailable}
              actions={(count) =>
                selection.actions({
                  count,
                  pages: () =>
                    selectedPages(state, data.rows, table.keyOf, (after) =>
                      load({ ...after, query: query || undefined }),
                    ),
                  clear: state.clear,
                })
              }
            />
          )}
          {data.rows.length > 0 && (
            <Table
              label={label}
              rows={data.rows}
              {...table}
              checkbox={selection && checkboxOf(state, selection.nameOf)}
              sorting={order && { isBackwards, turn }}
            />
          )}
          <nav aria-label={t('pagesOf', { list: label })} className={style.pages}>
            {from && <Link href={path + pageAt(undefined)}>{t('firstPage')}</Link>}
            {data.pagination.moreAvailable && (
              <Link href={path + pageAt(data.pagination.lastOnPage)}>{t('nextPage')}</Link>
            )}
          </nav>
        </div>
      )}
    </section>
  );
}

function checkboxOf<Row>(state: SelectionState, nameOf: (row: Row) => string): (key: string, row: Row) => ReactNode {
  return (key, row) => <RowCheckbox id={key} name={nameOf(row)} state={state} />;
}

function RowCheckbox({ id, name, state }: { id: string; name: string; state: SelectionState }): ReactNode {
  const { t } = useTexts();
  return (
    <input
      type="checkbox"
      className={style.checkbox}
      aria-label={t('selectName', { name })}
      checked={state.has(id)}
      onChange={({ target }) => state.select([id], target.checked)}
    />
  );
}

interface SelectionBarProps {
  state: SelectionState;
  /** The rows of the page. */
  keys: string[];
  total: number;
  /** Whether the page has all rows. */
  isWhole: boolean;
  actions: (count: number) => ReactNode;
}

function SelectionBar({ state, keys, total, isWhole, actions }: SelectionBarProps): ReactNode {
  const { t, count } = useTexts();
  const { isAll, ids } = state;
  const selected = isAll ? Math.max(total - ids.size, 0) : ids.size;
  return (
    <div role="group" aria-label={t('selection')} className={style.selection}>
      <label>
        <input
          type="checkbox"
          checked={keys.length > 0 && keys.every(state.has)}
          onChange={({ target }) => state.select(keys, target.checked)}
        />
        {t('selectPage')}
      </label>
      {!isWhole && !isAll && (
        <button type="button" onClick={state.selectAll}>
          {t('selectAll')}
        </button>
      )}
      {(isAll || selected > 0) && (
        <button type="button" onClick={state.clear}>
          {t('selectNone')}
        </button>
      )}
      <p role="status">
        {selected > 0 && count('selected', selected)}{' '}
        {ids.size >= MAX_SELECTED && t('selectedMost', { count: MAX_SELECTED })}
      </p>
      {(isAll || selected > 0) && actions(selected)}
    </div>
  );
}

async function* selectedPages<Row>(
  { isAll, ids }: SelectionState,
  shown: Row[],
  keyOf: (row: Row) => string,
  load: (after: { resultFrom?: string; resultSize: number }) => Promise<ListPage<Row>>,
): AsyncGenerator<{ key: string; row?: Row }[]> {
  if (!isAll) {
    const rows = new Map(shown.map((row) => [keyOf(row), row]));
    yield [...ids].map((key) => ({ key, row: rows.get(key) }));
    return;
  }
  for (let resultFrom: string | undefined, isMore = true; isMore;) {
    const { rows, pagination } = await load({ resultFrom, resultSize: MAX_PAGE_SIZE });
    yield rows.map((row) => ({ key: keyOf(row), row })).filter(({ key }) => !ids.has(key));
    isMore = pagination.moreAvailable;
    resultFrom = pagination.lastOnPage;
  }
}

interface SearchProps {
  label: string;
  query: string;
  onSearch: (query: string) => void;
}

function Search({ label, query, onSearch }: SearchProps): ReactNode {
  const id = useId();
  const [text, setText] = useState(query);
  // The address can change without the field: by the Back button, or by a link.
  const [shown, setShown] = useState(query);
  if (shown !== query) {
    setShown(query);
    setText(query);
  }
  useEffect(() => {
    if (text.trim() === query) return undefined;
    const timer = setTimeout(() => onSearch(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <search className={style.search}>
      <label htmlFor={id}>{label}</label>
      <input id={id} type="search" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" />
    </search>
  );
}
