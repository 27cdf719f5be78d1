import { instantOfLogin, readLoginId } from '../src/common/login-id.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { newId } from '../src/common/id.js';
import { KeyRing } from '../src/tokens/key-ring.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { PUBLIC_URL, TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  caller = await t.world.caller({ origins: ['https://learn.example.com'] });
});

describe('GET access/{user}', () => {
  it('answers with a token, a URL that carries it, and its end', async () => {
    const { id } = await t.world.userOf(caller);
    const before = Math.floor(t.clock.now().getTime() / 1000);
    const { status, headers, body } = await t.as(caller)(`/access/${id}`);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(body).toEqual({
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      url: `${PUBLIC_URL}/login?token=${body.token}`,
      expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    const lifetime = Date.parse(body.expires) / 1000 - before;
    expect([120, 121]).toContain(lifetime);
  });

  it('puts the documented claims and nothing else into the token', async () => {
    const { id } = await t.world.userOf(caller);
    const { body } = await t.as(caller)(`/access/${id}`);
    const key = t.nest.get(KeyRing, { strict: false }).signing('LOGIN');
    const decoded = new JwtService().decode(body.token, { complete: true });
    expect(decoded.header).toEqual({ alg: 'HS256', typ: 'login+jwt', kid: key.kid });
    expect(decoded.payload).toEqual({
      iss: PUBLIC_URL,
      aud: `${PUBLIC_URL}/login`,
      sub: id,
      iat: Date.parse(body.expires) / 1000 - 120,
      exp: Date.parse(body.expires) / 1000,
      jti: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      client_id: caller.clientId,
      authorities: ['ROLE_USER'],
      scope: ['ROLE_USER'],
      act: { sub: caller.id },
    });
  });

  it('records who let whom in, through which client and group, until when, and not the token', async () => {
    const { id, groupId } = await t.world.userOf(caller);
    const { body } = await t.as(caller)(`/access/${id}?returnTo=/course`);
    const [record] = await t.world.loginTokensOf(id);
    const { jti } = new JwtService().decode(body.token);
    expect({ ...record, id: readLoginId(record!.id), expiresAt: Number(record!.expiresAt) }).toEqual({
      id: jti,
      userId: id,
      delegationId: record!.delegationId,
      organizationNumber: expect.any(Number),
      managerNumber: null,
      expiresAt: Date.parse(body.expires),
      revokedAt: null,
      revokedBy: null,
      revokedByClientId: null,
      revokedByRequestId: null,
      secure: false,
      returnTo: '/course',
      returnOrigin: null,
      embedOrigin: null,
      delivery: null,
      existingSession: null,
    });
    expect(Math.floor(instantOfLogin(jti).getTime() / 1000)).toBe(Date.parse(body.expires) / 1000 - 120);
    expect(await t.world.delegationOf(record!)).toEqual({
      id: record!.delegationId,
      callerId: caller.id,
      clientId: caller.clientId,
      groupId,
      keyId: '',
      organizationId: caller.organizationId,
      organizationNumber: record!.organizationNumber,
      isImported: false,
    });
  });

  it('makes a new token at every call', async () => {
    const { id } = await t.world.userOf(caller);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => t.loginToken(caller, id)));
    expect(new Set(tokens).size).toBe(20);
  });

  it('takes the older scheme OAuth, in any case', async () => {
    const { id } = await t.world.userOf(caller);
    for (const scheme of ['OAuth', 'oauth', 'Bearer', 'BEARER']) {
      const { status } = await t.call(`/api/2.1.1/access/${id}`, {
        headers: { authorization: `${scheme} ${caller.token}` },
      });
      expect({ scheme, status }).toEqual({ scheme, status: 200 });
    }
  });

  it.each(['/api/2', '/api/2.1', '/api/2.1.1'])('is there under %s', async (base) => {
    const { id } = await t.world.userOf(caller);
    const { status } = await t.call(`${base}/access/${id}`, { headers: { authorization: `Bearer ${caller.token}` } });
    expect(status).toBe(200);
  });

  it.each([
    ['/api/2', ['token']],
    ['/api/2.1', ['token', 'url', 'expires']],
    ['/api/2.1.1', ['token', 'url', 'expires']],
  ])('answers under %s what that version documents: %s', async (base, members) => {
    const thirdParty = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [thirdParty, '1'] });
    for (const path of [id, `${id}?security=ssl`, `${thirdParty}/1`]) {
      const { body } = await t.call(`${base}/access/${path}`, { headers: { authorization: `Bearer ${caller.token}` } });
      expect(Object.keys(body)).toEqual(members);
      expect((await t.login(body.token)).status).toBe(303);
    }
  });

  it('is marked as deprecated in every answer, refusals too', async () => {
    const { id } = await t.world.userOf(caller);
    const answers = [
      await t.as(caller)(`/access/${id}`),
      await t.as(caller)('/access/nobody'),
      await t.call(`/api/2/access/${id}`),
      await t.as(caller)('/access'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 401, 400]);
    for (const { headers } of answers) {
      expect(headers.get('deprecation')).toMatch(/^@\d+$/);
      expect(headers.get('link')).toMatch(/rel="deprecation".*rel="successor-version"/);
    }
    const guide = /<http:\/\/latchkey\.test([^>]+)>/.exec(answers[0]!.headers.get('link')!)![1]!;
    expect((await t.call(guide)).status).toBe(200);
  });

  it('ignores parameters that it does not know', async () => {
    const { id } = await t.world.userOf(caller);
    expect((await t.as(caller)(`/access/${id}?utm=1&utm=2&debug[]=x`)).status).toBe(200);
  });
});

