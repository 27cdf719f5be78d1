import type { PersonMessages } from './en';

export const nl: PersonMessages = {
  editPerson: 'Account bewerken',
  blockQuestion: '{name} blokkeren? Alle sessies en aanmeldingen van dit account eindigen.',
  deletePersonQuestion: 'Het account van {name} voorgoed verwijderen? Alle sessies eindigen.',
  noSessions: 'Niemand heeft deze persoon binnengelaten.',
  applications: 'Applicaties',
  showApplications: 'Tonen',
  noGroups: 'Deze persoon zit in geen groep die u ziet.',
  endSessionQuestion: 'Deze sessie van {name} beëindigen?',
  whyPerson: 'Wie mag deze persoon binnenlaten?',
  letIn: 'Binnenlaten',
  letInHelp:
    'Laat {name} binnen om te zien wat deze persoon ziet. Daarvoor heb je het recht OBTAIN_ACCESS_TOKENS nodig en een groep van deze persoon die je beheert.',
  letInMake: 'Link maken',
  letInLink: 'Link die {name} binnenlaat',
  letInUntil:
    'Open de link in een privévenster, zodat je eigen browser blijft zoals hij is. De link werkt één keer, tot {at}.',
  letInReason: 'Reden',
  letInReasonHint: 'Het logboek toont de reden. Schrijf geen geheimen op.',
  password: 'Wachtwoord',
  passwordLinkMake: 'Wachtwoordlink maken',
  passwordLinkQuestion:
    'Een link maken waarmee {name} een wachtwoord instelt om in te loggen? Hij vervangt de vorige link.',
  passwordLinkFor: 'Link waarmee {name} een wachtwoord instelt',
  passwordLinkUntil: 'Stuur hem alleen naar {name}. Hij werkt één keer, tot {at}.',
};
