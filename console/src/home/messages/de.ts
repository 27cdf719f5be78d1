import type { HomeMessages } from './en';

export const de: HomeMessages = {
  attention: 'Was Aufmerksamkeit braucht',
  allIsWell: 'Im Moment nichts.',
  oneStaffManager:
    'Nur eine Person kann das Personal verwalten. Geht dieses Konto verloren, kann niemand mehr Rechte geben.',
  memberships_one: '{count} Mitgliedschaft endet am {at}.',
  memberships_other: '{count} Mitgliedschaften enden, die erste am {at}.',
  groupRight: 'Das Recht {permission} von {name} endet am {at}.',
  permission: 'Das Recht {permission} endet am {at}.',
  noKey: 'Dieses Dienstkonto hat keinen gültigen Schlüssel und kann deshalb nichts tun.',
  oldKey: 'Ein Schlüssel ist vom {at}. Ersetzen Sie Schlüssel, die älter als ein Jahr sind.',
  oldSecret: 'Ein Geheimnis ist vom {at}. Ersetzen Sie Geheimnisse, die älter als ein Jahr sind.',
  lastDay: 'Die letzten 24 Stunden',
  hour: 'Stunde',
  logins: 'Anmeldungen',
  sessionsStarted: 'Begonnene Sitzungen',
  refusals: 'Ablehnungen',
  refusalsByReason: 'Ablehnungen nach Grund',
  noRefusals: 'Es gab keine Ablehnungen.',
  reason: 'Grund',
  number: 'Anzahl',
  refused_ACCESS_REFUSED: 'Das Einlassen wurde abgelehnt.',
  refused_SESSION_REFUSED: 'Ein Link begann keine Sitzung.',
  refused_ASSERTION_REFUSED: 'Ein Programm wurde abgelehnt.',
  refused_SIGN_IN_FAILED: 'Eine Anmeldung schlug fehl.',
};