describe('a user reference', () => {
  it('is a user ID, an e-mail address in any case, or a third-party ID in one segment or two', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const address = `noor.${newId().slice(0, 6).toLowerCase()}@academy.example`;
    const { id } = await t.world.userOf(caller, { emailAddress: address, thirdPartyId: [code, '4711'] });
    const paths = [
      id,
      address,
      address.replace('@', '%40'),
      address.toUpperCase(),
      `${code}$4711`,
      `${code}%244711`,
      `${code}/4711`,
    ];
    for (const path of paths) {
      const { body } = await t.as(caller)(`/access/${path}`);
      expect({ path, sub: new JwtService().decode(body.token)?.sub }).toEqual({ path, sub: id });
    }
  });

  it.each([
    { of: 'slashes', text: 'class/2b/14' },
    { of: 'spaces', text: ' 14 b ' },
    { of: 'other scripts', text: 'Иван Ñandú 学生 🎓' },
    { of: 'dollar signs', text: 'a$b$c' },
    { of: 'percent signs', text: '100%25' },
    { of: 'the form of an e-mail address', text: 'Someone@Example.com' },
    { of: 'plus signs and ampersands', text: 'a+b&c=d?e#f' },
    { of: '255 characters', text: 'é'.repeat(255) },
  ])('may be a third-party ID with $of', async ({ text }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [code, text] });
    for (const path of [`${code}/${encodeURIComponent(text)}`, `${code}%24${encodeURIComponent(text)}`]) {
      const { body } = await t.as(caller)(`/access/${path}`);
      expect({ path, sub: new JwtService().decode(body.token)?.sub }).toEqual({ path, sub: id });
    }
  });

  it('tells third-party IDs apart by case', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    await t.world.userOf(caller, { thirdPartyId: [code, 'abc'] });
    expect((await t.as(caller)(`/access/${code}/ABC`)).body.id).toBe('unknown_user');
    expect((await t.as(caller)(`/access/${code.toLowerCase()}/abc`)).body.id).toBe('unknown_user');
  });

  it('is self for the caller, by the same rules', async () => {
    expect((await t.as(caller)('/access/self')).body.id).toBe('not_authorized');
    const groupId = await t.world.group(caller.organizationId);
    await t.world.join(caller.id, groupId);
    await t.world.allow(caller.id, groupId, 'MANAGE');
    expect((await t.as(caller)('/access/self')).status).toBe(200);
  });

  it.each([
    '',
    '/',
    '/%20',
    '/%20%09',
    `/LMS%24`,
    '/LMS/%20',
    '/-/1',
    `/LMS/${'x'.repeat(256)}`,
    `/${'x'.repeat(300)}@example.com`,
    '/$1',
  ])('is missing or malformed in access%s', async (path) => {
    const { status, body } = await t.as(caller)(`/access${path}`);
    expect({ status, id: body.id }).toEqual({ status: 400, id: 'missing_field' });
    expect(Object.keys(body)).toEqual(['id', 'description']);
  });

  it.each(['/%00', '/a%00b', '/LMS/%00'])('is not text in access%s', async (path) => {
    const { status, body } = await t.as(caller)(`/access${path}`);
    expect({ status, id: body.id }).toEqual({ status: 400, id: 'invalid_request' });
    expect(Object.keys(body)).toEqual(['id', 'description']);
  });
});

