import type { PersonMessages } from './en';

export const es: PersonMessages = {
  editPerson: 'Editar la cuenta',
  blockQuestion: '¿Bloquear a {name}? Todas las sesiones de esta cuenta terminan.',
  deletePersonQuestion: '¿Eliminar para siempre la cuenta de {name}? Todas las sesiones terminan.',
  noSessions: 'Nadie ha dejado entrar a esta persona.',
  applications: 'Aplicaciones',
  showApplications: 'Mostrar',
  noGroups: 'Esta persona no está en ningún grupo que usted vea.',
  endSessionQuestion: '¿Terminar esta sesión de {name}?',
  whyPerson: '¿Quién puede dejar entrar a esta persona?',
  letIn: 'Dejar entrar',
  letInHelp:
    'Deje entrar a {name} para ver lo que ve esta persona. Necesita el permiso OBTAIN_ACCESS_TOKENS y un grupo de esta persona que usted administre.',
  letInMake: 'Crear un enlace',
  letInLink: 'Enlace que deja entrar a {name}',
  letInUntil: 'Ábralo en una ventana privada, para que su navegador quede como está. Funciona una vez, hasta {at}.',
  letInReason: 'Motivo',
  letInReasonHint: 'El registro lo muestra. No escriba nada secreto.',
  password: 'Contraseña',
  passwordLinkMake: 'Crear un enlace de contraseña',
  passwordLinkQuestion:
    '¿Crear un enlace con el que {name} establece una contraseña para iniciar sesión? Sustituye al enlace anterior.',
  passwordLinkFor: 'Enlace con el que {name} establece una contraseña',
  passwordLinkUntil: 'Envíelo solo a {name}. Funciona una vez, hasta {at}.',
};
