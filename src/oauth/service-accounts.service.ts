import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import { newClientId, newId } from '../common/id.js';
import { Database } from '../database/database.js';
import { findOrganization } from '../organizations/find-organization.js';
import { User } from '../users/user.entity.js';
import { Client } from './client.entity.js';
import { ServiceAccountKey } from './service-account-key.entity.js';
import type { AssertionAlgorithm } from './service-account-key.entity.js';
import { ServiceAccount } from './service-account.entity.js';

/** The shortest RSA key that NIST SP 800-131A still allows for signatures, in bits. */
const MIN_RSA_BITS = 2048;

/** Service accounts and their keys, for the command line: whoever runs it is the operator. */
@Injectable()
export class ServiceAccountsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** A new one on the staff of the organization, without any right yet. @throws Error for an unknown organization */
  create(organization: string, name: string): Promise<string> {
    return this.database.transaction(async (db) => {
      const { id: organizationId } = await findOrganization(db, organization);
      const [id, clientId, createdAt] = [newId(), newClientId(), this.clock.now()];
      await db.insert(User, {
        id,
        type: 'SERVICE_ACCOUNT',
        status: 'ACTIVE',
        name,
        organizationId,
        staffOrganizationId: organizationId,
        createdAt,
      });
      await db.insert(Client, { id: clientId, name, organizationId, isPublic: true, createdAt });
      await db.insert(ServiceAccount, { userId: id, clientId, createdAt });
      return id;
    });
  }

  /** Registers a public key in PEM or as a JWK, and answers its id, the `kid` of assertions. @throws Error that says what is wrong */
  async addKey(id: string, text: string): Promise<string> {
    const key = readPublicKey(text);
    return this.database.transaction((db) => this.insertKey(db, id, key));
  }

  /** Makes an ES256 key pair, and answers the private half, which is kept nowhere. @throws Error for an unknown account */
  async generateKey(id: string): Promise<{ keyId: string; privateKey: string }> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyId = await this.database.transaction((db) => this.insertKey(db, id, publicKey));
    return { keyId, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  /** From now on the key verifies nothing, and within two seconds its access tokens are refused. @throws Error for an unknown key */
  async revokeKey(keyId: string): Promise<void> {
    await this.database.transaction(async (db) => {
      const { affected } = await db.update(ServiceAccountKey, { id: keyId }, { revokedAt: this.clock.now() });
      if (affected === 0) throw new Error(`There is no key ${keyId}.`);
    });
  }

  private async insertKey(db: EntityManager, userId: string, key: KeyObject): Promise<string> {
    if (!(await db.existsBy(ServiceAccount, { userId }))) throw new Error(`There is no service account ${userId}.`);
    const algorithm = algorithmOf(key);
    const id = newId();
    const jwk = JSON.stringify(key.export({ format: 'jwk' }));
    await db.insert(ServiceAccountKey, { id, userId, algorithm, jwk, createdAt: this.clock.now(), revokedAt: null });
    return id;
  }
}

/** A private key would be taken too: its public half. It has no business here, so it is refused. */
function readPublicKey(text: string): KeyObject {
  if (/PRIVATE KEY/.test(text) || /"d"\s*:/.test(text))
    throw new Error('This is a private key: keep it, and register its public half.');
  try {
    const isJwk = text.trimStart().startsWith('{');
    return isJwk ? createPublicKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' }) : createPublicKey(text);
  } catch {
    throw new Error('This is no public key in PEM or as a JWK.');
  }
}

/** Pinned to the key when it is registered (RFC 8725, section 3.1). */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): AssertionAlgorithm {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails.namedCurve === 'prime256v1') return 'ES256';
  if (asymmetricKeyType === 'rsa' && asymmetricKeyDetails.modulusLength! >= MIN_RSA_BITS) return 'RS256';
  throw new Error(`A key is RSA of at least ${MIN_RSA_BITS} bits, EC on P-256, or Ed25519.`);
}
