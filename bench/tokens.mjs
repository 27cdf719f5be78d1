// Plain JWTs with HMAC-SHA-256, for the baseline.
import { createHmac, timingSafeEqual } from 'node:crypto';

const HEADER = encode({ alg: 'HS256', typ: 'JWT' });

export function sign(key, claims) {
  const signed = `${HEADER}.${encode(claims)}`;
  return `${signed}.${mac(key, signed).toString('base64url')}`;
}

/** The claims of a token of ours that has not expired, or `null`. */
export function verify(key, token) {
  const end = token.lastIndexOf('.');
  if (!token.startsWith(`${HEADER}.`) || end <= HEADER.length) return null;
  const expected = mac(key, token.slice(0, end));
  const given = Buffer.from(token.slice(end + 1), 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const claims = JSON.parse(Buffer.from(token.slice(HEADER.length + 1, end), 'base64url').toString());
  return claims.exp > Date.now() / 1000 ? claims : null;
}

function mac(key, text) {
  return createHmac('sha256', key).update(text).digest();
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
