import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DomainError } from '../common/errors/errors.js';
import { readPublicKey } from './public-keys.js';

// Keys that OpenSSH and OpenSSL have written, not our own code.
const SSH_RSA = `ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDGc0p7GSL3XRVT22FW3DVrjmMw/Svx6uEGlCJxkSUyZfv8XjHsuE8P1KCBon32fpTAtYhSkkyeziNMdQWxbMjU2GwTBxxyCTMzMbpr8UkO48cyhOgfC89oQ6jB5cWsubQCYHsrMa5B0xEShxsf8ysBYeczHX7VOJiShnlZ27ymvGt5VCghygQBO4zxjxIu6XETFUa+diFESjYEZf/6s42HeIrjivdu2gQUhNNTUZ+VnJEQIhe6U4yqvFLcT8mpv12S0mcAKVa7W6bZVFhGjzNvuXgR47cNap5SQjMV8XQigGxe52ZQPnAiesxPZ9TNgTTRHxKz5yQOQkyUDaG8MngnyaZaX311URh07QDtmbuvqhE/As0/Ep71Gfi9m8WkNCeqjRtdBPhO18B8+XE3bAFdgQAr2CzAArrbTmt3zJ11w0hJXKfCHjxwd8pIJYx+MAXc3RilZMW4o3rN6hWKq8nKRFapinb2QaqHpdWLYaG52eoKpDqxsiRcjjFajxUwqJ8= host@example`;
const SSH_ED25519 = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIB0Nu1cXDB/8ESrJmgS4ILi7+49QL6wOCAy/LjuwOSG host@example`;
const SSH_EC = `ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBJlh1siHkihqC3FfU9rfkmvrbLF3lvQ1SnC+pMsOrRu7P9RJsulrgau0EbPNByC1l4Exxm7/+vo0Lgu8oaoorM= host@example`;
const PEM_OF_SSH_EC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEmWHWyIeSKGoLcV9T2t+Sa+tssXe
W9DVKcL6kyw6tG7s/1Emy6WuBq7QRs80HILWXgTHGbv/6+jQuC7yhqiisw==
-----END PUBLIC KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUVdn9e7qXbh7MYqGcHw5FW400JIswCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEaG9zdDAeFw0yNjExMjYxNjE5MzhaFw0zNjExMjMxNjE5Mzha
MA8xDTALBgNVBAMMBGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATnDycp
UadnoHsqVNWykfNvFpKbVjBHn8+6Zco+DBQTvytD0FibLNZFhGXMXhCuFe2nQatp
hMMbH3KsL2YJ1/Hko1MwUTAdBgNVHQ4EFgQUojUhizCm2MWxKAIIB2ey71b7xmgw
HwYDVR0jBBgwFoAUojUhizCm2MWxKAIIB2ey71b7xmgwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiA7VSZv7FA0AO8caIvOl3MdEYLHXD5zQVNHvs0/
Cs3nfAIhAK9SpSUikC4jkNZfgZv8Lao4ZF0a/CKSx44/muRk5S3S
-----END CERTIFICATE-----`;

const inBase64 = (pem: string): string => pem.replaceAll(/-----.*-----|\n/g, '');

function jwkOf(given: string): { algorithm: string; jwk: object } {
  const { key, algorithm } = readPublicKey(given);
  return { algorithm, jwk: key.export({ format: 'jwk' }) };
}

describe('a public key', () => {
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.export({ type: 'spki', format: 'pem' }).toString();
  const der = rsa.export({ type: 'spki', format: 'der' });

  it.each([
    { form: 'PEM', given: pem },
    { form: 'PEM with \\n for its line breaks', given: pem.replaceAll('\n', '\\n') },
    { form: 'PEM of PKCS #1', given: rsa.export({ type: 'pkcs1', format: 'pem' }).toString() },
    { form: 'DER in base64', given: der.toString('base64') },
    { form: 'DER in lines of base64', given: inBase64(pem).replaceAll(/.{64}/g, '$&\r\n') },
    { form: 'a JWK', given: JSON.stringify(rsa.export({ format: 'jwk' })) },
  ])('is read in $form', ({ given }) => {
    expect(jwkOf(`\n${given}\n`)).toEqual({ algorithm: 'RS256', jwk: rsa.export({ format: 'jwk' }) });
  });

  it.each([
    { form: 'PEM', given: CERTIFICATE },
    { form: 'DER, in base64', given: inBase64(CERTIFICATE) },
  ])('is read from a certificate in $form', ({ given }) => {
    const jwk = new X509Certificate(CERTIFICATE).publicKey.export({ format: 'jwk' });
    expect(jwkOf(given)).toEqual({ algorithm: 'ES256', jwk });
  });

  it('is read from lines of OpenSSH', () => {
    expect(jwkOf(SSH_EC)).toEqual({
      algorithm: 'ES256',
      jwk: createPublicKey(PEM_OF_SSH_EC).export({ format: 'jwk' }),
    });
    expect(jwkOf(SSH_RSA)).toMatchObject({ algorithm: 'RS256', jwk: { kty: 'RSA', e: 'AQAB' } });
    expect(readPublicKey(SSH_RSA).key.asymmetricKeyDetails?.modulusLength).toBe(3072);
    expect(jwkOf(SSH_ED25519)).toMatchObject({ algorithm: 'EdDSA', jwk: { kty: 'OKP', crv: 'Ed25519' } });
    expect(jwkOf(SSH_ED25519.split(' ', 2).join(' '))).toEqual(jwkOf(SSH_ED25519));
  });

  it.each([
    { what: 'a cut-off OpenSSH line', given: `${SSH_ED25519.slice(0, 60)} host@example` },
    { what: 'an OpenSSH line whose type is another one', given: SSH_ED25519.replace('ssh-ed25519', 'ssh-rsa') },
    { what: 'text', given: 'no key at all' },
    { what: 'base64 of something else', given: 'AAAA' },
    { what: 'nothing', given: '' },
  ])('is not $what: the message names the forms that are accepted', ({ given }) => {
    expect(() => readPublicKey(given)).toThrow(/PEM.*DER.*certificate.*OpenSSH.*JWK/);
  });

  it.each([
    { form: 'PEM', format: 'pem' },
    { form: 'DER in base64', format: 'der' },
  ] as const)('is not the private one in $form', ({ format }) => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const given = privateKey.export({ type: 'pkcs8', format } as { type: 'pkcs8'; format: 'pem' });
    const text = format === 'pem' ? String(given) : Buffer.from(given).toString('base64');
    expect(() => readPublicKey(text)).toThrow(
      new DomainError('invalid_public_key', 'This is a private key. Keep it secret, and register its public key.'),
    );
  });
});
