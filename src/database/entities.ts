import { LoginToken } from '../access/login-token.entity.js';
import { AuditEvent } from '../audit/audit-event.entity.js';
import { FailedAttempt } from '../auth/failed-attempt.entity.js';
import { GroupSearchTerm } from '../groups/group-search-term.entity.js';
import { GroupStaff } from '../groups/group-staff.entity.js';
import { Group } from '../groups/group.entity.js';
import { Membership } from '../groups/membership.entity.js';
import { ClientOrigin } from '../oauth/client-origin.entity.js';
import { Client } from '../oauth/client.entity.js';
import { ClientRedirectUri } from '../oauth/client-redirect-uri.entity.js';
import { ClientSecret } from '../oauth/client-secret.entity.js';
import { Origin } from '../oauth/origin.entity.js';
import { OAuthRecord } from '../oauth/oauth-record.entity.js';
import { RevokedToken } from '../oauth/revoked-token.entity.js';
import { ServiceAccountKey } from '../oauth/service-account-key.entity.js';
import { ServiceAccount } from '../oauth/service-account.entity.js';
import { SigningKey } from '../oauth/signing-key.entity.js';
import { UsedAssertion } from '../oauth/used-assertion.entity.js';
import { OriginClaim } from '../origins/origin-claim.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { ThirdParty } from '../organizations/third-party.entity.js';
import { Session } from '../sessions/session.entity.js';
import { AccountPermission } from '../users/account-permission.entity.js';
import { EmailAddress } from '../users/email-address.entity.js';
import { UnverifiedEmailAddress } from '../users/unverified-email-address.entity.js';
import { PasswordLink } from '../users/password-link.entity.js';
import { Password } from '../users/password.entity.js';
import { ThirdPartyId } from '../users/third-party-id.entity.js';
import { UserSearchTerm } from '../users/user-search-term.entity.js';
import { User } from '../users/user.entity.js';

/** Every table of the service; TypeORM's command line needs them without the modules. */
export const ENTITIES = [
  Organization,
  ThirdParty,
  User,
  EmailAddress,
  UnverifiedEmailAddress,
  ThirdPartyId,
  AccountPermission,
  UserSearchTerm,
  Group,
  GroupSearchTerm,
  Membership,
  GroupStaff,
  Client,
  Origin,
  ClientOrigin,
  OriginClaim,
  SigningKey,
  LoginToken,
  Session,
  FailedAttempt,
  ClientSecret,
  ClientRedirectUri,
  ServiceAccount,
  ServiceAccountKey,
  Password,
  PasswordLink,
  OAuthRecord,
  UsedAssertion,
  RevokedToken,
  AuditEvent,
];
