// What an installation needs for so many users and logins, what breaks first, and what helps. It simulates the peak.
import { parseArgs } from 'node:util';
import { simulate } from './simulation.mjs';

/**
 * What was measured on two cores (docs/sizing.md says how). CPU in microseconds, sizes in bytes.
 * `npm run bench -- --only instances,bytes,size`
 */
export const MEASURED = {
  costs: {
    access: { instance: 198, statement: 410, call: 90 },
    redemption: { instance: 216, statement: 530, call: 50 },
  },
  /** The write-ahead log of a login, without pages that are written whole. */
  log: 1006,
  login: 494,
  user: 2_400,
};

/** A core that is busier than this makes calls wait. */
const BUSY = 0.7;
const PAGE = 8_192;
/**
 * Bytes of an entry of an index of users that has grown for a while, and of a page of it that is written whole to the
 * write-ahead log (bench/page-images.sql).
 */
const USER_ENTRY = 79;
const PAGE_IMAGE = 5_400;
/** Seconds between two checkpoints: the default of PostgreSQL, and the advice. */
const CHECKPOINT_SECONDS = 300;
const LONG_CHECKPOINT_SECONDS = 3_600;
/** Transactions until PostgreSQL begins to freeze a table because of its age (autovacuum_freeze_max_age). */
const FREEZE_AGE = 200_000_000;
const SECONDS_PER_DAY = 86_400;
const SIMULATED_SECONDS = 1;
const MOST_CORES = 128;
/** What one machine gives, as sold today. */
const LIMITS = { cores: 96, logBytes: 500e6, disk: 60e12, connections: 500 };

const HELP = `Usage: npm run sizing -- [options]

Says what an installation on PostgreSQL needs, and what breaks first. It simulates one second at the peak with what was
measured of each part.

  --users <n>       accounts (default: 100000000)
  --peak <n>        logins a second at the peak, each an access call and a redemption (default: 50000)
  --daily <n>       logins a day (default: one for each user)
  --days <n>        RETENTION_DAYS (default: 400)
  --flush-ms <n>    milliseconds that the disk of PostgreSQL takes to flush (default: 1)
  --help
`;

/**
 * @param {{ users: number, peak: number, daily: number, days: number, flushMs: number }} wanted
 * @returns {{ need: string, amount: string, limit: string, part: number, help: string }[]} `part` of the limit that is used
 */
export function sizingOf(wanted) {
  const { users, peak, daily, days } = wanted;
  const found = smallest(wanted);
  const commits = (2 * peak) / found.callsPerCommit;
  const kept = daily * days;
  const log = peak * (MEASURED.log + pageImages(kept, peak, CHECKPOINT_SECONDS));
  const longLog = peak * (MEASURED.log + pageImages(kept, peak, LONG_CHECKPOINT_SECONDS));
  const disk = users * MEASURED.user + kept * MEASURED.login;
  const connections = found.instances * 10;
  return [
    {
      need: 'cores for instances, one each',
      amount: `${found.instances} (${percent(found.busyInstances)} busy)`,
      limit: 'none: add machines',
      part: 0,
      help: '',
    },
    {
      need: 'cores of PostgreSQL',
      amount: `${found.cores} (${percent(found.busyPostgres)} busy), ${found.callsPerCommit.toFixed(1)} calls a commit, p99 ${found.p99.toFixed(0)} ms`,
      limit: String(LIMITS.cores),
      part: found.cores / LIMITS.cores,
      help: 'Fewer, busier instances: their batches are larger.',
    },
    {
      need: 'write-ahead log',
      amount: `${bytes(log)}/s; ${bytes(longLog)}/s with checkpoint_timeout = 1h`,
      limit: `${bytes(LIMITS.logBytes)}/s`,
      part: log / LIMITS.logBytes,
      help: 'A lower RETENTION_DAYS, so that the index of users has fewer pages; then checkpoint_timeout = 1h. wal_compression = lz4.',
    },
    {
      need: 'disk',
      amount: `${bytes(disk)}, ${bytes(kept * MEASURED.login)} of it logins of ${days} days`,
      limit: bytes(LIMITS.disk),
      part: disk / LIMITS.disk,
      help: 'A lower RETENTION_DAYS, with the record sent elsewhere as it grows.',
    },
    {
      need: 'logins that retention deletes at the average',
      amount: `${Math.round(daily / SECONDS_PER_DAY)}/s`,
      limit: `${Math.round(peak)}/s`,
      part: daily / SECONDS_PER_DAY / peak,
      help: 'The night: a backlog waits for quieter hours.',
    },
    {
      need: 'connections',
      amount: `${connections} with DATABASE_POOL_SIZE=10`,
      limit: `${LIMITS.connections} without a pool between`,
      part: connections / LIMITS.connections,
      help: 'PgBouncer in transaction mode.',
    },
    {
      need: 'hours until tables are frozen because of their age',
      amount: (FREEZE_AGE / commits / 3600).toFixed(1),
      limit: '1',
      part: commits / (FREEZE_AGE / 3600),
      help: 'autovacuum_freeze_max_age = 1000000000, and autovacuum_vacuum_cost_limit = 2000.',
    },
  ];
}

