import type { AccountMessages } from './en';

export const es: AccountMessages = {
  passwordAndSignIns: 'Contraseña e inicios de sesión',
  organization: 'Organización',
  mySessions: 'Quién me dejó entrar',
  mySessionsHelp: 'Alguien le dejó entrar en un sitio, y usted sigue conectado allí. Termine lo que no conozca.',
  noOwnSessions: 'Nadie ha iniciado una sesión por usted.',
  endOwnSessionName: 'Terminar la sesión que {name} inició el {at}',
  endOwnSessionQuestion: '¿Terminar la sesión que {name} inició el {at}? Se cierra su sesión allí.',
  myInvitations: 'Invitaciones',
  myInvitationsHelp: 'Quien administra un grupo al que usted se une puede dejarle entrar.',
  noInvitations: 'Nadie le ha invitado a un grupo.',
  answer: 'Respuesta',
  accept: 'Aceptar',
  acceptName: 'Aceptar: {name}',
  acceptQuestion:
    '¿Unirse a {name}? El personal de {organization} que administra el grupo podrá entonces dejarle entrar.',
  decline: 'Rechazar',
  declineName: 'Rechazar: {name}',
  declineQuestion: '¿Rechazar la invitación a {name}?',
  password: 'Contraseña',
  passwordHelp: 'Cambie su contraseña y vea en qué otros navegadores ha iniciado sesión con ella.',
  invitation_ACCEPT: 'Ahora es miembro de {name}.',
  invitation_DECLINE: 'Ha rechazado la invitación a {name}.',
};
