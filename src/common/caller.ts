/** The caller of the API, as its access token describes it. */
export interface Caller {
  /** The token's `sub`: a staff user or a service account. */
  userId: string;
  clientId: string;
  /** The service account that acts for the user (RFC 8693, section 4.1). Such a caller has no administrative rights. */
  actorId?: string;
  /**
   * The key with which the service account asked for the token. Revoking the key revokes whatever was obtained with it.
   */
  keyId?: string;
}

/** A caller, with the parts of its token that only the guard reads. */
export interface AuthenticatedCaller extends Caller {
  scopes: readonly string[];
}
