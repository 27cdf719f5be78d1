import { DomainError } from '../../common/errors/errors.js';
import { inSpan } from '../../telemetry/spans.js';
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

/** Counts and traces what comes of a redemption. `null` is none yet: the token is not valid, and is looked at again. */
export function measured<T extends Outcome | null>(redeem: () => Promise<T>): Promise<T> {
  return inSpan('latchkey redemption', () => counted(redeem), outcomeOf);
}

function outcomeOf(outcome: Outcome | null): string {
  if (outcome === null) return 'invalid_token';
  return outcome.is === 'refused' ? outcome.error.id : outcome.is;
}

async function counted<T extends Outcome | null>(redeem: () => Promise<T>): Promise<T> {
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
