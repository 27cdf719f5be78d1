import { DomainError } from '../common/errors/errors.js';

/** Whether a check of a policy passes, for callers that answer a refusal in a way of their own. */
export async function isAllowed(check: Promise<unknown>): Promise<boolean> {
  try {
    await check;
    return true;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}
