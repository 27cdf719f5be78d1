import { expect } from '@jest/globals';

/** The series of an instance with their values, as `name{label="value"}`. */
export type Metrics = Map<string, number>;

export async function readMetrics(url: string): Promise<Metrics> {
  const response = await fetch(url);
  const text = await response.text();
  expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The counters and histograms that `work` has changed, without sums and buckets, and by how much. */
export async function counted(url: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await readMetrics(url);
  await work();
  const after = await readMetrics(url);
  return Object.fromEntries(
    [...after]
      .filter(([name]) => /^latchkey_\w+_(total|count)(\{|$)/.test(name) && !/^latchkey_(statement|http)_/.test(name))
      .map(([name, value]) => [name, value - before.get(name)!] as const)
      .filter(([, more]) => more !== 0),
  );
}
