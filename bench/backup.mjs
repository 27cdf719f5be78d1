// Access calls while a backup is made, and before and after it.
import { join } from 'node:path';
import { median } from './rounds.mjs';

const WARM_UP_SECONDS = 2;

/**
 * @returns {Promise<{ meanwhile: { rate: number, p99: number }, ordinary: { rate: number, p99: number }, seconds: number }>}
 *   the medians of the rounds, and how long the backup took
 */
export async function measureBackup(bench) {
  const server = await bench.server('large');
  const { connections, seconds, rounds } = bench.options;
  const run = async (name, length = seconds) => {
    const measured = await bench.jobs.run('access', server, { connections, seconds: length });
    bench.say(`${name}: ${measured.rate.toFixed(0)}/s, p99 ${measured.p99.toFixed(1)} ms`);
    return measured;
  };
  await run('warming up', WARM_UP_SECONDS);
  const ordinary = [];
  for (let round = 0; round < rounds; round++) ordinary.push(await run('before'));
  const meanwhile = [];
  const startedAt = performance.now();
  let took;
  const making = server.command('backup', join(bench.directory, 'backup.db')).finally(() => {
    took = (performance.now() - startedAt) / 1000;
  });
  for (;;) {
    const measured = await run('meanwhile');
    // The backup may have ended in the middle of the round.
    if (took !== undefined) break;
    meanwhile.push(measured);
  }
  await making;
  for (let round = 0; round < rounds; round++) ordinary.push(await run('after'));
  return { meanwhile: medians(meanwhile), ordinary: medians(ordinary), seconds: took };
}

function medians(rounds) {
  return { rate: median(rounds.map(({ rate }) => rate)), p99: median(rounds.map(({ p99 }) => p99)) };
}
