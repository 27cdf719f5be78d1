import type { HomeMessages } from './en';

export const nl: HomeMessages = {
  attention: 'Wat aandacht nodig heeft',
  allIsWell: 'Op dit moment niets.',
  oneStaffManager:
    'Slechts één persoon kan het personeel beheren. Als dat account verloren gaat, kan niemand nog rechten geven.',
  memberships_one: '{count} lidmaatschap eindigt op {at}.',
  memberships_other: '{count} lidmaatschappen eindigen, het eerste op {at}.',
  groupRight: 'Het recht {permission} van {name} eindigt op {at}.',
  permission: 'Het recht {permission} eindigt op {at}.',
  noKey: 'Dit serviceaccount heeft geen werkende sleutel en kan dus niets.',
  oldKey: 'Een sleutel is van {at}. Vervang sleutels die ouder zijn dan een jaar.',
  oldSecret: 'Een geheim is van {at}. Vervang geheimen die ouder zijn dan een jaar.',
  lastDay: 'De laatste 24 uur',
  hour: 'Uur',
  logins: 'Aanmeldingen',
  sessionsStarted: 'Begonnen sessies',
  refusals: 'Weigeringen',
  refusalsByReason: 'Weigeringen naar reden',
  noRefusals: 'Er waren geen weigeringen.',
  reason: 'Reden',
  number: 'Aantal',
  refused_ACCESS_REFUSED: 'Binnenlaten werd geweigerd.',
  refused_SESSION_REFUSED: 'Een link begon geen sessie.',
  refused_ASSERTION_REFUSED: 'Een programma werd geweigerd.',
  refused_SIGN_IN_FAILED: 'Een aanmelding mislukte.',
};
