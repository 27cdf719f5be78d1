import { LatchkeyError } from '../api';

/** What became of one item. Without an error, it is done. */
export interface Outcome<Item> {
  item: Item;
  error?: LatchkeyError;
}

/** How work is divided into calls. */
interface Division {
  /** How many items one call takes. */
  size: number;
  /** How many calls wait for an answer at the same time. A browser has six connections. */
  atOnce: number;
}

/**
 * Does something to many items. What fails does not hinder the others. When it is stopped, the calls that have begun
 * are finished, so that each item has an outcome or was not touched.
 */
export async function runBulk<Item>(
  pages: AsyncIterable<Item[]>,
  { size, atOnce }: Division,
  work: (items: Item[]) => Promise<Outcome<Item>[]>,
  signal: AbortSignal,
  onOutcomes: (outcomes: Outcome<Item>[]) => void,
): Promise<void> {
  const calls = new Set<Promise<void>>();
  const begin = (items: Item[]): void => {
    const call = work(items)
      .catch((error: unknown) => items.map((item) => ({ item, error: asFault(error) })))
      .then(onOutcomes)
      .finally(() => calls.delete(call));
    calls.add(call);
  };
  try {
    for await (const page of pages)
      for (let start = 0; start < page.length; start += size) {
        if (calls.size >= atOnce) await Promise.race(calls);
        if (signal.aborted) return;
        begin(page.slice(start, start + size));
      }
  } finally {
    await Promise.all(calls);
  }
}

/** Does something to one item by a call of its own. */
export async function one<Item>(item: Item, call: (item: Item) => Promise<unknown>): Promise<Outcome<Item>[]> {
  await call(item);
  return [{ item }];
}

function asFault(error: unknown): LatchkeyError {
  return error instanceof LatchkeyError ? error : new LatchkeyError('internal_error', 0, null, String(error), {});
}
