import type { Schemas } from '../api';
import type { Texts } from '../language';

/** How a client authenticates. */
export function kindOf({ isPublic, jwks }: Schemas['Client'], t: Texts['t']): string {
  if (isPublic) return t('clientKind_public');
  return jwks ? t('clientKind_keys') : t('clientKind_secret');
}
