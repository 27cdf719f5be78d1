import type { BulkMessages } from './en';

export const fr: BulkMessages = {
  bulkBegin: '{action} ({count})',
  findGroup: 'Chercher un groupe que vous gérez',
  close: 'Fermer',
  importHelp:
    'Un fichier CSV avec une ligne par personne et groupe. La première ligne a les noms des colonnes. Rien ne change avant que chaque ligne soit bonne.',
  csvFile: 'Fichier CSV',
  lineOf: 'Ligne {line} : {name}',
  dryRun: 'Vérification',
  importCounts: '{created} comptes à créer, {changed} à modifier, {unchanged} inchangés.',
  importRows: 'Importer {count} lignes',
  importMend: 'Corrigez le fichier et choisissez-le à nouveau.',
  progress: 'Progression',
  bulkRunning: '{done} sur {total}',
  bulkDone: '{done} faits, {failed} échoués.',
  bulkRest: '{count} n’ont pas été touchés.',
  stop: 'Arrêter',
  bulkFailures: 'Ce qui a échoué',
  downloadResult: 'Télécharger le résultat (CSV)',
};
