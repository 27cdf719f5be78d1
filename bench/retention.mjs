// How long access calls take while the service deletes what is too old.
import { logIn } from './login-size.mjs';
import { addOldLogins, oldestLogins } from './old-logins.mjs';
import { median } from './rounds.mjs';

const ROUND_SECONDS = 3;
/** More than the service waits before it first deletes anything. */
const BEGIN_ROUNDS = 60;
const MAX_ROUNDS = 600;
const WARM_UP_ROUNDS = 2;

/**
 * Starts the service on a database with so many old logins, and measures access calls until all of them are deleted.
 *
 * @returns {Promise<{ ordinary: number, meanwhile: number, worst: number, rounds: number }>} the 99th percentile of the
 *   time until an answer in milliseconds, as the median of the rounds before the deletion and of those in which rows were
 *   deleted; the worst of the latter, and their number
 */
export async function measureRetention(bench, database, oldLogins) {
  const first = await bench.startService(database);
  await logIn(first, first.users, bench.options.connections);
  await first.stop();
  await addOldLogins(database, oldLogins, (text) => bench.say(text));
  const server = await first.startAgain();
  try {
    return await watch(bench, database, server);
  } finally {
    await server.stop();
  }
}

async function watch(bench, database, server) {
  const [ordinary, meanwhile] = [[], []];
  let state = await oldestLogins(database);
  for (let round = 1; state.remain; round++) {
    const { p99, rate } = await bench.jobs.run('access', server, {
      connections: bench.options.connections,
      seconds: ROUND_SECONDS,
    });
    const before = state;
    state = await oldestLogins(database);
    const isDeleting = state.oldest !== before.oldest;
    if (isDeleting) meanwhile.push(p99);
    else if (round > WARM_UP_ROUNDS) ordinary.push(p99);
    bench.say(`${isDeleting ? 'deleting' : 'ordinary'}: ${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms`);
    if (round > MAX_ROUNDS || (meanwhile.length === 0 && round > BEGIN_ROUNDS))
      throw new Error('The service does not delete the old logins in time.');
  }
  return {
    ordinary: median(ordinary),
    meanwhile: median(meanwhile),
    worst: Math.max(...meanwhile),
    rounds: meanwhile.length,
  };
}
