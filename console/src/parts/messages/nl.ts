import type { OnceMessages } from './en';

export const nl: OnceMessages = {
  shownOnce: 'Dit wordt alleen nu getoond. Bewaar het op een veilige plaats.',
  download: 'Downloaden',
  copy: 'Kopiëren',
  copied: 'Gekopieerd',
  iHaveIt: 'Ik heb het',
};
