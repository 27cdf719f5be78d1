/** Who calls the API, as the access token says. */
export interface Caller {
  /** The `sub` of the token: a staff user or a service account. */
  userId: string;
  clientId: string;
  /** The service account that acts for the user (RFC 8693, section 4.1). Such a caller has no administrative right. */
  actorId?: string;
  /** The key of the service account that asked for the token: what is obtained with the token goes with the key. */
  keyId?: string;
}

/** A caller with what only the guard asks for. */
export interface AuthenticatedCaller extends Caller {
  scopes: readonly string[];
}
