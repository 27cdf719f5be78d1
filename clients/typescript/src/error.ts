/** A call that did not succeed: the answer of the service, or no answer at all. */
export class LatchkeyError extends Error {
  constructor(
    /** What programs branch on, such as `unknown_user`; `no_connection` or `timeout` without an answer. */
    readonly id: string,
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
