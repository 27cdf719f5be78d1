import { CONTRACT_ERRORS } from '../contract-errors.js';
import type { ContractErrorId } from '../error.js';

/** An answer of the API that is an error. Its description is that of the contract, unless the service has a closer one. */
export class Refusal extends Error {
  readonly status: number;

  constructor(
    readonly id: ContractErrorId,
    description: string = CONTRACT_ERRORS[id].description,
    readonly extra: { members?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(description);
    this.status = CONTRACT_ERRORS[id].status;
  }

  get body(): Record<string, unknown> {
    return { id: this.id, description: this.message, ...this.extra.members };
  }
}

/** An answer of the token endpoint that is an error (RFC 6749, section 5.2). */
export class GrantRefusal extends Error {
  readonly status = 400;

  constructor(
    readonly id: string,
    description: string,
    /** The request was refused before its client was known. */
    readonly isEarly = false,
  ) {
    super(description.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?'));
  }

  get body(): Record<string, unknown> {
    return { error: this.id, error_description: this.message, id: this.id, description: this.message };
  }
}

/** What somebody who uses the emulator has got wrong: a seed, or a call that controls it. */
export class EmulatorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EmulatorError';
  }
}

/** @throws EmulatorError */
export function requireObject(given: unknown, what: string, members: string[]): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new EmulatorError(`${what} must be an object.`);
  const unknown = Object.keys(given).find((name) => !members.includes(name));
  if (unknown !== undefined)
    throw new EmulatorError(`${what} has no member ${unknown}. The members are: ${members.join(', ')}.`);
  return given as Record<string, unknown>;
}
