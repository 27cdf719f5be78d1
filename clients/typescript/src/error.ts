import type { CONTRACT_ERRORS } from './contract-errors.js';

/** Every error id of the API. */
export type ContractErrorId = keyof typeof CONTRACT_ERRORS;

/** The errors of the token endpoint (RFC 6749, section 5.2). */
type TokenErrorId =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unsupported_grant_type';

/** What this package finds by itself. */
type OwnErrorId = 'no_connection' | 'timeout' | 'unreadable' | 'key_invalid' | 'assertion_invalid';

/** A newer service may send others, so any text is allowed. */
export type LatchkeyErrorId = ContractErrorId | TokenErrorId | OwnErrorId | (string & Record<never, never>);

/** A call that did not succeed: the answer of the service, or no answer at all. */
export class LatchkeyError extends Error {
  constructor(
    /** What programs branch on, such as `unknown_user`; `no_connection` or `timeout` without an answer. */
    readonly id: LatchkeyErrorId,
    /** 0 without an answer. */
    readonly status: number,
    /** What goes into a report to the operator. */
    readonly requestId: string | null,
    description: string,
    /** Further members of the error, such as `userId` or `field`. */
    readonly members: Record<string, unknown>,
    options?: ErrorOptions,
  ) {
    super(description, options);
    this.name = 'LatchkeyError';
  }
}
