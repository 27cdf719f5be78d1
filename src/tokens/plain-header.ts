const MAX_KID = 255;

/**
 * Whether a JWT header from somebody else has nothing that changes how the token is read. `kid`, if present, must be a
 * string, and `crit` and `b64` must be absent, even with values that would change nothing (RFC 7515, section 4.1.11;
 * RFC 7797).
 */
export function isPlainHeader(header: object): boolean {
  const { kid = 'none', crit, b64 } = header as Record<string, unknown>;
  const isName = typeof kid === 'string' && kid !== '' && kid.length <= MAX_KID;
  return isName && crit === undefined && b64 === undefined;
}
