import { beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../../src/common/id.js';
import { PasswordsService } from '../../src/users/passwords.service.js';
import { User } from '../../src/schema/entities/user.entity.js';
import type { Answer } from '../support/app.js';
import {
  actionOf,
  assertionOf,
  authorizeQuery,
  Browser,
  JWT_BEARER,
  newCode,
  newScene,
  newTokens,
  REDIRECT_URI,
  requestToken,
} from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';
import { admin, by, host, itHasRecordedAllOf, jtiOf, ok, recordedBy, setUp, t } from './setup.js';
import type { Row } from './setup.js';

setUp();

let oauth: Scene;

beforeAll(async () => {
  oauth = await newScene(t);
});

/** The columns of what the person of the scene does. */
function of(): Row {
  const { organizationId, person, client } = oauth;
  return { organizationId, userId: person.id, actorId: person.id, clientId: client.id };
}

/** The columns of what somebody unknown does. */
function ofNobody(): Row {
  return { organizationId: oauth.organizationId, clientId: oauth.client.id };
}

function present(assertion: string): Promise<Answer> {
  return requestToken(t.url, { grant_type: JWT_BEARER, assertion });
}

describe('of the authorization server, the record has', () => {
  it('the sign-in, the consent, the tokens, their refresh and what is revoked, once', async () => {
    let tokens = { access_token: '', refresh_token: '', jti: '' };
    let refreshed = tokens;
    const found = await recordedBy(async () => {
      tokens = await newTokens(oauth);
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
      refreshed = (await ok(requestToken(t.url, fields, oauth.client))).body;
      for (const token of [refreshed.access_token, refreshed.refresh_token, 'unknown'])
        for (const _ of ['once', 'again']) {
          await ok(requestToken(t.url, { token }, oauth.client, '/oauth/revoke'));
          t.clock.advance(1);
        }
    });
    expect(found).toEqual([
      { event: 'SIGN_IN_SUCCEEDED', ...of() },
      { event: 'CONSENT_GIVEN', ...of() },
      { event: 'TOKEN_ISSUED', ...of(), tokenId: tokens.jti, details: { grant: 'authorization_code' } },
      { event: 'TOKEN_REFRESHED', ...of(), tokenId: refreshed.jti, details: { grant: 'refresh_token' } },
      { event: 'TOKEN_REVOKED', ...of(), tokenId: refreshed.jti },
      { event: 'TOKEN_REVOKED', ...of(), details: { grant: 'refresh_token' } },
    ]);
  });

  it('a password that is set on the command line, for the staff organization or else for the one that manages the account', async () => {
    const managed = await t.world.user({ organizationId: oauth.organizationId });
    const passwords = t.nest.get(PasswordsService, { strict: false });
    await t.world.write((db) => db.update(User, { id: host.id }, { organizationId: null }));
    const found = await recordedBy(async () => {
      for (const id of [host.id, managed]) await passwords.set(id, 'a long enough password');
    });
    expect(found).toEqual([
      { event: 'PASSWORD_SET', organizationId: host.organizationId, userId: host.id },
      { event: 'PASSWORD_SET', organizationId: oauth.organizationId, userId: managed },
    ]);
  });

  it('a link with which somebody sets their password', async () => {
    const { organizationId } = admin;
    const userId = await t.world.user({ organizationId, emailAddress: 'forgetful@academy.example' });
    const found = await recordedBy(() => ok(t.send(admin, 'POST', `/user/${userId}/password-link`)));
    expect(found).toEqual([{ event: 'PASSWORD_LINK_MADE', ...by(admin), userId }]);
  });

  it('a sign-in that failed, also for an address of nobody, and a consent that was not given', async () => {
    const browser = new Browser(t);
    const found = await recordedBy(async () => {
      const form = actionOf(await browser.open(`/oauth/authorize?${authorizeQuery(oauth.client)}`));
      await browser.open(form, { email: oauth.person.emailAddress, password: 'a wrong password, long enough' });
      await browser.open(form, { email: 'nobody@person.example', password: 'a wrong password, long enough' });
      const consent = await browser.open(form, {
        email: oauth.person.emailAddress,
        password: 'a long enough password',
      });
      await browser.open(actionOf(consent), { answer: 'deny' });
    });
    expect(found).toEqual([
      { event: 'SIGN_IN_FAILED', ...of() },
      { event: 'SIGN_IN_FAILED', ...ofNobody() },
      { event: 'SIGN_IN_SUCCEEDED', ...of() },
      { event: 'CONSENT_DENIED', ...of() },
    ]);
  });

  it('a code and a refresh token that come a second time', async () => {
    const exchange = { grant_type: 'authorization_code', code: await newCode(oauth), redirect_uri: REDIRECT_URI };
    const { body } = await ok(requestToken(t.url, exchange, oauth.client));
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: (await newTokens(oauth, oauth.publicClient)).refresh_token,
    };
    await ok(requestToken(t.url, refresh, oauth.publicClient));
    t.clock.advance(31);
    expect(body.refresh_token).toBeTruthy();
    const found = await recordedBy(async () => {
      expect((await requestToken(t.url, exchange, oauth.client)).status).toBe(400);
      expect((await requestToken(t.url, refresh, oauth.publicClient)).status).toBe(400);
    });
    expect(found).toEqual([
      // With the code goes what it says of the user.
      { event: 'TOKEN_REPLAYED', ...ofNobody(), details: { grant: 'authorization_code' } },
      { event: 'TOKEN_REPLAYED', ...of(), clientId: oauth.publicClient.id, details: { grant: 'refresh_token' } },
    ]);
  });

  it('assertions that are used: for itself, for a user, and for a login', async () => {
    const { account } = oauth;
    const { id, groupId } = await t.world.userOf({ ...account, token: '' });
    const ask = async (more: Record<string, string>, sub?: string): Promise<Answer> =>
      ok(
        requestToken(t.url, {
          grant_type: JWT_BEARER,
          assertion: await assertionOf(t, account, sub ? { sub } : {}),
          ...more,
        }),
      );
    const answers: Answer[] = [];
    const found = await recordedBy(async () => {
      answers.push(await ask({}), await ask({}, id));
      answers.push(await ask({ resource: 'http://latchkey.test/login', reason: 'Call 4711' }, id));
    });
    const self = { ...by({ ...account, token: '' }), userId: account.id };
    const forUser = { ...self, userId: id };
    const used = { event: 'ASSERTION_USED', details: { key: account.keyId } };
    const issued = { event: 'TOKEN_ISSUED', details: { grant: JWT_BEARER } };
    expect(found).toEqual([
      { event: 'ACCESS_ISSUED', ...forUser, groupId, tokenId: jtiOf(answers[2]!.body.access_token) },
      { ...used, ...self },
      { ...issued, ...self, tokenId: answers[0]!.body.jti },
      { ...used, ...forUser },
      { ...issued, ...forUser, tokenId: answers[1]!.body.jti },
      { ...used, ...forUser },
      {
        event: 'ACCESS_REASON_GIVEN',
        ...forUser,
        tokenId: jtiOf(answers[2]!.body.access_token),
        details: { text: 'Call 4711' },
      },
    ]);
  });

  it('assertions that are refused although they are signed, and none that anybody could have made', async () => {
    const { account } = oauth;
    const now = Math.floor(t.clock.now().getTime() / 1000);
    const replayed = await assertionOf(t, account);
    const stranger = await t.world.user({ organizationId: oauth.organizationId });
    await ok(present(replayed));
    const found = await recordedBy(async () => {
      await present(await assertionOf(t, account, { exp: now - 600 }));
      await present(await assertionOf(t, account, { aud: 'https://else.example' }));
      await present(await assertionOf(t, account, { sub: newId() }));
      await present(replayed);
      await present(`${replayed}x`);
      await present(await assertionOf(t, { ...account, keyId: newId() }));
    });
    const refused = { event: 'ASSERTION_REFUSED', ...by({ ...account, token: '' }) };
    expect(found).toEqual(
      ['expired', 'claims', 'subject', 'replayed'].map((reason) =>
        Object.assign({ details: { key: account.keyId, reason } }, refused),
      ),
    );
    const denied = await recordedBy(async () => present(await assertionOf(t, account, { sub: stranger })));
    expect(denied).toEqual([
      { event: 'ASSERTION_USED', ...by({ ...account, token: '' }), userId: stranger, details: { key: account.keyId } },
      {
        event: 'ACCESS_REFUSED',
        ...by({ ...account, token: '' }),
        userId: stranger,
        rule: 6,
        details: { reason: 'not_authorized' },
      },
      { ...refused, details: { key: account.keyId, reason: 'not_authorized' } },
    ]);
  });
});

itHasRecordedAllOf('authorization-server');
