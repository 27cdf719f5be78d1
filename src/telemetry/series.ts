import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Everything that this process counts. The address of the metrics answers it. */
export const registry = new Registry();

/** One series of a counter. Counting is one addition, so that the hot paths can afford it. */
export class Count {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** Takes values of one series of a histogram. */
export interface Observer {
  observe(value: number): void;
}

type Labels = Record<string, string>;

/**
 * A counter. `series` has the labels of each of its series by the name that the code uses, so no other label can come
 * up, and each series is there from the start.
 */
export function counter<Key extends string>(
  name: string,
  help: string,
  series: Record<Key, Labels>,
): Record<Key, Count> {
  const counts = mapValues(series, () => new Count());
  const all = Object.entries<Labels>(series).map(([key, labels]) => ({ labels, count: counts[key as Key] }));
  void new Counter({
    name,
    help,
    labelNames: Object.keys(all[0]!.labels),
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of all) this.inc(labels, count.value);
    },
  });
  return counts;
}

/** A histogram, as `counter`. */
export function histogram<Key extends string>(
  name: string,
  help: string,
  buckets: number[],
  series: Record<Key, Labels>,
): Record<Key, Observer> {
  const all = Object.values<Labels>(series);
  const made = new Histogram({ name, help, buckets, labelNames: Object.keys(all[0]!), registers: [registry] });
  return mapValues(series, (labels) => {
    made.zero(labels);
    return made.labels(labels);
  });
}

/** A gauge, as `counter`. */
export function gauge<Key extends string>(
  name: string,
  help: string,
  series: Record<Key, Labels>,
): Record<Key, Gauge.Internal<string>> {
  const all = Object.values<Labels>(series);
  const made = new Gauge({ name, help, labelNames: Object.keys(all[0]!), registers: [registry] });
  return mapValues(series, (labels) => {
    made.set(labels, 0);
    return made.labels(labels);
  });
}

/** The labels of series that differ in one label only, whose value is their name. */
export function by<const Key extends string>(label: string, keys: readonly Key[]): Record<Key, Labels> {
  return Object.fromEntries(keys.map((key): [Key, Labels] => [key, { [label]: key }])) as Record<Key, Labels>;
}

/** The only series of something without labels. */
export const ALONE = { all: {} };

function mapValues<Key extends string, T>(series: Record<Key, Labels>, make: (labels: Labels) => T): Record<Key, T> {
  return Object.fromEntries(Object.entries<Labels>(series).map(([key, labels]) => [key, make(labels)])) as Record<
    Key,
    T
  >;
}
