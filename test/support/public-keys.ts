import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { selfSigned } from './certificate.js';

/** A public key in a file of somebody's, and the same key as PEM. */
export interface KeyFile {
  form: string;
  file: Buffer;
  pem: string;
}

// Made by OpenSSH.
const SSH_LINE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIB0Nu1cXDB/8ESrJmgS4ILi7+49QL6wOCAy/LjuwOSG host@example';
const PEM_OF_SSH_LINE = pemOf({ kty: 'OKP', crv: 'Ed25519', x: 'gHQ27VxcMH_wRKsmaBLgguLv7j1AvrA4IDL8uO7A5IY' });

function pemOf(jwk: Record<string, string>): string {
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
}

/** Public keys in each form in which people have them. */
export function keyFiles(): KeyFile[] {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const { raw, publicKey: certified } = new X509Certificate(selfSigned().certificate);
  const pemOfCertified = certified.export({ type: 'spki', format: 'pem' }).toString();
  return [
    { form: 'PEM', file: Buffer.from(pem), pem },
    { form: 'PEM with \\n for its line breaks', file: Buffer.from(pem.replaceAll('\n', '\\n')), pem },
    { form: 'PEM after a byte order mark', file: Buffer.from(`\uFEFF${pem.replaceAll('\n', '\r\n')}`), pem },
    { form: 'DER', file: publicKey.export({ type: 'spki', format: 'der' }), pem },
    { form: 'a JWK', file: Buffer.from(JSON.stringify(publicKey.export({ format: 'jwk' }))), pem },
    { form: 'an OpenSSH line', file: Buffer.from(`${SSH_LINE}\n`), pem: PEM_OF_SSH_LINE },
    { form: 'a certificate in PEM', file: Buffer.from(new X509Certificate(raw).toString()), pem: pemOfCertified },
    { form: 'a certificate in DER', file: raw, pem: pemOfCertified },
  ];
}
