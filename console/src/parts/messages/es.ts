import type { OnceMessages } from './en';

export const es: OnceMessages = {
  shownOnce: 'Esto se muestra solo ahora. Guárdelo en un lugar seguro.',
  download: 'Descargar',
  copy: 'Copiar',
  copied: 'Copiado',
  iHaveIt: 'Ya lo tengo',
};
