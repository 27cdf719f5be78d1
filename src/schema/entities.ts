import { LoginToken } from './entities/login-token.entity.js';
import { Delegation } from './entities/delegation.entity.js';
import { EarlierLogin } from './entities/earlier-login.entity.js';
import { OrganizationNumber } from './entities/organization-number.entity.js';
import { AuditEvent } from './entities/audit-event.entity.js';
import { FailedAttempt } from './entities/failed-attempt.entity.js';
import { GroupSearchTerm } from './entities/group-search-term.entity.js';
import { GroupStaff } from './entities/group-staff.entity.js';
import { Group } from './entities/group.entity.js';
import { Membership } from './entities/membership.entity.js';
import { ClientOrigin } from './entities/client-origin.entity.js';
import { Client } from './entities/client.entity.js';
import { ClientRedirectUri } from './entities/client-redirect-uri.entity.js';
import { ClientSecret } from './entities/client-secret.entity.js';
import { Origin } from './entities/origin.entity.js';
import { OAuthRecord } from './entities/oauth-record.entity.js';
import { GeneralRevocation } from './entities/general-revocation.entity.js';
import { RevokedToken } from './entities/revoked-token.entity.js';
import { ServiceAccountKey } from './entities/service-account-key.entity.js';
import { ServiceAccount } from './entities/service-account.entity.js';
import { SigningKey } from './entities/signing-key.entity.js';
import { UsedAssertion } from './entities/used-assertion.entity.js';
import { OriginClaim } from './entities/origin-claim.entity.js';
import { Organization } from './entities/organization.entity.js';
import { ThirdParty } from './entities/third-party.entity.js';
import { Session } from './entities/session.entity.js';
import { AccountPermission } from './entities/account-permission.entity.js';
import { EmailAddress } from './entities/email-address.entity.js';
import { ApplicationSession } from './entities/application-session.entity.js';
import { ConsoleSession } from './entities/console-session.entity.js';
import { UnverifiedEmailAddress } from './entities/unverified-email-address.entity.js';
import { PasswordLink } from './entities/password-link.entity.js';
import { Password } from './entities/password.entity.js';
import { ThirdPartyId } from './entities/third-party-id.entity.js';
import { Passkey } from './entities/passkey.entity.js';
import { RecoveryCode } from './entities/recovery-code.entity.js';
import { UserSearchTerm } from './entities/user-search-term.entity.js';
import { User } from './entities/user.entity.js';
import { ServerHistory } from './entities/server-history.entity.js';
import { WebhookEndpoint } from './entities/webhook-endpoint.entity.js';
import { WebhookKey } from './entities/webhook-key.entity.js';
import { WriteCheck } from './entities/write-check.entity.js';

/** All tables. TypeORM's command line needs them without the modules. */
export const ENTITIES = [
  Organization,
  OrganizationNumber,
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
  Delegation,
  LoginToken,
  Session,
  EarlierLogin,
  FailedAttempt,
  ClientSecret,
  ClientRedirectUri,
  ServiceAccount,
  ServiceAccountKey,
  Password,
  PasswordLink,
  Passkey,
  RecoveryCode,
  OAuthRecord,
  ConsoleSession,
  ApplicationSession,
  UsedAssertion,
  RevokedToken,
  GeneralRevocation,
  AuditEvent,
  WriteCheck,
  ServerHistory,
  WebhookEndpoint,
  WebhookKey,
];
