import type { Schemas } from '../api';
import type { ClientsText } from './clients-texts';

/** How a client authenticates. */
export function kindOf({ isPublic, jwks }: Schemas['Client'], own: ClientsText): string {
  if (isPublic) return own('clientKind_public');
  return jwks ? own('clientKind_keys') : own('clientKind_secret');
}
