import type { RecordMessages } from './en';

export const fr: RecordMessages = {
  recordHelp:
    'Qui a fait entrer qui, et ce qui s’est passé d’autre dans votre organisation. Le plus récent est en premier.',
  recordLive: 'Suivre ce qui se passe maintenant',
  recordEmpty: 'Rien ne correspond.',
  recordTime: 'Heure',
  recordEvent: 'Événement',
  recordUser: 'Personne',
  recordActor: 'Par',
  recordClient: 'Client',
  recordDetails: 'Détails',
  recordRule: '(règle {rule})',
  recordFilter: 'Filtrer le journal',
  recordWhoDidIt: 'Auteur',
  recordClientId: 'ID du client',
  recordGroupId: 'ID du groupe',
  recordTokenId: 'ID de la connexion ou du jeton',
  recordRequestId: 'ID de la requête',
  recordEveryEvent: 'Tous les événements',
  recordFrom: 'À partir de',
  recordTo: 'Avant',
  recordApply: 'Filtrer',
  recordNdjson: 'Exporter en NDJSON',
  recordStop: 'Arrêter',
  recordExported: '{count} lignes jusqu’ici',
};
