import type { BulkMessages } from './en';

export const fr: BulkMessages = {
  bulkAdd: 'Ajouter à un groupe',
  bulkRemove: 'Retirer d’un groupe',
  endSessions: 'Terminer les sessions',
  bulkQuestion_one:
    'Cela s’applique à la personne que vous avez sélectionnée. Vous pouvez l’arrêter, mais pas l’annuler.',
  bulkQuestion_other:
    'Cela s’applique aux {count} personnes que vous avez sélectionnées. Vous pouvez l’arrêter, mais pas l’annuler.',
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
  fault_unreadable_file: 'Ce n’est pas un fichier CSV en UTF-8 dont la première ligne nomme les colonnes.',
  fault_unknown_column: 'Le fichier a une colonne qui n’est pas connue ici, ou deux fois la même colonne.',
  fault_invalid_row: 'La ligne ne correspond pas à la première ligne, ou elle a un début ou une fin sans groupe.',
  fault_invalid_status: 'Le statut doit être ACTIVE ou BLOCKED.',
  fault_invalid_third_party_id:
    'Un identifiant tiers a besoin de son code et de l’identifiant, d’un tiers de l’organisation.',
  fault_locale_invalid: 'La langue doit être un code comme en ou nl-NL.',
  fault_invalid_time_zone: 'Le fuseau horaire doit être un nom comme Europe/Amsterdam.',
  fault_invalid_description: 'Une description a au plus 2000 caractères.',
  fault_year_of_birth_invalid: 'L’année de naissance doit être une année à partir de 1900.',
  fault_residence_country_invalid: 'Le domicile doit être un code de pays comme NL.',
  fault_invalid_instant:
    'validFrom et validUntil doivent être des instants avec un fuseau horaire, comme 2026-12-31T23:00:00Z.',
  fault_ambiguous_group: 'Plusieurs groupes ont ce nom. Donnez l’ID ou la référence.',
};
