/** The service can't start, for a reason that its operator can do something about. The message says what. */
export class StartError extends Error {}
