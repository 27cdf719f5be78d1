import { beforeEach, describe, expect, it } from '@jest/globals';
import { AuditService, REFUSALS_PER_MINUTE } from '../../src/audit/audit.service.js';
import { newId } from '../../src/common/id.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { AccountPermission } from '../../src/schema/entities/account-permission.entity.js';
import { PROXIES } from '../support/asking-proxies.js';
import { decode } from '../support/forge.js';
import {
  admin,
  by,
  group,
  host,
  itHasRecordedAllOf,
  jtiOf,
  ok,
  put,
  recordedBy,
  remove,
  setUp,
  t,
  user,
} from './setup.js';
import type { Row } from './setup.js';

setUp();

async function sessionOf(token: string): Promise<string> {
  const { body } = await t.as(admin)(`/audit?event=SESSION_STARTED`);
  return body.events.find((event: { token: string }) => event.token === jtiOf(token)).session;
}

describe('of a login, the record has', () => {
  let token: string;
  let about: Row;
  beforeEach(async () => {
    token = await t.loginToken(host, user);
    about = { ...by(host), userId: user, groupId: group, tokenId: jtiOf(token) };
  });

  it('the reason of the access call, with the token that was issued for it', async () => {
    const reason = 'Call 4711: “results” don’t open';
    let token = '';
    const found = await recordedBy(async () => {
      const { body } = await ok(t.as(host)(`/access/${user}?reason=${encodeURIComponent(reason)}`));
      token = body.token;
    });
    expect(found).toEqual([
      { event: 'ACCESS_ISSUED', ...about, tokenId: jtiOf(token) },
      {
        event: 'ACCESS_REASON_GIVEN',
        ...by(host),
        userId: user,
        tokenId: jtiOf(token),
        details: { text: reason },
      },
    ]);
    const { body } = await t.as(admin)(`/audit?event=ACCESS_REASON_GIVEN&user=${user}`);
    expect(body.events).toMatchObject([{ token: jtiOf(token), actor: host.id, details: { text: reason } }]);
  });

  it.each([
    { what: 'an empty one', reason: '' },
    { what: 'blanks', reason: '  ' },
    { what: 'two lines', reason: 'a\nb' },
    { what: 'more than 200 characters', reason: 'x'.repeat(201) },
  ])('no reason that is $what, which is refused', async ({ reason }) => {
    const found = await recordedBy(async () => {
      const { status, body } = await t.as(host)(`/access/${user}?reason=${encodeURIComponent(reason)}`);
      expect({ status, id: body.id, field: body.field }).toEqual({
        status: 400,
        id: 'incorrect_field',
        field: 'reason',
      });
    });
    expect(found).toEqual([]);
  });

  it('the token and the session, with the identifiers that the token and the session have themselves', async () => {
    let cookie = '';
    let second = '';
    const found = await recordedBy(async () => {
      second = await t.loginToken(host, user);
      cookie = (await ok(t.login(second))).headers.getSetCookie()[0]!.split(';')[0]!;
    });
    const row = { ...about, tokenId: jtiOf(second) };
    expect(found).toEqual([
      { event: 'ACCESS_ISSUED', ...row },
      { event: 'SESSION_STARTED', ...row, sessionId: expect.any(String) },
    ]);
    const { payload } = decode(second);
    const { body } = await t.call('/session', { headers: { cookie } });
    expect([found[1]!.userId, found[1]!.actorId, found[1]!.clientId]).toEqual([
      body.user.id,
      body.actor.id,
      body.actor.clientId,
    ]);
    expect(found[0]).toMatchObject({
      userId: payload.sub,
      actorId: (payload.act as { sub: string }).sub,
      clientId: payload.client_id,
    });
  });

  it('one session for a token that is used many times at once, and a refusal for each of the others', async () => {
    const found = await recordedBy(() => Promise.all(Array.from({ length: 10 }, () => t.login(token))));
    const events = found.map(({ event }) => event);
    expect(events.filter((event) => event === 'SESSION_STARTED')).toHaveLength(1);
    const refusal = { event: 'SESSION_REFUSED', ...about, details: { reason: 'token_used' } };
    expect(found.filter(({ event }) => event === 'SESSION_REFUSED')).toEqual(Array.from({ length: 9 }, () => refusal));
  });

  it.each([
    { reason: 'token_expired', before: async () => t.clock.advance(121) },
    { reason: 'token_used', before: async () => void (await ok(t.login(token))) },
    { reason: 'invalid_token', before: () => t.world.leave(user, group) },
  ])('a refusal for $reason', async ({ reason, before }) => {
    await before();
    const found = await recordedBy(async () => expect((await t.login(token)).body.id).toBe(reason));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...about, details: { reason } }]);
  });

  it('a refusal also when the group of the token is gone', async () => {
    await remove(admin, `/group/${group}`);
    const found = await recordedBy(() => t.login(token));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...about, details: { reason: 'invalid_token' } }]);
  });

  it('nothing of a forged token, nor of one that a live session makes needless', async () => {
    const cookie = await t.signIn(host, user);
    const found = await recordedBy(async () => {
      expect((await t.login(`${token}x`)).status).toBe(401);
      expect((await t.login(token, { cookie })).status).toBe(303);
    });
    expect(found).toEqual([]);
  });

  it.each([
    {
      reason: 'LOGOUT',
      end: (cookie: string) =>
        t.call('/logout', { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } }),
      actor: () => by(host),
    },
    {
      reason: 'BY_USER',
      end: async (cookie: string, id: string) =>
        t.call(`/login/sessions/${id}/end`, { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } }),
      actor: () => by(host),
    },
    {
      reason: 'BY_ADMINISTRATOR',
      end: (_cookie: string, id: string) => remove(admin, `/session/${id}`),
      actor: () => by(admin),
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/user/${user}`),
      actor: () => by(admin),
      also: 'ACCOUNT_DELETED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/group/${group}`),
      actor: () => by(admin),
      also: 'GROUP_DELETED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => remove(admin, `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`),
      actor: () => by(admin),
      also: 'PERMISSION_REVOKED',
    },
    {
      reason: 'RIGHT_REVOKED',
      end: () => put(admin, `/user/${host.id}`, { status: 'BLOCKED' }),
      actor: () => by(admin),
      also: 'ACCOUNT_BLOCKED',
    },
  ])('the end of a session, once: $reason $also', async ({ reason, end, actor, also }) => {
    const cookie = (await ok(t.login(token))).headers.getSetCookie()[0]!.split(';')[0]!;
    const sessionId = await sessionOf(token);
    const found = await recordedBy(async () => void (await end(cookie, sessionId)));
    const ended = { event: 'SESSION_ENDED', ...about, ...actor(), sessionId, details: { reason } };
    expect(found.filter(({ event }) => event === 'SESSION_ENDED')).toEqual([ended]);
    expect(found.map(({ event }) => event).filter((event) => event !== 'SESSION_ENDED')).toEqual(also ? [also] : []);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('the end of a session that another one replaces', async () => {
    const cookie = (await ok(t.login(token))).headers.getSetCookie()[0]!.split(';')[0]!;
    const sessionId = await sessionOf(token);
    const { id: other } = await t.world.userOf(host);
    const second = await t.loginToken(host, other, '?session=switch');
    const found = await recordedBy(() => ok(t.login(second, { cookie })));
    expect(found.map(({ event }) => event).toSorted()).toEqual(['SESSION_ENDED', 'SESSION_STARTED']);
    const ended = { event: 'SESSION_ENDED', ...about, sessionId, details: { reason: 'REPLACED' } };
    expect(found).toContainEqual(ended);
  });

  describe('with the organization that let the user in, and with the one whose administrator', () => {
    let guest: string;
    let row: Row;
    let both: string[];
    beforeEach(async () => {
      ({ id: guest } = await t.world.userOf(host));
      const elsewhere = await t.world.caller();
      const groupId = await t.world.group(elsewhere.organizationId);
      await t.world.allow(elsewhere.id, groupId, 'MANAGE');
      await t.world.join(guest, groupId);
      token = await t.loginToken(elsewhere, guest);
      row = { ...by(admin), userId: guest, groupId, tokenId: jtiOf(token) };
      both = [elsewhere.organizationId, admin.organizationId];
    });

    /** The row in the record of the administrator's organization, and in that of the other one, which is not told who it was. */
    function inBoth(one: object): unknown {
      const { actorId: _, clientId: __, ...others } = one as Row;
      return expect.arrayContaining([one, { ...others, organizationId: both[0] }]);
    }

    it('takes the token back', async () => {
      const found = await recordedBy(() => remove(admin, `/access-token/${jtiOf(token)}`));
      expect(found).toHaveLength(2);
      expect(found).toEqual(inBoth({ event: 'ACCESS_REVOKED', ...row }));
    });

    it.each([
      { what: 'ends the session', path: (sessionId: string) => `/session/${sessionId}` },
      { what: 'takes the token back that has started it', path: () => `/access-token/${jtiOf(token)}` },
    ])('$what', async ({ path }) => {
      const started = await recordedBy(() => ok(t.login(token)));
      const sessionId = started[0]!.sessionId!;
      const found = await recordedBy(() => remove(admin, path(sessionId)));
      const details = { reason: 'BY_ADMINISTRATOR' };
      expect(found).toHaveLength(2);
      expect(found).toEqual(inBoth({ event: 'SESSION_ENDED', ...row, sessionId, details }));
    });

    it('blocks the user', async () => {
      const found = await recordedBy(() => put(admin, `/user/${guest}`, { status: 'BLOCKED' }));
      const revoked = found.filter(({ event }) => event === 'ACCESS_REVOKED');
      expect(revoked.map(({ organizationId }) => organizationId).toSorted()).toEqual(both.toSorted());
    });
  });

  it('a refusal of a good token at a site that it is not for', async () => {
    const uri = `/?oauth_token=${token}`;
    const found = await recordedBy(() => PROXIES.traefik(t.url, { site: 'https://other.example', uri }));
    expect(found).toEqual([{ event: 'SESSION_REFUSED', ...about, details: { reason: 'not_authorized' } }]);
  });

  it('a token that is taken back before it was used', async () => {
    const found = await recordedBy(() => remove(admin, `/access-token/${jtiOf(token)}`));
    expect(found).toEqual([{ event: 'ACCESS_REVOKED', ...about, ...by(admin) }]);
  });

  it('a token that loses what it came from before it was used, and none that had expired', async () => {
    t.clock.advance(60);
    const second = await t.loginToken(host, user);
    t.clock.advance(61);
    const found = await recordedBy(() => remove(admin, `/group/${group}/members/${user}`));
    expect(found).toEqual([
      { event: 'MEMBER_REMOVED', ...by(admin), userId: user, groupId: group },
      { event: 'ACCESS_REVOKED', ...about, ...by(admin), tokenId: jtiOf(second) },
    ]);
  });
});

