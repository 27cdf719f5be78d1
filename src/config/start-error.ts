/** The service can't start for a reason that its operator can resolve. The message names it. */
export class StartError extends Error {}
