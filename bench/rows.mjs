// What the benchmark measures, and the goals. Each measurement returns lines of the table.
import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { measureBackup } from './backup.mjs';
import { measureConsole } from './console.mjs';
import { measureGuard, measureStarts, residentMegabytes, startInstances } from './contestants.mjs';
import { SETUPS, Watch } from './instances.mjs';
import { measureLoginSize } from './login-size.mjs';
import { measureRetention } from './retention.mjs';
import { alternate, median, percentile } from './rounds.mjs';
import { measureWebhooks } from './webhooks.mjs';

/** Users in the database of most servers. */
export const FEW_USERS = 1_000;
const OLD_LOGINS = 2_000_000;
const STARTS = 7;
const REST_SECONDS = 10;
const WARM_UP_SECONDS = 2;
/** What a round measured that ran out of tokens, and is repeated. */
const NOTHING = { rate: 0, p50: 0, p99: 0 };
/** Seconds of one kind of load while memory is watched. */
const TURN_SECONDS = 5;

/**
 * A line of the table.
 *
 * @typedef {object} Line
 * @property {string} what
 * @property {string} latchkey what was measured of the service
 * @property {string} [other] what it is compared with
 * @property {number} value a ratio, or a figure in `unit`
 * @property {string} [unit]
 * @property {{ atLeast: number } | { atMost: number }} [goal]
 */

/**
 * Everything that can be measured, by name. `isExtra` is only measured when it is asked for. `hasEngines: false` is
 * measured once.
 *
 * @type {Record<string, { help: string, isExtra?: true, hasEngines?: false, measure: (bench: Bench) => Promise<Line[]> }>}
 */
export const ROWS = {
  access: {
    help: 'access calls, and those of a bare handler that does the same work',
    measure: compare('access call', ['service', 'access'], ['baseline', 'access'], {
      sqlite: { atLeast: 0.75 },
      postgres: { atLeast: 1.2 },
    }),
  },
  redemption: {
    help: 'redemptions of login tokens, and those of the bare handler',
    measure: compare('redemption', ['service', 'login'], ['baseline', 'login'], {
      sqlite: { atLeast: 0.75 },
      postgres: { atLeast: 1 },
    }),
  },
  'forward-auth': {
    help: 'what a proxy asks at every request, and a bare handler with a Map',
    measure: compare('forward-auth', ['service', 'forwardAuth'], ['baseline', 'forwardAuth'], both({ atLeast: 0.95 })),
  },
  size: {
    help: 'access calls with 1,000 users, and with 1,000,000 in 100,000 groups. They take 2 GB\n(SQLite) or 3 GB (PostgreSQL) of disk, and some minutes',
    measure: measureSize,
  },
  bytes: { help: 'bytes on disk for a login: token, session and what is recorded of them', measure: measureBytes },
  memory: { help: 'resident memory at rest and under load', measure: measureMemory },
  start: { help: 'seconds from the start to the first answer, on an existing database', measure: measureStart },
  packages: { help: 'packages of a production installation', hasEngines: false, measure: measurePackages },
  retention: {
    help: 'access calls while 2,000,000 logins that are too old are deleted, and before',
    isExtra: true,
    measure: measureDeletion,
  },
  webhooks: {
    help: 'how late events are at ten webhooks of which one is dead, with 1,000 events a second',
    isExtra: true,
    measure: measureLateness,
  },
  lists: {
    help: 'other calls with 1,000 users, and with 1,000,000',
    isExtra: true,
    measure: all(
      compare('redemption', ['service', 'login'], ['large', 'login']),
      compare('user by e-mail address', ['service', 'user'], ['large', 'user']),
      compare('groups', ['service', 'groups'], ['large', 'groups']),
      compare('members of a group', ['service', 'members'], ['large', 'members']),
      compare('accounts, page 1 and page 10,000', ['large', 'firstPage'], ['large', 'deepPage'], both({ atMost: 1.5 })),
    ),
  },
  console: {
    help: 'the console in Chromium with 1,000,000 users and 100,000 groups',
    isExtra: true,
    measure: measurePages,
  },
  backup: {
    help: 'access calls while the database with 1,000,000 users is backed up, and before (SQLite)',
    isExtra: true,
    measure: measureBackups,
  },
  instances: {
    help: '1, 2 and 4 instances behind nginx on one PostgreSQL, and what a call costs each of them.\nIt needs Linux and nginx',
    isExtra: true,
    measure: measureInstances,
  },
  guard: { help: 'the CPU that checking a known access token takes', isExtra: true, measure: measureGuardTime },
  others: {
    help: 'what better-auth does in place of a delegated login. It is installed by\nnpm ci --prefix bench/others',
    isExtra: true,
    measure: all(
      compare('access call, impersonation', ['service', 'access'], ['better-auth', 'impersonate']),
      compare('access call, one-time token', ['service', 'access'], ['better-auth', 'generate']),
      compare('redemption of it', ['service', 'login'], ['better-auth', 'verify']),
    ),
  },
};

