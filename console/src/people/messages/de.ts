import type { PersonMessages } from './en';

export const de: PersonMessages = {
  editPerson: 'Konto bearbeiten',
  blockQuestion: '{name} sperren? Alle Sitzungen und Anmeldungen dieses Kontos enden.',
  deletePersonQuestion: 'Das Konto von {name} endgültig löschen? Alle Sitzungen enden.',
  noSessions: 'Niemand hat diese Person eingelassen.',
  applications: 'Anwendungen',
  showApplications: 'Anzeigen',
  noGroups: 'Diese Person ist in keiner Gruppe, die Sie sehen.',
  endSessionQuestion: 'Diese Sitzung von {name} beenden?',
  whyPerson: 'Wer darf diese Person einlassen?',
  letIn: 'Einlassen',
  letInHelp:
    'Lassen Sie {name} ein, um zu sehen, was diese Person sieht. Dafür brauchen Sie das Recht OBTAIN_ACCESS_TOKENS und eine Gruppe dieser Person, die Sie verwalten.',
  letInMake: 'Link erstellen',
  letInLink: 'Link, der {name} einlässt',
  letInUntil:
    'Öffnen Sie den Link in einem privaten Fenster, damit Ihr eigener Browser bleibt, wie er ist. Er gilt einmal, bis {at}.',
  letInReason: 'Grund',
  letInReasonHint: 'Das Protokoll zeigt ihn. Schreiben Sie nichts Geheimes.',
  password: 'Passwort',
  passwordLinkMake: 'Passwort-Link erstellen',
  passwordLinkQuestion:
    'Einen Link erstellen, mit dem {name} ein Passwort zum Anmelden setzt? Er ersetzt den vorigen Link.',
  passwordLinkFor: 'Link, mit dem {name} ein Passwort setzt',
  passwordLinkUntil: 'Senden Sie ihn nur an {name}. Er gilt einmal, bis {at}.',
};
