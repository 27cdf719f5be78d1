import type { LookupMessages } from './en';

export const es: LookupMessages = {
  title: 'Buscar',
  field: 'ID o nombre',
  help: 'Pegue un ID de un registro: de una persona, un grupo, un cliente, una cuenta de servicio, una sesión, un token de acceso, un token de OAuth o una solicitud. O escriba una dirección de correo o un nombre. Ctrl+K o ⌘K abre esta ventana.',
  results_one: '{count} resultado',
  results_other: '{count} resultados',
  nothing: 'No hay nada con este ID o nombre que usted pueda ver.',
  close: 'Cerrar',
  type_USER: 'Persona',
  type_SERVICE_ACCOUNT: 'Cuenta de servicio',
  type_GROUP: 'Grupo',
  type_CLIENT: 'Cliente',
  type_SESSION: 'Sesión de {name}',
  type_ACCESS_TOKEN: 'Token de acceso de {name}',
  type_LOGIN: 'Inicio de sesión en el registro',
  type_REQUEST: 'Solicitud en el registro',
  type_TOKEN: 'Token de OAuth en el registro',
};
