/** The events that are recorded. */
export const AUDIT_EVENTS = [
  'ACCESS_ISSUED',
  'ACCESS_REASON_GIVEN',
  'ACCESS_REFUSED',
  'ACCESS_REVOKED',
  'SESSION_STARTED',
  'SESSION_REFUSED',
  'SESSION_ENDED',
  'LOGOUT_NOTICE_FAILED',
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
  'MEMBER_CHANGED',
  'MEMBER_REMOVED',
  'INVITATION_ACCEPTED',
  'INVITATION_DECLINED',
  'CLIENT_CREATED',
  'CLIENT_CHANGED',
  'CLIENT_DELETED',
  'CLIENT_SECRET_ADDED',
  'CLIENT_SECRET_REMOVED',
  'WEBHOOK_CREATED',
  'WEBHOOK_CHANGED',
  'WEBHOOK_KEY_ADDED',
  'WEBHOOK_REPLAYED',
  'WEBHOOK_DISABLED',
  'WEBHOOK_DELETED',
  'ORIGIN_ADDED',
  'ORIGIN_REMOVED',
  'SERVICE_ACCOUNT_CREATED',
  'SERVICE_ACCOUNT_DELETED',
  'SERVICE_ACCOUNT_KEY_ADDED',
  'SERVICE_ACCOUNT_KEY_REVOKED',
  'PASSWORD_SET',
  'PASSWORD_LINK_MADE',
  'PASSKEY_ADDED',
  'PASSKEY_REMOVED',
  'RECOVERY_CODES_MADE',
  'RECOVERY_CODE_USED',
  'PASSKEYS_REQUIRED',
  'PASSKEYS_NOT_REQUIRED',
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
  'ALL_REVOKED',
] as const;

export type AuditEventName = (typeof AUDIT_EVENTS)[number];

/** Why a session ended early. */
export const END_REASONS = [
  'LOGOUT',
  'BY_USER',
  'BY_ADMINISTRATOR',
  'RIGHT_REVOKED',
  'REPLACED',
  'ALL_REVOKED',
] as const;

export type EndReason = (typeof END_REASONS)[number];

/** Why everything was revoked: an operator asked for it, or the database may have lost what was used last. */
export type GeneralRevocationReason = 'OPERATOR' | 'RESTORE' | 'FAILOVER';

/** Further details: names and numbers from short lists, and origins. The only free text is the reason of an access call. */
export interface AuditDetails {
  /**
   * For a session that ended, an `EndReason`; for a refusal, the error id; for `ALL_REVOKED`, a `GeneralRevocationReason`;
   * for a webhook that was disabled, a `WebhookDisabledReason`.
   */
  reason?: string;
  /** The `reason` of an access call, in the caller's words. */
  text?: string;
  permission?: string;
  /** The period of the right that was given, in ISO 8601. */
  validFrom?: string;
  validUntil?: string;
  /** The third party's code. */
  thirdParty?: string;
  /** Whether an e-mail address names the account. */
  verified?: boolean;
  /** The names of the fields that were given. */
  fields?: string[];
  /** What somebody signed in with, if not a password. */
  proof?: 'PASSKEY' | 'RECOVERY_CODE';
  /** The OAuth 2.0 grant type. */
  grant?: string;
  /** The ID of the key that signed an assertion, or that was made, registered or revoked. */
  key?: string;
  /** The OAuth client that the event is about. */
  client?: string;
  /** The origin of a site. */
  origin?: string;
  /** The ID of a webhook. */
  webhook?: string;
  /** The ID of a client's secret. */
  secret?: string;
  /** Rows of an import: new accounts, changed accounts and new memberships. */
  created?: number;
  changed?: number;
  joined?: number;
}
