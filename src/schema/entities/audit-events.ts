/** Everything that is recorded. */
export const AUDIT_EVENTS = [
  'ACCESS_ISSUED',
  'ACCESS_REFUSED',
  'ACCESS_REVOKED',
  'SESSION_STARTED',
  'SESSION_REFUSED',
  'SESSION_ENDED',
  'ACCOUNT_CREATED',
  'ACCOUNT_CHANGED',
  'ACCOUNT_BLOCKED',
  'ACCOUNT_UNBLOCKED',
  'ACCOUNT_DELETED',
  'ACCOUNTS_IMPORTED',
  'EMAIL_ADDRESS_ADDED',
  'EMAIL_ADDRESS_LINK_MADE',
  'EMAIL_ADDRESS_VERIFIED',
  'EMAIL_ADDRESS_REMOVED',
  'THIRD_PARTY_ID_ASSIGNED',
  'THIRD_PARTY_ID_REMOVED',
  'PERMISSION_GRANTED',
  'PERMISSION_REVOKED',
  'ORGANIZATION_CREATED',
  'THIRD_PARTY_ADDED',
  'STAFF_APPOINTED',
  'STAFF_DISMISSED',
  'GROUP_CREATED',
  'GROUP_CHANGED',
  'GROUP_DELETED',
  'GROUP_RIGHT_GRANTED',
  'GROUP_RIGHT_REVOKED',
  'MEMBER_JOINED',
  'MEMBER_INVITED',
  'MEMBER_REMOVED',
  'INVITATION_ACCEPTED',
  'INVITATION_DECLINED',
  'CLIENT_CREATED',
  'CLIENT_CHANGED',
  'CLIENT_DELETED',
  'CLIENT_SECRET_ADDED',
  'CLIENT_SECRET_REMOVED',
  'ORIGIN_ADDED',
  'ORIGIN_REMOVED',
  'SERVICE_ACCOUNT_CREATED',
  'SERVICE_ACCOUNT_DELETED',
  'SERVICE_ACCOUNT_KEY_ADDED',
  'SERVICE_ACCOUNT_KEY_REVOKED',
  'PASSWORD_SET',
  'PASSWORD_LINK_MADE',
  'SIGN_IN_SUCCEEDED',
  'SIGN_IN_FAILED',
  'CONSENT_GIVEN',
  'CONSENT_DENIED',
  'TOKEN_ISSUED',
  'TOKEN_REFRESHED',
  'TOKEN_REVOKED',
  'TOKEN_REPLAYED',
  'ASSERTION_USED',
  'ASSERTION_REFUSED',
  'SIGNING_KEY_ADDED',
  'SIGNING_KEY_REVOKED',
] as const;

export type AuditEventName = (typeof AUDIT_EVENTS)[number];

/** How a session ended before its time. */
export const END_REASONS = ['LOGOUT', 'BY_USER', 'BY_ADMINISTRATOR', 'RIGHT_REVOKED', 'REPLACED'] as const;

export type EndReason = (typeof END_REASONS)[number];

/** What else there is to say: names and numbers from short lists, and origins; never a text in which somebody can say anything. */
export interface AuditDetails {
  /** Of a session that ended, an `EndReason`; of a refusal, the error's id. */
  reason?: string;
  permission?: string;
  /** The code of a third party. */
  thirdParty?: string;
  /** Whether an e-mail address names the account. */
  verified?: boolean;
  /** Names of the fields that were given. */
  fields?: string[];
  /** The grant type of OAuth 2.0. */
  grant?: string;
  /** The id of the key that signed an assertion, or that was made, registered or revoked. */
  key?: string;
  /** The OAuth client that it is about. */
  client?: string;
  /** The origin of a site. */
  origin?: string;
  /** The id of a client's secret. */
  secret?: string;
  /** Rows of an import: accounts that are new or changed, and memberships that are new. */
  created?: number;
  changed?: number;
  joined?: number;
}
