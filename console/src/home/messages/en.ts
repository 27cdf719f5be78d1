/** The texts of the page that opens first. */
export const en = {
  attention: 'What needs attention',
  allIsWell: 'Nothing at the moment.',
  oneStaffManager: 'Only one person can manage the staff. If that account is lost, nobody can give rights any more.',
  memberships_one: '{count} membership ends on {at}.',
  memberships_other: '{count} memberships end, the first on {at}.',
  groupRight: 'The right {permission} of {name} ends on {at}.',
  permission: 'The permission {permission} ends on {at}.',
  noKey: 'This service account has no key that works, so it can do nothing.',
  oldKey: 'A key is from {at}. Replace keys that are older than a year.',
  oldSecret: 'A secret is from {at}. Replace secrets that are older than a year.',
  lastDay: 'The last 24 hours',
  hour: 'Hour',
  logins: 'Logins',
  sessionsStarted: 'Sessions started',
  refusals: 'Refusals',
  refusalsByReason: 'Refusals by reason',
  noRefusals: 'There were no refusals.',
  reason: 'Reason',
  number: 'Number',
  refused_ACCESS_REFUSED: 'Letting in was refused.',
  refused_SESSION_REFUSED: 'A link started no session.',
  refused_ASSERTION_REFUSED: 'A program was refused.',
  refused_SIGN_IN_FAILED: 'A sign-in failed.',
};

export type HomeMessages = Readonly<Record<keyof typeof en, string>>;
