// Simulates logins on instances and one PostgreSQL, event by event, from what `npm run bench -- --only instances` measured.
// Each core serves one thing at a time. Calls wait for an instance's core, travel in batches as
// src/database/postgres-batches.ts forms them, wait for a core of PostgreSQL, and end with a flush that commits share.

/** Calls in one batch, and batches of one kind that an instance has under way (src/database/postgres-batches.ts). */
const MAX_CALLS = 64;
const MAX_BATCHES = 2;
/** More waiting calls than this mean that the load is never worked off. */
const MAX_WAITING = 200_000;

/**
 * @typedef {object} Costs of one kind of call, in microseconds of CPU
 * @property {number} instance
 * @property {number} statement for each statement, whatever it holds
 * @property {number} call for each call in a statement
 */

/**
 * @param {object} setup
 * @param {number} setup.logins a second, each an access call and a redemption
 * @param {number} setup.instances
 * @param {number} setup.cores of PostgreSQL
 * @param {number} setup.flushMs how long the disk takes to flush the write-ahead log
 * @param {number} setup.seconds
 * @param {Record<string, Costs>} setup.costs
 * @returns {{ p50: number, p99: number, postgres: number, instances: number, callsPerCommit: number, isSteady: boolean }}
 *   milliseconds of a call, and the parts of the time for which the cores were busy
 */
export function simulate({ logins, instances, cores, flushMs, seconds, costs }) {
  const events = new Events();
  const kinds = Object.keys(costs);
  const end = seconds * 1e6;
  const fleet = Array.from({ length: instances }, () => ({
    core: new Queue(events, 1),
    batches: Object.fromEntries(kinds.map((kind) => [kind, { waiting: [], running: 0 }])),
  }));
  const postgres = new Queue(events, cores);
  const disk = new Flusher(events, flushMs * 1000);
  const took = [];
  let commits = 0;
  let waiting = 0;

  const send = (instance, kind) => {
    const batches = instance.batches[kind];
    while (batches.running < MAX_BATCHES && batches.waiting.length > 0) {
      const calls = batches.waiting.splice(0, MAX_CALLS);
      batches.running++;
      postgres.serve(costs[kind].statement + costs[kind].call * calls.length, () =>
        disk.flush(() => {
          commits++;
          waiting -= calls.length;
          took.push(...calls.map((began) => events.now - began));
          batches.running--;
          send(instance, kind);
        }),
      );
    }
  };
  const arrive = (kind) => {
    const began = events.now;
    const instance = fleet[Math.floor(random() * instances)];
    waiting++;
    instance.core.serve(costs[kind].instance, () => {
      instance.batches[kind].waiting.push(began);
      send(instance, kind);
    });
  };
  const random = numbers(1);
  for (const kind of kinds)
    for (let at = 0; at < end; at -= (Math.log(1 - random()) * 1e6) / logins) events.at(at, () => arrive(kind));

  events.run(end, () => waiting < MAX_WAITING);
  const sorted = Float64Array.from(took).sort();
  const at = (part) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] / 1000;
  const busy = fleet.reduce((total, { core }) => total + core.busy, 0);
  return {
    p50: at(0.5),
    p99: at(0.99),
    postgres: postgres.busy / events.now / cores,
    instances: busy / events.now / instances,
    callsPerCommit: took.length / commits,
    // What is under way at the end is little compared with what came in a tenth of a second.
    isSteady: waiting < logins * kinds.length * 0.1,
  };
}

/** Events in the order of time, in microseconds: a binary heap. */
class Events {
  now = 0;
  #heap = [];

  at(time, action) {
    const heap = this.#heap;
    heap.push({ time, action });
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (heap[parent].time <= heap[child].time) return;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      child = parent;
    }
  }

  run(end, goesOn) {
    while (this.#heap.length > 0 && goesOn()) {
      const { time, action } = this.#take();
      if (time > end) return;
      this.now = time;
      action();
    }
  }

  #take() {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let parent = 0; ;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) return first;
      if (child + 1 < heap.length && heap[child + 1].time < heap[child].time) child++;
      if (heap[parent].time <= heap[child].time) return first;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      parent = child;
    }
  }
}

/** Work that waits for the next free core. */
class Queue {
  busy = 0;
  #free;
  #waiting = [];

  constructor(events, cores) {
    this.events = events;
    this.#free = cores;
  }

  serve(time, done) {
    if (this.#free === 0) {
      this.#waiting.push([time, done]);
      return;
    }
    this.#free--;
    this.busy += time;
    this.events.at(this.events.now + time, () => {
      this.#free++;
      const next = this.#waiting.shift();
      if (next) this.serve(...next);
      done();
    });
  }
}

/** A disk that flushes for all who wait when it begins. */
class Flusher {
  #waiting = [];
  #isBusy = false;

  constructor(events, time) {
    this.events = events;
    this.time = time;
  }

  flush(done) {
    this.#waiting.push(done);
    if (!this.#isBusy) this.#begin();
  }

  #begin() {
    const all = this.#waiting;
    this.#waiting = [];
    this.#isBusy = true;
    this.events.at(this.events.now + this.time, () => {
      this.#isBusy = false;
      for (const done of all) done();
      if (this.#waiting.length > 0 && !this.#isBusy) this.#begin();
    });
  }
}

/** Numbers from 0 to 1 that are the same at each run (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