describe('of access that is refused, the record has the rule, and the group', () => {
  it.each([
    {
      rule: 1,
      why: 'the client is gone meanwhile',
      arrange: async () => {
        // The guard knows the token from a moment ago.
        expect((await t.as(host)('/user')).status).toBe(200);
        await t.world.write((db) => db.delete(Client, { id: host.clientId }));
        return { target: user, row: {} };
      },
      reason: 'not_authenticated',
    },
    {
      rule: 4,
      why: 'the permission is missing',
      arrange: async () => {
        await t.world.write((db) => db.delete(AccountPermission, { userId: host.id }));
        return { target: user, row: {} };
      },
      reason: 'not_authorized',
    },
    {
      rule: 5,
      why: 'there is no such user',
      arrange: async () => ({ target: newId(), row: {} }),
      reason: 'unknown_user',
    },
    {
      rule: 5,
      why: 'the user is blocked',
      arrange: async () => {
        const blocked = await t.world.user({ status: 'BLOCKED' });
        return { target: blocked, row: { userId: blocked } };
      },
      reason: 'unknown_user',
    },
    {
      rule: 6,
      why: 'the caller does not manage the group',
      arrange: async () => {
        const [other, groupId] = [await t.world.user(), await t.world.group(host.organizationId)];
        await t.world.join(other, groupId);
        return { target: other, row: { userId: other, groupId } };
      },
      reason: 'not_authorized',
    },
    {
      rule: 6,
      why: 'the user is in a group of another organization only, which is nobody’s business',
      arrange: async () => {
        const { id } = await t.world.userOf(await t.world.caller());
        return { target: id, row: { userId: id } };
      },
      reason: 'not_authorized',
    },
    {
      rule: 6,
      why: 'the user is in no group',
      arrange: async () => {
        const other = await t.world.user();
        return { target: other, row: { userId: other } };
      },
      reason: 'not_authorized',
    },
  ])('$rule: $why', async ({ rule, arrange, reason }) => {
    const { target, row } = await arrange();
    const found = await recordedBy(async () => expect((await t.as(host)(`/access/${target}`)).body.id).toBe(reason));
    expect(found).toEqual([{ event: 'ACCESS_REFUSED', ...by(host), ...row, rule, details: { reason } }]);
  });

  it.each(['returnTo=https://evil.example/', 'embed=https://evil.example'])(
    '3: %s is not on the list of the client',
    async (query) => {
      const found = await recordedBy(() => t.as(host)(`/access/${user}?${query}`));
      const details = { reason: 'incorrect_field' };
      expect(found).toEqual([{ event: 'ACCESS_REFUSED', ...by(host), rule: 3, details }]);
    },
  );

  it(`up to ${REFUSALS_PER_MINUTE} times a minute`, async () => {
    const audit = t.nest.get(AuditService, { strict: false });
    const { organizationId } = host;
    const refuse = (): Promise<void> => audit.refuse({ event: 'ACCESS_REFUSED', organizationId, by: host });
    for (let i = 0; i < REFUSALS_PER_MINUTE - 1; i++) await refuse();
    const nobody = `/access/${newId()}`;
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(1);
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(0);
    // Neither other organizations nor other events nor the next minute are touched by it.
    const other = await t.world.caller();
    expect(await recordedBy(() => t.as(other)(nobody))).toHaveLength(1);
    expect(await recordedBy(() => t.loginToken(host, user))).toHaveLength(1);
    t.clock.advance(62);
    expect(await recordedBy(() => t.as(host)(nobody))).toHaveLength(1);
  });

  it('nothing of callers who are not who they say', async () => {
    const found = await recordedBy(async () => {
      expect((await t.as({ token: `${host.token}x` })(`/access/${user}`)).status).toBe(401);
      expect((await t.call(`/api/2.1.1/access/${user}`)).status).toBe(401);
    });
    expect(found).toEqual([]);
  });
});

itHasRecordedAllOf('logins');
