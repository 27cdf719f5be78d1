import { errors } from 'oidc-provider';

/** Our storage's error for a code or refresh token that is presented again. */
export class UsedBefore extends errors.InvalidGrant {}
