import { CreateDelegatedLogin1795465000000 } from './migrations/1795465000000-CreateDelegatedLogin.js';
import { AddDirectoryLists1795500000000 } from './migrations/1795500000000-AddDirectoryLists.js';
import { CountGroupRights1795600000000 } from './migrations/1795600000000-CountGroupRights.js';
import { AddAuthorizationServer1795700000000 } from './migrations/1795700000000-AddAuthorizationServer.js';
import { NameOriginsOfTokens1795710000000 } from './migrations/1795710000000-NameOriginsOfTokens.js';
import { RotateSigningKeys1795720000000 } from './migrations/1795720000000-RotateSigningKeys.js';
import { AddWaysOfLogin1795740000000 } from './migrations/1795740000000-AddWaysOfLogin.js';
import { AddAuditTrail1795750000000 } from './migrations/1795750000000-AddAuditTrail.js';
import { RecordEndsOnBothSides1795760000000 } from './migrations/1795760000000-RecordEndsOnBothSides.js';
import { NameAccountsOfSignIns1795770000000 } from './migrations/1795770000000-NameAccountsOfSignIns.js';
import { GiveOriginsOwners1796100000000 } from './migrations/1796100000000-GiveOriginsOwners.js';
import { AddOriginClaims1796110000000 } from './migrations/1796110000000-AddOriginClaims.js';
import { AddDefaultEmbedOrigin1796120000000 } from './migrations/1796120000000-AddDefaultEmbedOrigin.js';
import { AddUnverifiedEmailAddresses1796200000000 } from './migrations/1796200000000-AddUnverifiedEmailAddresses.js';
import { AddPasswordLinks1796300000000 } from './migrations/1796300000000-AddPasswordLinks.js';
import { FoldEmailAddresses1796400000000 } from './migrations/1796400000000-FoldEmailAddresses.js';
import { AddCompatibilityOfClients1796600000000 } from './migrations/1796600000000-AddCompatibilityOfClients.js';
import { HideEndersElsewhere1796700000000 } from './migrations/1796700000000-HideEndersElsewhere.js';
import { OnlyRecordRevocations1796951000000 } from './migrations/1796951000000-OnlyRecordRevocations.js';
import { NameMakersOfVerificationLinks1796960000000 } from './migrations/1796960000000-NameMakersOfVerificationLinks.js';
import { RecordEachLoginOnce1797000000000 } from './migrations/1797000000000-RecordEachLoginOnce.js';
import { AddConsoleSessions1797300000000 } from './migrations/1797300000000-AddConsoleSessions.js';
import { AddPasskeys1797900000000 } from './migrations/1797900000000-AddPasskeys.js';
import { AddPeriodsOfRights1797930000000 } from './migrations/1797930000000-AddPeriodsOfRights.js';
import { FindEventsOfGroups1797960000000 } from './migrations/1797960000000-FindEventsOfGroups.js';
import { OrderListsByName1797990000000 } from './migrations/1797990000000-OrderListsByName.js';
import { FindRightsThatEnd1797995000000 } from './migrations/1797995000000-FindRightsThatEnd.js';
import { AddIdTokenKeys1798000000000 } from './migrations/1798000000000-AddIdTokenKeys.js';
import { AddApplications1798100000000 } from './migrations/1798100000000-AddApplications.js';
import { AddApplicationSessions1798200000000 } from './migrations/1798200000000-AddApplicationSessions.js';
import { FindEventsOfRequests1798300000000 } from './migrations/1798300000000-FindEventsOfRequests.js';
import { RecordRequestsOfEnds1798310000000 } from './migrations/1798310000000-RecordRequestsOfEnds.js';
import { AddGeneralRevocations1798400000000 } from './migrations/1798400000000-AddGeneralRevocations.js';
import { AddWriteChecks1798410000000 } from './migrations/1798410000000-AddWriteChecks.js';
import { OrderSessionsByStart1798420000000 } from './migrations/1798420000000-OrderSessionsByStart.js';
import { AddServerHistories1798440000000 } from './migrations/1798440000000-AddServerHistories.js';
import { AddWebhooks1798500000000 } from './migrations/1798500000000-AddWebhooks.js';

/** The migrations in the order in which they run. */
export const MIGRATIONS = [
  CreateDelegatedLogin1795465000000,
  AddDirectoryLists1795500000000,
  CountGroupRights1795600000000,
  AddAuthorizationServer1795700000000,
  NameOriginsOfTokens1795710000000,
  RotateSigningKeys1795720000000,
  AddWaysOfLogin1795740000000,
  AddAuditTrail1795750000000,
  RecordEndsOnBothSides1795760000000,
  NameAccountsOfSignIns1795770000000,
  GiveOriginsOwners1796100000000,
  AddOriginClaims1796110000000,
  AddDefaultEmbedOrigin1796120000000,
  AddUnverifiedEmailAddresses1796200000000,
  AddPasswordLinks1796300000000,
  FoldEmailAddresses1796400000000,
  AddCompatibilityOfClients1796600000000,
  HideEndersElsewhere1796700000000,
  OnlyRecordRevocations1796951000000,
  NameMakersOfVerificationLinks1796960000000,
  RecordEachLoginOnce1797000000000,
  AddConsoleSessions1797300000000,
  AddPasskeys1797900000000,
  AddPeriodsOfRights1797930000000,
  FindEventsOfGroups1797960000000,
  OrderListsByName1797990000000,
  FindRightsThatEnd1797995000000,
  AddIdTokenKeys1798000000000,
  AddApplications1798100000000,
  AddApplicationSessions1798200000000,
  FindEventsOfRequests1798300000000,
  RecordRequestsOfEnds1798310000000,
  AddGeneralRevocations1798400000000,
  AddWriteChecks1798410000000,
  OrderSessionsByStart1798420000000,
  AddServerHistories1798440000000,
  AddWebhooks1798500000000,
];
