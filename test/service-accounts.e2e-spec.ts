import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importPKCS8, SignJWT } from 'jose';
import { ServiceAccountsService } from '../src/oauth/service-accounts.service.js';
import { outcome, PUBLIC_URL, TestApp } from './support/app.js';
import { JWT_BEARER, requestToken } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let service: ServiceAccountsService;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  service = t.nest.get(ServiceAccountsService, { strict: false });
  admin = await t.world.caller({
    permissions: ['OBTAIN_ACCESS_TOKENS', 'CREATE_GROUPS', 'MANAGE_STAFF', 'MANAGE_USERS'],
  });
});
afterAll(() => t.stop());

function pemOf(pair: { publicKey: { export: (options: { type: 'spki'; format: 'pem' }) => string | Buffer } }): string {
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

describe('a service account', () => {
  it('gets rights as any staff does, and lets a user in with nothing but its key', async () => {
    const id = await service.create(admin.organizationId, 'Portal');
    const { keyId, privateKey } = await service.generateKey(id);
    const { id: userId, groupId } = await t.world.userOf(admin);
    expect((await t.send(admin, 'PUT', `/user/${id}/permissions/OBTAIN_ACCESS_TOKENS`)).status).toBe(200);
    expect((await t.send(admin, 'PUT', `/group/${groupId}/staff/${id}/MANAGE`)).status).toBe(200);

    const assertion = await new SignJWT({ jti: 'one' })
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(id)
      .setSubject(userId)
      .setAudience(`${PUBLIC_URL}/oauth/token`)
      .setExpirationTime('5m')
      .sign(await importPKCS8(privateKey, 'ES256'));
    const resource = `${PUBLIC_URL}/login`;
    const { status, body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion, resource });
    expect({ status, type: body.token_type }).toEqual({ status: 200, type: 'N_A' });
    expect((await t.login(body.access_token)).status).toBe(303);
  });

  it('is no user to let in', async () => {
    const id = await service.create(admin.organizationId, 'Portal');
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([403, 'not_authorized']);
  });

  it('is made in an organization that there is', async () => {
    await expect(service.create('Nowhere', 'Portal')).rejects.toThrow('There is no organization');
  });
});

describe('a key of a service account', () => {
  it.each([
    ['RSA of 2048 bits', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
    ['EC on P-256', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    ['Ed25519', () => pemOf(generateKeyPairSync('ed25519'))],
    ['a JWK', () => JSON.stringify(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }))],
  ])('may be %s', async (_title, text) => {
    const id = await service.create(admin.organizationId, 'Portal');
    expect(await service.addKey(id, text())).toMatch(/^[\w-]{22}$/);
  });

  it.each([
    ['RSA of 1024 bits', 'A key is RSA', () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    ['EC on P-384', 'A key is RSA', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
    [
      'a private key',
      'private key',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    [
      'a private JWK',
      'private key',
      () => JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })),
    ],
    ['a secret', 'no public key', () => JSON.stringify({ kty: 'oct', k: 'AAAA' })],
    ['something else', 'no public key', () => 'something else'],
  ])('may not be %s', async (_title, message, text) => {
    const id = await service.create(admin.organizationId, 'Portal');
    await expect(service.addKey(id, text())).rejects.toThrow(message);
  });

  it('belongs to a service account that there is, and is revoked by its name', async () => {
    await expect(service.generateKey(admin.id)).rejects.toThrow('There is no service account');
    await expect(service.revokeKey('AAAAAAAAAAAAAAAAAAAAAA')).rejects.toThrow('There is no key');
  });
});
