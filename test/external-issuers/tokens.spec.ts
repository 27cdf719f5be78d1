import { createHmac, createPublicKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { JWK } from 'jose';
import { newId } from '../../src/common/id.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { EmailAddress } from '../../src/schema/entities/email-address.entity.js';
import { ThirdPartyId } from '../../src/schema/entities/third-party-id.entity.js';
import { User } from '../../src/schema/entities/user.entity.js';
import { outcome, PUBLIC_URL } from '../support/app.js';
import { decode } from '../support/forge.js';
import { newIssuerKey, TestIssuer } from '../support/issuer.js';
import {
  AUDIENCE,
  REFUSED,
  ask,
  byAddress,
  byClaim,
  byThirdParty,
  caller,
  clients,
  code,
  encode,
  issuer,
  key,
  setUp,
  signed,
  t,
} from './setup.js';

const STALENESS = 2;

setUp();

function tokenOf(sub = caller.id, resource = AUDIENCE): Promise<string> {
  return issuer.token(sub, { resource });
}

describe('a token of another issuer', () => {
  it('calls the API as the account that it names, with the rights that the account has here', async () => {
    const token = await tokenOf();
    expect((await ask(token)).body.id).toBe(caller.id);
    const { id } = await t.world.userOf(caller);
    const { status, body } = await ask(token, `/access/${id}`);
    expect(status).toBe(200);
    expect(decode(body.token).payload).toMatchObject({ sub: id, act: { sub: caller.id }, client_id: clients.id });
    expect((await t.login(body.token)).status).toBe(303);
    expect(outcome(await t.send({ token }, 'POST', '/users', { name: 'A', emailAddress: 'a@b.example' }))).toEqual([
      403,
      'no_permission',
    ]);
  });

  it('gives nobody the staff rights that their account lacks', async () => {
    const user = await t.world.user({ organizationId: caller.organizationId });
    const token = await tokenOf(user);
    expect((await ask(token)).body.id).toBe(user);
    expect(outcome(await ask(token, `/access/${caller.id}`))).toEqual([403, 'not_authorized']);
  });

  it('may name the account by an e-mail address, in any case', async () => {
    const emailAddress = `${newId().toLowerCase()}@customer.example`;
    const id = await t.world.user({ organizationId: caller.organizationId, emailAddress });
    byAddress.claims = { email: emailAddress.toUpperCase(), email_verified: true };
    const token = await byAddress.token('anybody', { resource: AUDIENCE, scope: 'latchkey' });
    expect((await ask(token)).body.id).toBe(id);
    await t.world.write((db) => db.delete(EmailAddress, { userId: id }));
    t.clock.advance(STALENESS);
    expect(outcome(await ask(token))).toEqual(REFUSED);
  });

  it.each([false, 'true', 'false', 1, null, undefined, [true]])(
    'S37: names nobody by an e-mail address with the email_verified %j',
    async (verified) => {
      const emailAddress = `${newId().toLowerCase()}@customer.example`;
      await t.world.user({ organizationId: caller.organizationId, emailAddress });
      byAddress.claims = { email: emailAddress, email_verified: verified };
      const token = await byAddress.token('x', { resource: AUDIENCE, scope: 'latchkey' });
      expect(outcome(await ask(token))).toEqual(REFUSED);
    },
  );

  it.each(['emailAddress', 'thirdPartyId'] as const)(
    'S37: names no staff by %s, also if it becomes staff later',
    async (by) => {
      const named = async (staffOrganizationId: string | null): Promise<{ id: string; token: string }> => {
        const emailAddress = `${newId().toLowerCase()}@customer.example`;
        const thirdPartyId: [string, string] = [code, newId()];
        const id = await t.world.user({ organizationId: caller.organizationId, emailAddress, thirdPartyId });
        await t.world.write((db) => db.update(User, { id }, { staffOrganizationId }));
        byAddress.claims = { email: emailAddress, email_verified: true };
        const token =
          by === 'emailAddress'
            ? await byAddress.token(newId(), { resource: AUDIENCE, scope: 'latchkey' })
            : await byThirdParty.token(thirdPartyId[1], { resource: AUDIENCE });
        return { id, token };
      };
      const staff = await named(caller.organizationId);
      const later = await named(null);
      const refused = await ask(staff.token);
      expect(outcome(refused)).toEqual(REFUSED);
      expect(refused.body.description).toBe(
        `The token names a staff account by ${by}. OAUTH_ISSUERS must name staff by id, which cannot be changed.`,
      );
      expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect((await ask(later.token)).body.id).toBe(later.id);
      await t.world.grant(later.id, 'VIEW_AUDIT_LOG');
      t.clock.advance(STALENESS);
      expect(outcome(await ask(later.token))).toEqual(REFUSED);
    },
  );

  it('may name the account by a third-party ID, as long as the account has it', async () => {
    const id = await t.world.user({ organizationId: caller.organizationId, thirdPartyId: [code, 'pupil-7'] });
    const token = await byThirdParty.token('pupil-7', { resource: AUDIENCE });
    expect((await ask(token)).body.id).toBe(id);
    await t.world.write((db) => db.delete(ThirdPartyId, { thirdParty: code, externalId: 'pupil-7' }));
    t.clock.advance(STALENESS);
    expect(outcome(await ask(token))).toEqual(REFUSED);
  });

  it('may name the account by any claim, and then by no other', async () => {
    byClaim.claims = { employee: caller.id };
    expect((await ask(await byClaim.token('somebody', { resource: AUDIENCE }))).body.id).toBe(caller.id);
    byClaim.claims = {};
    expect(outcome(await ask(await byClaim.token(caller.id, { resource: AUDIENCE })))).toEqual(REFUSED);
  });

  it('needs the scope that stands for ROLE_USER there', async () => {
    const emailAddress = `${newId().toLowerCase()}@customer.example`;
    await t.world.user({ organizationId: caller.organizationId, emailAddress });
    byAddress.claims = { email: emailAddress, email_verified: true };
    const { status, headers } = await ask(await byAddress.token('x', { resource: AUDIENCE, scope: 'ROLE_USER' }));
    expect([status, headers.get('www-authenticate')]).toEqual([403, expect.stringContaining('insufficient_scope')]);
  });

  it.each([
    ['of nobody here', () => tokenOf(newId())],
    ['of an account of another organization', async () => tokenOf((await t.world.caller()).id)],
    ['of an account that no organization manages', async () => tokenOf(await t.world.user())],
    [
      'of an account that is blocked',
      async () => tokenOf(await t.world.user({ organizationId: caller.organizationId, status: 'BLOCKED' })),
    ],
    [
      'of an account by another kind of name',
      async () => {
        const emailAddress = `${newId().toLowerCase()}@customer.example`;
        await t.world.user({ organizationId: caller.organizationId, emailAddress });
        return signed({ sub: emailAddress });
      },
    ],
    ['for another audience', () => tokenOf(caller.id, 'https://else.example/api')],
    ['for our own audience and somebody else’s', () => signed({ aud: [`${AUDIENCE}/`, 'https://else.example'] })],
    ['of another issuer', () => signed({ iss: 'https://else.example' })],
    ['of an issuer with a slash more', () => signed({ iss: `${issuer.url}/` })],
    ['of us, signed there', () => signed({ iss: PUBLIC_URL })],
    ['of a second issuer, signed by the first', () => signed({ iss: byThirdParty.url, sub: caller.id })],
    ['that has expired', () => signed({ exp: Math.floor(Date.now() / 1000) - 61 })],
    ['that is not good yet', () => signed({ nbf: Math.floor(Date.now() / 1000) + 90 })],
    ['that was issued in the future', () => signed({ iat: Math.floor(Date.now() / 1000) + 90 })],
    ['that is bound to a key of its holder', () => signed({ cnf: { jkt: 'x' } })],
    ['that somebody uses for another', () => signed({ act: { sub: 'x' } })],
    ['that is longer than 8 KiB', () => signed({ more: 'x'.repeat(8192) })],
    ['that names a NUL', () => signed({ sub: `${caller.id}\u0000` })],
    ['that is an ID token', () => signed({}, { typ: 'JWT' })],
    ['without a type', () => signed({}, { typ: undefined })],
    ...['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'client_id'].map((claim): [string, () => Promise<string>] => [
      `without ${claim}`,
      () => signed({ [claim]: undefined }),
    ]),
    ...['sub', 'exp', 'iat', 'jti', 'client_id'].map((claim): [string, () => Promise<string>] => [
      `with a list as ${claim}`,
      () => signed({ [claim]: [caller.id] }),
    ]),
  ])('%s is refused', async (_what, make) => {
    expect((await ask(await signed())).status).toBe(200);
    const { status, headers, body } = await ask(await make());
    expect([status, body.id]).toEqual(REFUSED);
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('tolerates a clock that is 60 seconds off', async () => {
    const now = Math.floor(Date.now() / 1000);
    expect((await ask(await signed({ exp: now - 50, iat: now - 100 }))).status).toBe(200);
    expect((await ask(await signed({ iat: now + 50, nbf: now + 50 }))).status).toBe(200);
  });

  it('has the type of RFC 9068 in its long form too', async () => {
    expect((await ask(await signed({}, { typ: 'application/at+jwt' }))).status).toBe(200);
  });

  it.each([
    ['the account is blocked', () => t.world.write((db) => db.update(User, { id: caller.id }, { status: 'BLOCKED' }))],
    [
      'the account has another organization',
      async () => {
        const organizationId = await t.world.organization();
        await t.world.write((db) => db.update(User, { id: caller.id }, { organizationId }));
      },
    ],
  ])('S28: is refused within two seconds once %s', async (_what, lose) => {
    const token = await tokenOf();
    expect((await ask(token)).status).toBe(200);
    await lose();
    t.clock.advance(STALENESS);
    expect(outcome(await ask(token))).toEqual(REFUSED);
  });

  it('is refused once the issuer’s client here is gone', async () => {
    const token = await tokenOf();
    expect((await ask(token)).status).toBe(200);
    const before = await t.world.write((db) => db.findOneByOrFail(Client, { id: clients.id }));
    await t.world.write((db) => db.delete(Client, { id: clients.id }));
    t.clock.advance(STALENESS);
    expect(outcome(await ask(token))).toEqual(REFUSED);
    await t.world.write((db) => db.insert(Client, before));
    expect((await ask(token)).status).toBe(200);
  });
});

describe('the signature of a token of another issuer', () => {
  const evil = newIssuerKey('evil');

  it('is not checked with a key that the token brings', async () => {
    const jwk = createPublicKey({ key: evil as never, format: 'jwk' }).export({ format: 'jwk' });
    for (const kid of ['evil', 'first', undefined])
      expect(outcome(await ask(await signed({}, { jwk, kid }, evil as JWK)))).toEqual(REFUSED);
  });

  it('is not checked with a key from where the token says, which is not even asked', async () => {
    const asked: string[] = [];
    const elsewhere = await TestIssuer.start([evil]);
    for (const header of [{ jku: `${elsewhere.url}/jwks` }, { x5u: `${elsewhere.url}/jwks` }])
      expect(outcome(await ask(await signed({}, { ...header, kid: 'evil' }, evil as JWK)))).toEqual(REFUSED);
    asked.push(...elsewhere.requests);
    await elsewhere.down();
    expect(asked).toEqual([]);
  });

  it('is asymmetric: no HMAC with the public key, and not none', async () => {
    const [, payload] = (await signed()).split('.');
    const pem = createPublicKey({ key: key as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const text = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'first' })}.${payload}`;
    const hmac = `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
    const none = `${encode({ alg: 'none', typ: 'at+jwt', kid: 'first' })}.${payload}.`;
    for (const token of [hmac, none, `${none}AA`]) expect(outcome(await ask(token))).toEqual(REFUSED);
  });

  it('is no other one: a token that was changed is refused', async () => {
    const [header, , signature] = (await signed()).split('.');
    const [, payload] = (
      await signed({ sub: (await t.world.caller({ organizationId: caller.organizationId })).id })
    ).split('.');
    expect(outcome(await ask([header, payload, signature].join('.')))).toEqual(REFUSED);
  });
});

it('a header that is read in another way is refused: crit, b64, and a kid that is no name', async () => {
  expect((await ask(await signed())).status).toBe(200);
  for (const header of [{ kid: 1 }, { kid: {} }, { kid: ['first'] }, { kid: '' }, { kid: null }, { b64: true }])
    expect({ header, outcome: outcome(await ask(await signed({}, header))) }).toEqual({ header, outcome: REFUSED });
  expect(outcome(await ask(await signed({}, { crit: ['b64'], b64: true })))).toEqual(REFUSED);
});
