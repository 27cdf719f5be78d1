import { DomainError } from '../../common/errors/errors.js';
import { redemptions, redemptionSeconds } from '../../telemetry/metrics.js';

type Counted = keyof typeof redemptions;

const OUTCOMES = {
  started: 'started',
  kept: 'kept',
  stayed: 'kept',
  'kept other user': 'kept',
  'needs button': 'asked',
  'needs answer': 'asked',
} as const satisfies Record<string, Counted>;

type Outcome = { is: keyof typeof OUTCOMES } | { is: 'refused'; error: DomainError };

/** Counts what comes of a redemption, and the time of one that starts a session. `null` is none yet. */
export async function measured<T extends Outcome | null>(redeem: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    const outcome = await redeem();
    if (outcome?.is === 'started') redemptionSeconds.observe((performance.now() - startedAt) / 1000);
    if (outcome) redemptions[outcome.is === 'refused' ? refusalOf(outcome.error) : OUTCOMES[outcome.is]].inc();
    return outcome;
  } catch (error) {
    redemptions[refusalOf(error)].inc();
    throw error;
  }
}

function refusalOf(error: unknown): Counted {
  return error instanceof DomainError && error.id in redemptions ? (error.id as Counted) : 'failed';
}