/** The fewest instances and cores that carry the peak and are not too busy. */
function smallest({ peak, flushMs }) {
  const { access, redemption } = MEASURED.costs;
  const instances = Math.ceil((peak * (access.instance + redemption.instance)) / 1e6 / BUSY);
  for (let cores = 1; cores <= MOST_CORES; cores++) {
    const {
      isSteady,
      postgres,
      instances: busyInstances,
      ...rest
    } = simulate({
      logins: peak,
      instances,
      cores,
      flushMs,
      seconds: SIMULATED_SECONDS,
      costs: MEASURED.costs,
    });
    if (isSteady && postgres <= BUSY) return { ...rest, instances, cores, busyInstances, busyPostgres: postgres };
  }
  throw new Error(`PostgreSQL needs more than ${MOST_CORES} cores.`);
}

/**
 * Bytes of whole pages in the write-ahead log for each login. The index of users is the one that grows everywhere: each
 * page of it is written whole once after a checkpoint, and there are more pages than logins until the next one.
 */
function pageImages(kept, peak, seconds) {
  const pages = Math.max((kept * USER_ENTRY) / PAGE, 1);
  const logins = peak * seconds;
  return (pages * (1 - Math.exp(-logins / pages)) * PAGE_IMAGE) / logins;
}

function bytes(amount) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(Math.floor(Math.log10(amount) / 3), units.length - 1);
  const number = amount / 1000 ** power;
  return `${number.toFixed(number < 10 ? 1 : 0)} ${units[power]}`;
}

function percent(part) {
  return `${Math.round(part * 100)} %`;
}

function main() {
  const { values } = parseArgs({
    options: {
      users: { type: 'string', default: '100000000' },
      peak: { type: 'string', default: '50000' },
      daily: { type: 'string' },
      days: { type: 'string', default: '400' },
      'flush-ms': { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return process.stdout.write(HELP);
  const wanted = {
    users: positive('users', values.users),
    peak: positive('peak', values.peak),
    daily: positive('daily', values.daily ?? values.users),
    days: positive('days', values.days),
    flushMs: positive('flush-ms', values['flush-ms']),
  };
  const rows = sizingOf(wanted);
  for (const { need, amount, limit } of rows) process.stdout.write(`${need}: ${amount} (limit: ${limit})\n`);
  const broken = rows.filter(({ part }) => part > BUSY).toSorted((a, b) => b.part - a.part);
  process.stdout.write(
    broken.length === 0 ? '\nOne PostgreSQL carries this.\n' : '\nWhat breaks, the first one first:\n',
  );
  for (const { need, part, help } of broken)
    process.stdout.write(`- ${need}, ${part.toFixed(1)} times what there is. ${help}\n`);
}

function positive(name, text) {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${name} must be a number above 0`);
  return number;
}

if (import.meta.main ?? process.argv[1] === new URL(import.meta.url).pathname) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`sizing: ${error.message}\n`);
    process.exitCode = 1;
  }
}
