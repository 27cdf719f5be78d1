import { errors } from 'oidc-provider';

/** What our own storage says of a code or a refresh token that comes a second time. */
export class UsedBefore extends errors.InvalidGrant {}
