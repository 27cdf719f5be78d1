/** Who calls the API, as the access token says. */
export interface Caller {
  /** The `sub` of the token: a staff user or a service account. */
  userId: string;
  clientId: string;
}
