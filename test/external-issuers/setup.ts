import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { importJWK, SignJWT } from 'jose';
import type { JWK } from 'jose';
import { newClientId, newId } from '../../src/common/id.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { PUBLIC_URL, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { forgetFailedAttempts } from '../support/forge.js';
import { newIssuerKey, TestIssuer } from '../support/issuer.js';
import type { TestCaller } from '../support/world.js';

export const AUDIENCE = `${PUBLIC_URL}/api`;
/** The issuers by what their tokens name an account with. */
export const clients = {
  id: newClientId(),
  emailAddress: newClientId(),
  thirdPartyId: newClientId(),
  claim: newClientId(),
};
export const key = newIssuerKey('first');
export let t: TestApp;
export let issuer: TestIssuer;
export let byAddress: TestIssuer;
export let byThirdParty: TestIssuer;
export let byClaim: TestIssuer;
export let code: string;
export let caller: TestCaller;

/** Starts the service for the tests of a file, and makes what they start from. */
export function setUp(): void {
  beforeAll(async () => {
    issuer = await TestIssuer.start([key]);
    byAddress = await TestIssuer.start([newIssuerKey('a')]);
    byThirdParty = await TestIssuer.start([newIssuerKey('t')]);
    byClaim = await TestIssuer.start([newIssuerKey('c')]);
    code = `LMS-${newId()}`.replaceAll('_', '-');
    t = await TestApp.start({
      OAUTH_ISSUERS: JSON.stringify([
        { issuer: issuer.url, audience: AUDIENCE, clientId: clients.id, account: 'id' },
        {
          issuer: byAddress.url,
          audience: AUDIENCE,
          clientId: clients.emailAddress,
          account: 'emailAddress',
          scope: 'latchkey',
        },
        { issuer: byClaim.url, audience: AUDIENCE, clientId: clients.claim, account: 'id', claim: 'employee' },
        {
          issuer: byThirdParty.url,
          audience: AUDIENCE,
          clientId: clients.thirdPartyId,
          account: 'thirdPartyId',
          thirdParty: code,
        },
      ]),
    });
    const organizationId = await t.world.organization();
    await t.world.write(async (db) => {
      for (const id of Object.values(clients))
        await db.insert(Client, { id, name: 'Elsewhere', organizationId, createdAt: new Date() });
      await db.query(`INSERT INTO "third_parties" ("code", "organization_id") VALUES ('${code}', '${organizationId}')`);
    });
    caller = await t.world.caller({ organizationId });
  });
  afterAll(async () => {
    await Promise.all([issuer, byAddress, byThirdParty, byClaim].map((one) => one.down()));
    await t.stop();
  });
  beforeEach(async () => {
    caller = await t.world.caller({ organizationId: caller.organizationId });
    await forgetFailedAttempts(t);
  });
  afterEach(() => {
    for (const one of [issuer, byAddress, byThirdParty, byClaim]) one.claims = {};
    jest.restoreAllMocks();
  });
}

export function ask(token: string, path = '/user'): Promise<Answer> {
  return t.as({ token })(path);
}

/** A token that the issuer could have signed, with other claims and another header. */
export async function signed(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  jwk: JWK = key as JWK,
): Promise<string> {
  const now = Math.floor(t.clock.now().getTime() / 1000);
  const usual = {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: caller.id,
    client_id: 'x',
    scope: 'ROLE_USER',
    jti: randomUUID(),
  };
  const payload = Object.entries({ ...usual, iat: now, exp: now + 600, ...claims }).filter(
    ([, value]) => value !== undefined,
  );
  const protectedHeader = Object.entries({ alg: 'RS256', typ: 'at+jwt', kid: 'first', ...header }).filter(
    ([, value]) => value !== undefined,
  );
  return new SignJWT(Object.fromEntries(payload))
    .setProtectedHeader(Object.fromEntries(protectedHeader) as { alg: string })
    .sign(await importJWK(jwk, String(header.alg ?? 'RS256')));
}

export function encode(header: object): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

export const REFUSED = [401, 'not_authenticated'];
