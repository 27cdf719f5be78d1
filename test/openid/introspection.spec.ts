import { describe, expect, it } from '@jest/globals';
import { call, PUBLIC_URL } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { assertionOf, JWT_BEARER, newClient, newServiceAccount, requestToken } from '../support/oauth.js';
import type { TestClient, TestServiceAccount } from '../support/oauth.js';
import { letIn, scene, setUp, signInAt } from './setup.js';

setUp();

function introspect(token: string, { id, secret }: TestClient = scene.application): Promise<Answer> {
  return requestToken(scene.t.url, { token }, { id, secret }, '/oauth/introspect');
}

/** A service account of the scene's organization that may let the user in, and its access token for them. */
async function actingFor(user: string): Promise<{ account: TestServiceAccount; token: string }> {
  const { t, organizationId } = scene;
  const account = await newServiceAccount(t, organizationId);
  const groupId = await t.world.group(organizationId);
  await t.world.join(user, groupId);
  await t.world.allow(account.id, groupId, 'MANAGE');
  const fields = { grant_type: JWT_BEARER, assertion: await assertionOf(t, account, { sub: user }) };
  return { account, token: (await requestToken(t.url, fields)).body.access_token };
}

describe('introspection (RFC 7662)', () => {
  it('2.2: says of an access token for the API whose it is, and who acts for them', async () => {
    const { account, token } = await actingFor(scene.user);
    const { status, body, headers } = await introspect(token);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: PUBLIC_URL,
      aud: `${PUBLIC_URL}/api`,
      sub: scene.user,
      act: { sub: account.id },
      client_id: account.clientId,
      scope: 'ROLE_USER',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
    });
  });

  it('2.2: says of a refresh token whether it is good', async () => {
    const { refresh_token } = await signInAt(await letIn());
    expect((await introspect(refresh_token)).body).toMatchObject({ active: true, sub: scene.user });
    await requestToken(scene.t.url, { token: refresh_token }, scene.application, '/oauth/revoke');
    expect((await introspect(refresh_token)).body).toEqual({ active: false });
  });

  it('2.2: says no more of a token that is revoked, or whose right is gone', async () => {
    const { t } = scene;
    const { account, token } = await actingFor(scene.user);
    const other = await actingFor(scene.user);
    await requestToken(t.url, { token, client_id: account.clientId }, undefined, '/oauth/revoke');
    await t.world.write((db) => db.query(`DELETE FROM "group_staff" WHERE "user_id" = '${other.account.id}'`));
    for (const gone of [token, other.token]) expect((await introspect(gone)).body).toEqual({ active: false });
  });

  it('2.2: says nothing of tokens of another organization, and of what is no token', async () => {
    const elsewhere = await newClient(scene.t, await scene.t.world.organization());
    const { token } = await actingFor(scene.user);
    const { access_token, id_token, refresh_token } = await signInAt(await letIn());
    for (const one of [token, access_token, refresh_token])
      expect((await introspect(one, elsewhere)).body).toEqual({ active: false });
    for (const one of [
      id_token,
      scene.caller.token.slice(0, -3),
      'x',
      await scene.t.loginToken(scene.caller, scene.user),
    ])
      expect((await introspect(one)).body).toEqual({ active: false });
  });

  it('2.1: is for clients that prove who they are', async () => {
    const isPublic = await newClient(scene.t, scene.organizationId, { isPublic: true });
    const { access_token } = await signInAt(await letIn());
    expect((await introspect(access_token, isPublic)).body).toEqual({ active: false });
    expect((await introspect(access_token, { ...scene.application, secret: 'wrong' })).status).toBe(401);
    const nobody = await call(scene.t.url, '/oauth/introspect', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${access_token}`,
    });
    expect([nobody.status, nobody.body.error]).toEqual([400, 'invalid_request']);
  });
});