describe('the parameters', () => {
  it('security=ssl asks for a session that is usable over https only', async () => {
    const { id } = await t.world.userOf(caller);
    const { body } = await t.as(caller)(`/access/${id}?security=ssl`);
    expect(body.url).toBe(`https://latchkey.test/login?token=${body.token}`);
    const [cookie] = (await t.login(body.token)).headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-latchkey=.*; Secure/);
  });

  it.each([
    'security=none',
    'security=SSL',
    'security=',
    'returnTo=',
    'returnTo=https://elsewhere.example/',
    'returnTo=course',
  ])('refuses %s as incorrect_field', async (query) => {
    const { id } = await t.world.userOf(caller);
    const { status, body } = await t.as(caller)(`/access/${id}?${query}`);
    expect(status).toBe(400);
    expect(body).toEqual({ id: 'incorrect_field', description: expect.any(String), field: query.split('=')[0] });
  });

  it.each(['security=ssl&security=ssl', 'security[]=ssl', 'security[a]=ssl', 'returnTo=/a&returnTo=/b'])(
    'refuses %s as invalid_request',
    async (query) => {
      const { id } = await t.world.userOf(caller);
      const { status, body } = await t.as(caller)(`/access/${id}?${query}`);
      expect({ status, id: body.id }).toEqual({ status: 400, id: 'invalid_request' });
    },
  );

  it('returnTo is where the login ends: a path, or a URL on an origin of the client', async () => {
    const { id } = await t.world.userOf(caller);
    for (const target of ['/course/1?a=b#c', 'https://learn.example.com/x?y=%2F', `${PUBLIC_URL}/z`]) {
      const token = await t.loginToken(caller, id, `?returnTo=${encodeURIComponent(target)}`);
      const { status, headers } = await t.login(token);
      expect({ status, location: headers.get('location') }).toEqual({ status: 303, location: target });
    }
  });

  it('returnTo takes no origin of another client', async () => {
    const other = await t.world.caller({ organizationId: caller.organizationId });
    const { id } = await t.world.userOf(other);
    const { body } = await t.as(other)(`/access/${id}?returnTo=https://learn.example.com/`);
    expect(body.id).toBe('incorrect_field');
  });
});

