const MAX_KID = 255;

/**
 * Whether the header of a JWT that others made has nothing that changes how it is read: `kid`, if there is one, is a
 * name, and there is neither `crit` nor `b64` (RFC 7515, section 4.1.11; RFC 7797), not even with a value that changes
 * nothing.
 */
export function isPlainHeader(header: object): boolean {
  const { kid = 'none', crit, b64 } = header as Record<string, unknown>;
  const isName = typeof kid === 'string' && kid !== '' && kid.length <= MAX_KID;
  return isName && crit === undefined && b64 === undefined;
}
