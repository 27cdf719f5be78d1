import type { LogoutsMessages } from './en';

export const fr: LogoutsMessages = {
  unconfirmed: 'Déconnexions que l’application n’a pas confirmées',
  unconfirmedHelp:
    'Ces personnes y sont peut-être encore connectées. L’application est prévenue de nouveau pendant un jour. Vérifiez que son adresse pour les déconnexions est juste et accessible.',
  allConfirmed: 'L’application a confirmé toutes les déconnexions.',
  ended: 'Fin',
  attempts: 'Tentatives',
  error: 'Dernière réponse',
  next: 'Prochaine tentative',
  givenUp: 'Aucune : un jour a passé',
  deletedPerson: 'Un compte supprimé',
  noApplications: 'Aucune',
  status_LIVE: 'connecté',
  status_DUE: 'en train d’être prévenue de la déconnexion',
  status_NOTIFIED: 'déconnecté',
  status_FAILED: 'n’a pas confirmé la déconnexion',
  status_ENDED: 'non prévenue de la déconnexion',
};