describe('the rules', () => {
  it.each([
    { of: 'no Authorization header', headers: {} },
    { of: 'an empty header', headers: { authorization: '' } },
    { of: 'a scheme without a token', headers: { authorization: 'Bearer' } },
    { of: 'a scheme and blanks', headers: { authorization: 'OAuth   ' } },
    { of: 'another scheme', headers: { authorization: 'Basic YTpi' } },
  ])('answer 401 without an error attribute for $of', async ({ headers }) => {
    const answer = await t.call('/api/2.1.1/access/someone', { headers: headers as Record<string, string> });
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({ id: 'not_authenticated', description: expect.any(String) });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="latchkey"');
  });

  it.each(['x', 'a.b.c', 'a b'])('answer 401 with error="invalid_token" for the token «%s»', async (token) => {
    const answer = await t.as({ token })('/access/someone');
    expect({ status: answer.status, id: answer.body.id }).toEqual({ status: 401, id: 'not_authenticated' });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="latchkey", error="invalid_token"/);
  });

  it('take no token from the query string', async () => {
    const { id } = await t.world.userOf(caller);
    for (const name of ['access_token', 'token', 'oauth_token']) {
      expect((await t.call(`/api/2.1.1/access/${id}?${name}=${caller.token}`)).status).toBe(401);
    }
  });

  it('take no session cookie', async () => {
    const { id } = await t.world.userOf(caller);
    const cookie = await t.signIn(caller, id);
    expect((await t.call(`/api/2.1.1/access/${id}`, { headers: { cookie } })).status).toBe(401);
  });

  it('refuse a login token as a caller’s token', async () => {
    const { id } = await t.world.userOf(caller);
    const token = await t.loginToken(caller, id);
    expect((await t.as({ token })(`/access/${id}`)).body.id).toBe('not_authenticated');
  });

  it('refuse a caller’s token once its client or its account is gone', async () => {
    const { id } = await t.world.userOf(caller);
    await t.world.write((db) => db.query(`DELETE FROM "clients" WHERE "id" = '${caller.clientId}'`));
    expect((await t.as(caller)(`/access/${id}`)).body.id).toBe('not_authenticated');
    const gone = await t.world.caller();
    await t.world.write((db) => db.delete(User, { id: gone.id }));
    expect((await t.as(gone)(`/access/${id}`)).body.id).toBe('not_authenticated');
  });

  it.each([
    {
      of: 'staff without the permission',
      make: () => t.world.caller({ permissions: ['MANAGE_USERS', 'MANAGE_ALL_GROUPS'] }),
    },
    { of: 'an account on nobody’s staff', make: () => changed({ staffOrganizationId: null }) },
  ])('answer 403 for $of, and the same whoever the target is', async ({ make }) => {
    const refused = await make();
    const { id } = await t.world.userOf(refused);
    const answers = await Promise.all(
      [id, 'nobody', 'nobody@example.com', 'LMS/1', 'self'].map((ref) => t.as(refused)(`/access/${ref}`)),
    );
    expect(new Set(answers.map(({ status, body }) => JSON.stringify({ status, body })))).toEqual(
      new Set([
        JSON.stringify({ status: 403, body: { id: 'not_authorized', description: answers[0]!.body.description } }),
      ]),
    );
  });

  it.each([
    { of: 'an unknown ID', ref: async () => newId() },
    { of: 'an unknown e-mail address', ref: async () => 'nobody@example.com' },
    { of: 'an unknown third-party ID', ref: async () => `${await t.world.thirdParty(caller.organizationId)}/1` },
    { of: 'an unknown third party', ref: async () => 'NOSUCH/1' },
    { of: 'a blocked user', ref: async () => (await t.world.userOf(caller, { status: 'BLOCKED' })).id },
  ])('answer 404 unknown_user for $of', async ({ ref }) => {
    const { status, body } = await t.as(caller)(`/access/${await ref()}`);
    expect({ status, body }).toEqual({ status: 404, body: { id: 'unknown_user', description: expect.any(String) } });
  });

  it.each([
    { of: 'a user in no group', arrange: async () => undefined },
    { of: 'a group that the caller may only view', arrange: (id: string) => inGroup(id, { permission: 'VIEW' }) },
    { of: 'a group on which the caller has nothing', arrange: (id: string) => inGroup(id, {}) },
    {
      of: 'a group that the user is only invited to',
      arrange: (id: string) => inGroup(id, { permission: 'MANAGE', status: 'INVITED' }),
    },
    {
      of: 'a group of another organization',
      arrange: (id: string) => inGroup(id, { permission: 'MANAGE', foreign: true }),
    },
  ])('answer 403 not_authorized for $of', async ({ arrange }) => {
    const id = await t.world.user({ organizationId: caller.organizationId });
    await arrange(id);
    const { status, body } = await t.as(caller)(`/access/${id}`);
    expect({ status, body }).toEqual({ status: 403, body: { id: 'not_authorized', description: expect.any(String) } });
  });

  it('let the groups administrator in everywhere in the own organization, and nowhere else', async () => {
    const administrator = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_ALL_GROUPS'] });
    const own = await t.world.user();
    await t.world.join(own, await t.world.group(administrator.organizationId));
    const foreign = await t.world.user();
    await t.world.join(foreign, await t.world.group(await t.world.organization()));
    expect((await t.as(administrator)(`/access/${own}`)).status).toBe(200);
    expect((await t.as(administrator)(`/access/${foreign}`)).status).toBe(403);
  });

  it('let a user in who joined the group but is managed by nobody or somebody else', async () => {
    const groupId = await t.world.group(caller.organizationId);
    await t.world.allow(caller.id, groupId, 'MANAGE');
    for (const organizationId of [null, await t.world.organization()]) {
      const id = await t.world.user({ organizationId });
      await t.world.join(id, groupId);
      expect((await t.as(caller)(`/access/${id}`)).status).toBe(200);
    }
  });

  it('need one suitable group among many', async () => {
    const { id } = await t.world.userOf(caller);
    for (let i = 0; i < 5; i++) await t.world.join(id, await t.world.group(caller.organizationId));
    expect((await t.as(caller)(`/access/${id}`)).status).toBe(200);
  });

  it('apply to the very next call after a right is taken away', async () => {
    const { id } = await t.world.userOf(caller);
    expect((await t.as(caller)(`/access/${id}`)).status).toBe(200);
    await t.world.write((db) =>
      db.delete(AccountPermission, { userId: caller.id, permission: 'OBTAIN_ACCESS_TOKENS' }),
    );
    expect((await t.as(caller)(`/access/${id}`)).status).toBe(403);
  });

  it('are checked in the documented order', async () => {
    const powerless = await t.world.caller({ permissions: [] });
    const order = [
      await t.call('/api/2.1.1/access/%20?security=x'),
      await t.as(powerless)('/access/%20?security=x'),
      await t.as(powerless)('/access/nobody?security=x'),
      await t.as(powerless)('/access/nobody?returnTo=//x'),
      await t.as(powerless)('/access/nobody'),
      await t.as(caller)('/access/nobody'),
    ];
    expect(order.map(({ body }) => body.id)).toEqual([
      'not_authenticated',
      'missing_field',
      'incorrect_field',
      'incorrect_field',
      'not_authorized',
      'unknown_user',
    ]);
  });
});

async function changed(change: Partial<Pick<User, 'status' | 'staffOrganizationId'>>): Promise<TestCaller> {
  const made = await t.world.caller();
  await t.world.write((db) => db.update(User, { id: made.id }, change));
  return made;
}

async function inGroup(
  userId: string,
  { permission, status, foreign }: { permission?: 'MANAGE' | 'VIEW'; status?: 'INVITED'; foreign?: boolean },
): Promise<void> {
  const groupId = await t.world.group(foreign ? await t.world.organization() : caller.organizationId);
  await t.world.join(userId, groupId, status);
  if (permission) await t.world.allow(caller.id, groupId, permission);
}
