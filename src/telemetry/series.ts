import { Counter, Gauge, Registry } from 'prom-client';
import type { Metric } from 'prom-client';

/** Everything that this process counts. The address of the metrics answers it. */
export const registry = new Registry();

/** One series of a counter. Counting is one addition, so that the hot paths can afford it. */
export class Count {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** One series of a gauge. Setting is one assignment. */
export class Level {
  value = 0;

  set(value: number): void {
    this.value = value;
  }
}

/**
 * One series of a histogram. Observing is two additions. prom-client would check the labels each time, which takes ten
 * times as long.
 */
export class Observer {
  private sum = 0;
  private readonly counts: number[];

  constructor(private readonly bounds: number[]) {
    this.counts = [...bounds, Infinity].map(() => 0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (value > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }

  /** As Prometheus reads it: each bucket also counts what is in those before. */
  valuesFor(name: string, labels: Labels): object[] {
    let count = 0;
    const buckets = [...this.bounds, '+Inf'].map((le, bucket) => {
      count += this.counts[bucket]!;
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
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
  const observers = mapValues(series, () => new Observer(buckets));
  const all = Object.entries<Labels>(series).map(([key, labels]) => ({ labels, observer: observers[key as Key] }));
  const get = (): Promise<object> => {
    const values = all.flatMap(({ labels, observer }) => observer.valuesFor(name, labels));
    return Promise.resolve({ name, help, type: 'histogram', values });
  };
  registry.registerMetric({ name, help, get } as unknown as Metric);
  return observers;
}

/** A gauge, as `counter`. */
export function gauge<Key extends string>(name: string, help: string, series: Record<Key, Labels>): Record<Key, Level> {
  const levels = mapValues(series, () => new Level());
  const all = Object.entries<Labels>(series).map(([key, labels]) => ({ labels, level: levels[key as Key] }));
  void new Gauge({
    name,
    help,
    labelNames: Object.keys(all[0]!.labels),
    registers: [registry],
    collect() {
      for (const { labels, level } of all) this.set(labels, level.value);
    },
  });
  return levels;
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