function both(goal) {
  return { sqlite: goal, postgres: goal };
}

function all(...measurements) {
  return async (bench) => {
    const lines = [];
    for (const measure of measurements) lines.push(...(await measure(bench)));
    return lines;
  };
}

/** Compares two sides, each a server and a job, by their requests per second. */
function compare(what, first, second, goals = {}) {
  return async (bench) => {
    const load = [];
    for (const [name, job] of [first, second]) {
      const server = await bench.server(name);
      load.push((seconds) => bench.jobs.run(job, server, { connections: bench.options.connections, seconds }));
    }
    const { sides, ratio } = await alternate(load, { ...bench.options, say: (text) => bench.say(`${what}, ${text}`) });
    const [latchkey, other] = sides.map(
      ({ rate, p50, p99 }) => `${rate.toFixed(0)}/s, ${p50.toFixed(1)} and ${p99.toFixed(1)} ms`,
    );
    return [{ what, latchkey, other: `${second[0]}: ${other}`, value: ratio, goal: goals[bench.engine] }];
  };
}

/** A host calls again and again, so what only the first call through a group does is over before. */
async function measureSize(bench) {
  const what = 'access call, 1,000 and 1,000,000 users';
  for (const name of ['service', 'large']) {
    const server = await bench.server(name);
    for (const calls of ['first', 'second']) {
      const startedAt = performance.now();
      await bench.jobs.sendEach('access', server, bench.options.connections);
      bench.say(`the ${calls} call for each of the users: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    }
  }
  return compare(what, ['service', 'access'], ['large', 'access'], both({ atMost: 1.1 }))(bench);
}

async function measurePages(bench) {
  const { lists, lookups } = await measureConsole(await bench.server('large'), (text) => bench.say(text));
  const lines = Object.entries(lists).map(([what, times]) => ({
    what: `first row of ${what}`,
    latchkey: `${times.length} new browsers, CPU 4 times slower`,
    value: median(times),
    unit: 'ms',
    goal: { atMost: 1000 },
  }));
  const found = { latchkey: `${lookups.length} look-ups`, value: percentile(lookups, 95), unit: 'ms' };
  return [...lines, { what: 'from an ID to its page, p95', ...found, goal: { atMost: 150 } }];
}

async function measureBytes(bench) {
  const database = await bench.newDatabase('bytes');
  const server = await bench.startService(database);
  const { connections, logins } = bench.options;
  const { bytes, parts } = await measureLoginSize(database, server, { logins, connections });
  await server.stop();
  for (const [name, size] of parts) bench.say(`${size.toFixed(0).padStart(6)} bytes in ${name}`);
  return [
    { what: 'disk for one login', latchkey: `${logins} logins`, value: bytes, unit: 'bytes', goal: { atMost: 400 } },
  ];
}

async function measureMemory(bench) {
  const server = await bench.startService(await bench.newDatabase('memory'));
  await setTimeout(REST_SECONDS * 1000);
  const rest = await residentMegabytes(server);
  const { connections, minutes } = bench.options;
  const turns = Math.ceil((minutes * 60) / TURN_SECONDS);
  const seen = [];
  for (let turn = 0; turn < turns; turn++) {
    const job = ['access', 'login', 'forwardAuth'][turn % 3];
    await bench.jobs.run(job, server, { connections, seconds: TURN_SECONDS });
    seen.push(await residentMegabytes(server));
    bench.say(`memory after ${job}: ${seen.at(-1).toFixed(0)} MB`);
  }
  await server.stop();
  const loaded = `${minutes} min of ${connections} connections`;
  const half = seen[Math.floor(turns / 2) - 1];
  return [
    {
      what: 'memory at rest',
      latchkey: `${REST_SECONDS} s after the start`,
      value: rest,
      unit: 'MB',
      goal: { atMost: 120 },
    },
    { what: 'memory under load', latchkey: loaded, value: Math.max(...seen), unit: 'MB', goal: { atMost: 180 } },
    {
      what: 'memory, end and half',
      latchkey: `${seen.at(-1).toFixed(0)} MB`,
      other: `${half.toFixed(0)} MB`,
      value: seen.at(-1) / half,
      goal: { atMost: 1.05 },
    },
  ];
}

async function measureDeletion(bench) {
  const database = await bench.newDatabase('retention');
  const { ordinary, meanwhile, worst, rounds } = await measureRetention(bench, database, OLD_LOGINS);
  return [
    {
      what: `p99 while ${OLD_LOGINS.toLocaleString('en')} logins are deleted`,
      latchkey: `${meanwhile.toFixed(1)} ms, at worst ${worst.toFixed(1)} ms of ${rounds} rounds`,
      other: `before: ${ordinary.toFixed(1)} ms`,
      value: meanwhile / ordinary,
      goal: { atMost: 2 },
    },
  ];
}

async function measureLateness(bench) {
  const { p99, worst, missing, twice, rate } = await measureWebhooks(bench, await bench.newDatabase('webhooks'));
  return [
    {
      what: 'events at nine webhooks beside a dead one, the latest',
      latchkey: `${rate.toFixed(0)} events/s, p99 ${p99.toFixed(2)} s, ${missing} missing, ${twice} twice`,
      value: worst,
      unit: 's',
      goal: { atMost: 1 },
    },
  ];
}

/** PostgreSQL has backups of its own. */
async function measureBackups(bench) {
  if (bench.engine !== 'sqlite') return [];
  const { meanwhile, ordinary, seconds } = await measureBackup(bench);
  const [beside, alone] = [meanwhile, ordinary].map(
    ({ rate, p99 }) => `${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms`,
  );
  return [
    {
      what: 'access calls beside a backup',
      latchkey: `${beside}, for ${seconds.toFixed(0)} s`,
      other: `before and after: ${alone}`,
      value: meanwhile.rate / ordinary.rate,
      goal: { atLeast: 0.9 },
    },
  ];
}

/** Only PostgreSQL serves several instances. */
async function measureInstances(bench) {
  if (bench.engine !== 'postgres') return [];
  const lines = [];
  for (const { instances, connections } of SETUPS) {
    const database = await bench.newDatabase(`instances_${instances}_${connections}`);
    const server = await startInstances(database, FEW_USERS, instances);
    const watch = new Watch(database.DATABASE_URL);
    await watch.start();
    for (const [what, job] of [
      ['access calls', 'access'],
      ['redemptions', 'login'],
    ]) {
      await bench.jobs.run(job, server, { connections, seconds: WARM_UP_SECONDS });
      let cost;
      const around = async (load) => {
        let measured;
        cost = await watch.during(server, async () => (measured = await load()) ?? NOTHING);
        return measured;
      };
      await bench.jobs.run(job, server, { connections, seconds: bench.options.seconds, around });
      lines.push(lineOf(`${what}, ${instances} × ${connections} connections`, cost));
      bench.say(`${lines.at(-1).what}: ${lines.at(-1).latchkey}; ${lines.at(-1).other}`);
    }
    await watch.stop();
    await server.stop();
  }
  return lines;
}

function lineOf(what, { rate, p50, p99, instances, postgres, nginx, callsPerCommit, walBytes }) {
  return {
    what,
    latchkey: `${rate.toFixed(0)}/s, ${p50.toFixed(1)} and ${p99.toFixed(1)} ms, ${callsPerCommit.toFixed(1)} calls a commit, ${walBytes.toFixed(0)} bytes of log`,
    other: `CPU: instances ${instances.toFixed(0)}, PostgreSQL ${postgres.toFixed(0)}, nginx ${nginx.toFixed(0)} µs`,
    value: instances + postgres + nginx,
    unit: 'µs',
  };
}

async function measureStart(bench) {
  const seconds = await measureStarts(await bench.newDatabase('start'), FEW_USERS, STARTS);
  return [
    {
      what: 'start to the first answer',
      latchkey: `median of ${STARTS}`,
      value: median(seconds),
      unit: 's',
      goal: { atMost: 0.8 },
    },
  ];
}

async function measurePackages() {
  const { stdout } = await promisify(execFile)('npm', ['ls', '--omit=dev', '--all', '--parseable']);
  // The first line is this package.
  return [
    {
      what: 'production packages',
      latchkey: 'npm ls --omit=dev --all --parseable',
      value: stdout.trim().split('\n').length - 1,
      unit: '',
      goal: { atMost: 239 },
    },
  ];
}

async function measureGuardTime(bench) {
  const figures = [];
  for (let round = 1; round <= bench.options.rounds; round++) {
    figures.push(await measureGuard(await bench.newDatabase(`guard_${round}`), FEW_USERS));
    bench.say(`guard, round ${round} of ${bench.options.rounds}: ${figures.at(-1)} µs`);
  }
  return [{ what: 'guard', latchkey: 'CPU of a call', value: median(figures), unit: 'µs', goal: { atMost: 15 } }];
}
