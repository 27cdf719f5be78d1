import type { HomeMessages } from './en';

export const es: HomeMessages = {
  attention: 'Lo que necesita atención',
  allIsWell: 'Nada por el momento.',
  oneStaffManager:
    'Solo una persona puede gestionar el personal. Si esa cuenta se pierde, nadie podrá dar más permisos.',
  memberships_one: '{count} afiliación termina el {at}.',
  memberships_other: '{count} afiliaciones terminan, la primera el {at}.',
  groupRight: 'El derecho {permission} de {name} termina el {at}.',
  permission: 'El permiso {permission} termina el {at}.',
  noKey: 'Esta cuenta de servicio no tiene ninguna clave que funcione, así que no puede hacer nada.',
  oldKey: 'Una clave es del {at}. Sustituya las claves de más de un año.',
  oldSecret: 'Un secreto es del {at}. Sustituya los secretos de más de un año.',
  lastDay: 'Las últimas 24 horas',
  hour: 'Hora',
  logins: 'Accesos',
  sessionsStarted: 'Sesiones iniciadas',
  refusals: 'Denegaciones',
  refusalsByReason: 'Denegaciones por motivo',
  noRefusals: 'No hubo denegaciones.',
  reason: 'Motivo',
  number: 'Número',
  refused_ACCESS_REFUSED: 'Se denegó dejar entrar.',
  refused_SESSION_REFUSED: 'Un enlace no inició ninguna sesión.',
  refused_ASSERTION_REFUSED: 'Se denegó un programa.',
  refused_SIGN_IN_FAILED: 'Falló un inicio de sesión.',
};
