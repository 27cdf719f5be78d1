import type { BulkMessages } from './en';

export const es: BulkMessages = {
  bulkBegin: '{action} ({count})',
  findGroup: 'Busque un grupo que administra',
  close: 'Cerrar',
  importHelp:
    'Un archivo CSV con una fila por persona y grupo. La primera línea tiene los nombres de las columnas. Nada cambia antes de que todas las filas sean correctas.',
  csvFile: 'Archivo CSV',
  lineOf: 'Línea {line}: {name}',
  dryRun: 'Comprobación',
  importCounts: '{created} cuentas por crear, {changed} por cambiar, {unchanged} sin cambios.',
  importRows: 'Importar {count} filas',
  importMend: 'Corrija el archivo y elíjalo otra vez.',
  progress: 'Progreso',
  bulkRunning: '{done} de {total}',
  bulkDone: '{done} hechos, {failed} fallidos.',
  bulkRest: '{count} no se tocaron.',
  stop: 'Detener',
  bulkFailures: 'Lo que falló',
  downloadResult: 'Descargar el resultado (CSV)',
};
