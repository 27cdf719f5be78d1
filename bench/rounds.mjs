// Rounds of load on two sides in turns.

const WARM_UP_SECONDS = 2;

/**
 * Runs both sides in turns. The ratio is the median of the rounds' own ratios, so that a slow minute of the machine
 * counts for both sides.
 *
 * @param {(() => Promise<Measured>)[]} sides each puts load on a server for so many seconds
 * @returns {Promise<{ sides: [Measured, Measured], ratio: number }>} with the medians of each side
 */
export async function alternate(sides, { rounds, seconds, say }) {
  const measured = sides.map(() => []);
  say('warming up …');
  for (const side of sides) await side(WARM_UP_SECONDS);
  for (let round = 1; round <= rounds; round++) {
    // The second one may find the machine warmer.
    for (const index of round % 2 ? [0, 1] : [1, 0]) measured[index].push(await sides[index](seconds));
    say(`round ${round} of ${rounds}: ${measured.map((some) => `${some.at(-1).rate.toFixed(0)}/s`).join(', ')}`);
  }
  return { sides: measured.map(medians), ratio: median(measured[0].map(({ rate }, i) => rate / measured[1][i].rate)) };
}

function medians(rounds) {
  return Object.fromEntries(Object.keys(rounds[0]).map((key) => [key, median(rounds.map((round) => round[key]))]));
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The number below which so many percent of the others are. */
export function percentile(numbers, percent) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.ceil((sorted.length * percent) / 100), sorted.length) - 1];
}
