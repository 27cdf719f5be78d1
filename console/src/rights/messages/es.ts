import type { RightsMessages } from './en';

export const es: RightsMessages = {
  addStaff: 'Dar un derecho sobre el grupo',
  editName: 'Editar: {name}',
  takeAway: 'Quitar',
  takeAwayFrom: 'Quitar: {permission}, {name}',
  takeAwayQuestion: '¿Quitar «{permission}» a {name}?',
  thisEnds: 'Esto termina {sessions} y {tokens}.',
  sessionsEnd_one: '{count} sesión',
  sessionsEnd_other: '{count} sesiones',
  tokensEnd_one: '{count} token',
  tokensEnd_other: '{count} tokens',
  endsNothing: 'Esto no termina ninguna sesión ni ningún token.',
  validFrom: 'Empieza',
  validUntil: 'Termina',
  periodHint: 'Sin final, el derecho vale hasta que alguien lo quite.',
  ends: 'termina {when}',
  ended: 'terminó {when}',
  begins: 'empieza {when}',
};
