import type { LogoutsMessages } from './en';

export const es: LogoutsMessages = {
  unconfirmed: 'Cierres de sesión que la aplicación no ha confirmado',
  unconfirmedHelp:
    'Estas personas quizá sigan conectadas allí. La aplicación recibe el aviso de nuevo durante un día. Compruebe que su dirección para los cierres de sesión es correcta y accesible.',
  allConfirmed: 'La aplicación ha confirmado todos los cierres de sesión.',
  ended: 'Fin',
  attempts: 'Intentos',
  error: 'Última respuesta',
  next: 'Próximo intento',
  givenUp: 'Ninguno: ha pasado un día',
  deletedPerson: 'Una cuenta eliminada',
  noApplications: 'Ninguna',
  status_LIVE: 'con sesión abierta',
  status_DUE: 'está recibiendo el aviso del cierre de sesión',
  status_NOTIFIED: 'con sesión cerrada',
  status_FAILED: 'no ha confirmado el cierre de sesión',
  status_ENDED: 'sin aviso del cierre de sesión',
};
