import { FlexRender, tableFeatures, useTable } from '@tanstack/react-table';
import { startTransition, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import style from './table.module.css';

const FEATURES = tableFeatures({});
/** The rows that the first table shows at once, which fill a window. Drawing all of them takes a while, so the others follow. */
const FIRST_ROWS = 12;
/** Whether a table has been shown. A later one has all rows at once: the Back button scrolls to where the visitor was. */
let isLater = false;

export interface Column<Row> {
  id: string;
  header: string;
  /** The first column names its row. */
  cell: (row: Row) => ReactNode;
  /** Whether the cells are buttons, which say themselves what they do. */
  isAction?: boolean;
}

interface TableProps<Row> {
  label: string;
  rows: Row[];
  columns: Column<Row>[];
  keyOf: (row: Row) => string;
  /** Stands before the first cell. */
  checkbox?: (key: string, row: Row) => ReactNode;
  /** The order of the rows by the first column. */
  sorting?: { isBackwards: boolean; turn: () => void };
}

/** A table. On a phone each row is a card, in which the cells have the names of their columns. */
export function Table<Row extends object>({
  label,
  rows,
  columns,
  keyOf,
  checkbox,
  sorting,
}: TableProps<Row>): ReactNode {
  const [isWhole, setIsWhole] = useState(isLater || rows.length <= FIRST_ROWS);
  useEffect(() => {
    isLater = true;
    startTransition(() => setIsWhole(true));
  }, []);
  const data = useMemo(() => (isWhole ? rows : rows.slice(0, FIRST_ROWS)), [rows, isWhole]);
  const table = useTable({
    features: FEATURES,
    data,
    columns: columns.map(({ id, header, cell }) => ({
      id,
      header,
      cell: ({ row }: { row: { original: Row } }) => cell(row.original),
    })),
    getRowId: keyOf,
  });
  const headerOf = (id: string): string | undefined =>
    columns.find((column) => column.id === id && !column.isAction)?.header;
  return (
    <table className={style.table} aria-label={label} aria-busy={!isWhole}>
      <thead>
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id}>
            {group.headers.map((header, index) =>
              sorting && index === 0 ? (
                <th key={header.id} scope="col" aria-sort={sorting.isBackwards ? 'descending' : 'ascending'}>
                  <button type="button" className={style.sort} onClick={sorting.turn}>
                    <FlexRender header={header} />
                  </button>
                </th>
              ) : (
                <th key={header.id} scope="col">
                  <FlexRender header={header} />
                </th>
              ),
            )}
          </tr>
        ))}
      </thead>
      <tbody>
        {table.getRowModel().rows.map((row) => (
          <tr key={row.id}>
            {row.getAllCells().map((cell, index) =>
              index === 0 ? (
                <th key={cell.id} scope="row">
                  {checkbox?.(row.id, row.original)}
                  <FlexRender cell={cell} />
                </th>
              ) : (
                <td key={cell.id} data-header={headerOf(cell.column.id)}>
                  <FlexRender cell={cell} />
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
