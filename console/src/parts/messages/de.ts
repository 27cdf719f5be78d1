import type { OnceMessages } from './en';

export const de: OnceMessages = {
  shownOnce: 'Das wird nur jetzt angezeigt. Bewahren Sie es sicher auf.',
  download: 'Herunterladen',
  copy: 'Kopieren',
  copied: 'Kopiert',
  iHaveIt: 'Ich habe es',
};
