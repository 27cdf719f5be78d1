import type { OnceMessages } from './en';

export const fr: OnceMessages = {
  shownOnce: 'Ceci n’est affiché que maintenant. Conservez-le en lieu sûr.',
  download: 'Télécharger',
  copy: 'Copier',
  copied: 'Copié',
  iHaveIt: 'C’est fait',
};
