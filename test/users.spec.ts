import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/common/id.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let outsider: TestCaller;
let code: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS', 'MANAGE_STAFF'] });
  outsider = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS', 'MANAGE_STAFF'] });
  code = await t.world.thirdParty(admin.organizationId);
});

function newAddress(): string {
  return `u${newId().toLowerCase().replaceAll(/[_-]/g, 'x')}@academy.example`;
}

function sendJson(caller: TestCaller, method: 'POST' | 'PUT', path: string, body: unknown): Promise<Answer> {
  return t.as(caller)(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

/** A colleague of `admin` without any permission. */
async function colleague(organizationId: string): Promise<string> {
  return (await t.world.caller({ organizationId, permissions: [] })).id;
}

describe('POST users', () => {
  it('makes an account that the caller’s organization manages, and answers 200 with it', async () => {
    const emailAddress = newAddress();
    const { status, body } = await t.send(admin, 'POST', '/users', {
      realName: 'Zoë İpek',
      emailAddress: emailAddress.toUpperCase(),
      thirdParty: code,
      thirdPartyId: 'a/b 7',
      locale: 'nl_nl',
      timeZone: 'Europe/Amsterdam',
      description: 'Pupil',
      yearOfBirth: '2001',
      domicile: 'nl',
      nonsense: 'ignored',
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      type: 'USER',
      id: expect.stringMatching(/^[\w-]{22}$/),
      name: 'Zoë İpek',
      realName: 'Zoë İpek',
      emailAddress,
      locale: 'nl-NL',
      timeZone: 'Europe/Amsterdam',
      description: 'Pupil',
      domicile: 'NL',
      yearOfBirth: 2001,
      organization: { type: 'ORGANIZATION', id: admin.organizationId, name: 'Academy' },
      created: expect.any(String),
      memberSince: body.created,
      thirdPartyIds: [{ thirdParty: code, id: 'a/b 7' }],
      status: 'ACTIVE',
    });
    expect((await t.as(admin)(`/user/${code}/a%2Fb%207`)).body).toEqual(body);
  });

  it('takes JSON too, with an e-mail address or a third-party ID alone, and reads an empty value as none', async () => {
    const byAddress = await sendJson(admin, 'POST', '/users', {
      name: 'A',
      emailAddress: newAddress(),
      yearOfBirth: 1980,
      locale: '',
      timeZone: null,
    });
    expect(byAddress).toMatchObject({ status: 200, body: { yearOfBirth: 1980 } });
    expect(byAddress.body).not.toHaveProperty('locale');
    const byThirdParty = await t.send(admin, 'POST', '/users', { name: 'B', thirdParty: code, thirdPartyId: '1' });
    expect(byThirdParty.status).toBe(200);
    expect(byThirdParty.body).not.toHaveProperty('emailAddress');
  });

  it.each([
    ['no name', { emailAddress: 'x@academy.example' }, 'real_name_not_specified'],
    ['a blank name', { name: ' ', emailAddress: 'x@academy.example' }, 'real_name_not_specified'],
    ['a name with a control character', { name: 'a\u0001b', emailAddress: 'x@a.example' }, 'real_name_not_specified'],
    ['a name of 256 characters', { name: 'x'.repeat(256), emailAddress: 'x@a.example' }, 'real_name_not_specified'],
    ['neither address nor third-party ID', { name: 'A' }, 'email_address_not_specified'],
    ['a malformed address', { name: 'A', emailAddress: 'nobody' }, 'email_address_invalid'],
    [
      'an invisible character in an address',
      { name: 'A', emailAddress: 'a\u200bb@a.example' },
      'email_address_invalid',
    ],
    [
      'an address that is longer in the form in which addresses are compared',
      {
        name: 'A',
        emailAddress: `${'\u0130'.repeat(21)}@${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example${'s'.repeat(32)}`,
      },
      'email_address_invalid',
    ],
    ['a malformed locale', { name: 'A', emailAddress: 'x@a.example', locale: 'not a locale' }, 'locale_invalid'],
    ['an unknown time zone', { name: 'A', emailAddress: 'x@a.example', timeZone: 'Mars/Phobos' }, 'invalid_time_zone'],
    ['a year that is none', { name: 'A', emailAddress: 'x@a.example', yearOfBirth: '19x0' }, 'year_of_birth_invalid'],
    ['a year to come', { name: 'A', emailAddress: 'x@a.example', yearOfBirth: '2999' }, 'year_of_birth_invalid'],
    ['an unknown country', { name: 'A', emailAddress: 'x@a.example', domicile: 'QQ' }, 'residence_country_invalid'],
    ['half a third-party ID', { name: 'A', thirdPartyId: '1' }, 'invalid_third_party_id'],
    ['an unknown third party', { name: 'A', thirdParty: 'NONE', thirdPartyId: '1' }, 'invalid_third_party_id'],
  ])('refuses %s, and makes nothing', async (_what, fields: Record<string, string>, id) => {
    const before = await t.world.write((db) => db.count(User));
    const answer = await t.send(admin, 'POST', '/users', fields);
    expect(outcome(answer)).toEqual([400, id]);
    expect(answer.body.description).toEqual(expect.any(String));
    expect(await t.world.write((db) => db.count(User))).toBe(before);
  });

  it('refuses an address or third-party ID that another account has, and names the account that has the address', async () => {
    const emailAddress = newAddress();
    const taken = await t.world.user({
      organizationId: admin.organizationId,
      emailAddress,
      thirdPartyId: [code, '7'],
    });
    const address = await t.send(admin, 'POST', '/users', { name: 'A', emailAddress: emailAddress.toUpperCase() });
    expect(address).toMatchObject({ status: 400, body: { id: 'account_exists', userId: taken } });
    const thirdParty = await t.send(admin, 'POST', '/users', {
      name: 'A',
      emailAddress: newAddress(),
      thirdParty: code,
      thirdPartyId: '7',
    });
    expect(outcome(thirdParty)).toEqual([409, 'third_party_id_in_use']);
  });

  it('of ten at once with one address makes one account', async () => {
    const emailAddress = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => t.send(admin, 'POST', '/users', { name: 'A', emailAddress })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array(9).fill(400)]);
    const { id } = answers.find(({ status }) => status === 200)!.body;
    for (const { status, body } of answers) expect(status === 200 || body.userId === id).toBe(true);
  });

  it('is for active staff with MANAGE_USERS, and tells others nothing about who exists', async () => {
    const emailAddress = newAddress();
    await t.world.user({ emailAddress });
    const plain = await t.world.caller({ organizationId: admin.organizationId });
    expect(outcome(await t.send(plain, 'POST', '/users', { name: 'A', emailAddress }))).toEqual([403, 'no_permission']);
    await t.world.write((db) => db.update(User, { id: admin.id }, { status: 'BLOCKED' }));
    expect((await t.send(admin, 'POST', '/users', { name: 'A', emailAddress })).status).toBeGreaterThan(400);
  });
});

describe('PUT user', () => {
  it('changes what is given, takes away what is empty, and leaves the rest', async () => {
    const emailAddress = newAddress();
    const created = await t.send(admin, 'POST', '/users', { name: 'Old', emailAddress, locale: 'nl', domicile: 'NL' });
    const next = newAddress();
    const path = `/user/${created.body.id}`;
    const { status, body } = await t.send(admin, 'PUT', path, { realName: 'New', emailAddress: next, locale: '' });
    expect(status).toBe(200);
    const { locale: _locale, ...rest } = created.body;
    expect(body).toEqual({ ...rest, name: 'New', realName: 'New', emailAddress: next });
    expect((await t.as(admin)(`/user/${emailAddress}`)).status).toBe(404);
  });

  it('without a body and a media type changes nothing', async () => {
    const before = (await t.as(admin)('/user')).body;
    expect(await t.as(admin)('/user', { method: 'PUT' })).toMatchObject({ status: 200, body: before });
  });

  it('lets everybody change their own account, but neither its status nor its third-party IDs', async () => {
    const plain = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    expect(await t.send(plain, 'PUT', '/user/self', { name: 'Me' })).toMatchObject({
      status: 200,
      body: { name: 'Me' },
    });
    expect(outcome(await t.send(plain, 'PUT', '/user', { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(plain, 'PUT', '/user', { thirdParty: code, thirdPartyId: '1' }))).toEqual([
      403,
      'no_access',
    ]);
    expect(outcome(await t.send(admin, 'PUT', '/user', { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
  });

  it('refuses the account of another organization or of none, and a colleague without MANAGE_USERS', async () => {
    const { id } = await t.world.userOf(admin);
    const nobodys = await t.world.user();
    const plain = await t.world.caller({ organizationId: admin.organizationId });
    expect(outcome(await t.send(outsider, 'PUT', `/user/${id}`, { name: 'X' }))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await t.send(admin, 'PUT', `/user/${nobodys}`, { name: 'X' }))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await t.send(plain, 'PUT', `/user/${id}`, { name: 'X' }))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(plain, 'PUT', `/user/${newId()}`, { name: 'X' }))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(admin, 'PUT', `/user/${newId()}`, { name: 'X' }))).toEqual([404, 'nonexistent_user']);
  });

  it('undoes the whole change when a part of it is refused', async () => {
    const { id } = await t.world.userOf(admin, { name: 'Before' });
    const taken = newAddress();
    await t.world.user({ emailAddress: taken });
    expect(outcome(await t.send(admin, 'PUT', `/user/${id}`, { name: 'After', emailAddress: taken }))).toEqual([
      400,
      'account_exists',
    ]);
    expect((await t.as(admin)(`/user/${id}`)).body.name).toBe('Before');
  });
});

describe('blocking a user', () => {
  it('ends their sessions and outstanding tokens at once and for good, also once they are active again', async () => {
    const { id } = await t.world.userOf(admin);
    const cookie = await t.signIn(admin, id);
    const token = await t.loginToken(admin, id);
    expect((await t.send(admin, 'PUT', `/user/${id}`, { status: 'BLOCKED' })).body.status).toBe('BLOCKED');
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.as(admin)(`/access/${id}`))).toEqual([404, 'unknown_user']);
    expect((await t.send(admin, 'PUT', `/user/${id}`, { status: 'ACTIVE' })).body.status).toBe('ACTIVE');
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
    expect((await t.as(admin)(`/access/${id}`)).status).toBe(200);
  });

  it('ends also the sessions that they started for others', async () => {
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const { id } = await t.world.userOf(host);
    const cookie = await t.signIn(host, id);
    await t.send(admin, 'PUT', `/user/${host.id}`, { status: 'BLOCKED' });
    await t.send(admin, 'PUT', `/user/${host.id}`, { status: 'ACTIVE' });
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
  });

  it('is refused for the last account that can manage the staff, and to who may do less', async () => {
    const clerk = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    expect(outcome(await t.send(clerk, 'PUT', `/user/${admin.id}`, { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
    expect(outcome(await t.send(clerk, 'DELETE', `/user/${admin.id}`))).toEqual([403, 'access_denied']);
    const peer = await t.world.caller({ organizationId: admin.organizationId, permissions: [...PERMISSIONS] });
    expect((await t.send(peer, 'PUT', `/user/${admin.id}`, { status: 'BLOCKED' })).status).toBe(200);
  });
});

describe('DELETE user', () => {
  it('takes the account away, with its sessions', async () => {
    const { id } = await t.world.userOf(admin);
    const cookie = await t.signIn(admin, id);
    const answer = await t.send(admin, 'DELETE', `/user/${id}`);
    expect([answer.status, answer.body]).toEqual([200, { description: 'The account is deleted.' }]);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.as(admin)(`/user/${id}`))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await t.send(admin, 'DELETE', `/user/${id}`))).toEqual([404, 'not_found']);
  });

  it('refuses oneself, a manager of groups, other organizations’ accounts, and callers without the right', async () => {
    const { id } = await t.world.userOf(admin);
    const host = await t.world.caller({ organizationId: admin.organizationId });
    await t.world.userOf(host);
    expect(outcome(await t.send(admin, 'DELETE', '/user/self'))).toEqual([400, 'cannot_delete_self']);
    expect(outcome(await t.send(admin, 'DELETE', `/user/${host.id}`))).toEqual([400, 'account_is_group_manager']);
    expect(outcome(await t.send(outsider, 'DELETE', `/user/${id}`))).toEqual([404, 'not_found']);
    expect(outcome(await t.send(host, 'DELETE', `/user/${id}`))).toEqual([403, 'access_denied']);
    expect((await t.as(admin)(`/user/${id}`)).status).toBe(200);
  });
});

describe('third-party IDs', () => {
  it('are given, read and taken away, in one segment and in two', async () => {
    const { id } = await t.world.userOf(admin);
    const other = await t.world.thirdParty(admin.organizationId);
    const paths = [`/user/${id}/third-party-id/${code}%244%2F7%20é`, `/user/${id}/third-party-id/${other}/4%2F7%20é`];
    for (const path of paths) {
      expect(outcome(await t.as(admin)(path))).toEqual([404, 'unknown_third_party_id']);
      expect(await t.as(admin)(path, { method: 'PUT' })).toMatchObject({ status: 204, text: '' });
      expect(await t.as(admin)(path, { method: 'PUT' })).toMatchObject({ status: 204, text: '' });
      expect((await t.as(admin)(path)).body).toEqual({ thirdParty: expect.any(String), id: '4/7 é' });
    }
    const all = await t.as(admin)(`/user/${id}/third-party-ids`);
    expect(all.body).toEqual([code, other].toSorted().map((thirdParty) => ({ thirdParty, id: '4/7 é' })));
    expect((await t.as(admin)(`/access/${code}/4%2F7%20é`)).status).toBe(200);
    for (const path of paths) {
      expect((await t.as(admin)(path, { method: 'DELETE' })).status).toBe(204);
      expect(outcome(await t.as(admin)(path, { method: 'DELETE' }))).toEqual([404, 'unknown_third_party_id']);
    }
  });

  it('are unique: one holder for each, and one of each third party for a user', async () => {
    const { id } = await t.world.userOf(admin, { thirdPartyId: [code, '1'] });
    const { id: other } = await t.world.userOf(admin);
    const put = (user: string, ref: string): Promise<Answer> =>
      t.as(admin)(`/user/${user}/third-party-id/${ref}`, { method: 'PUT' });
    expect(outcome(await put(other, `${code}/1`))).toEqual([409, 'third_party_id_in_use']);
    expect(outcome(await put(id, `${code}/2`))).toEqual([409, 'third_party_already_assigned']);
    const foreign = await t.world.thirdParty(outsider.organizationId);
    for (const ref of [`${foreign}/1`, 'nodollar', '$1', `${code}$`, `${code}/${'x'.repeat(256)}`])
      expect(outcome(await put(other, ref))).toEqual([400, 'invalid_third_party_id']);
  });

  it('are read by their owner and staff, and written with MANAGE_USERS only', async () => {
    const plain = await t.world.caller({ organizationId: admin.organizationId });
    const { id } = await t.world.userOf(admin, { thirdPartyId: [code, '1'] });
    const path = `/user/${id}/third-party-id/${code}/1`;
    expect((await t.as(plain)(path)).status).toBe(200);
    expect((await t.as(plain)('/user/self/third-party-ids')).body).toEqual([]);
    expect(outcome(await t.as(outsider)(path))).toEqual([404, 'nonexistent_user']);
    for (const method of ['PUT', 'DELETE']) {
      expect(outcome(await t.as(plain)(path, { method }))).toEqual([403, 'no_access']);
      expect(outcome(await t.as(outsider)(path, { method }))).toEqual([404, 'nonexistent_user']);
    }
    expect(outcome(await t.as(plain)(`/user/self/third-party-id/${code}/2`, { method: 'PUT' }))).toEqual([
      403,
      'no_access',
    ]);
    expect(outcome(await t.as(admin)(`/user/${newId()}/third-party-ids`))).toEqual([404, 'nonexistent_user']);
  });
});

describe('permissions', () => {
  it('are granted and revoked by staff with MANAGE_STAFF who hold them, and answered in a fixed order', async () => {
    const id = await colleague(admin.organizationId);
    const path = `/user/${id}/permissions`;
    expect((await t.as(admin)(path)).body).toEqual({ permissions: [] });
    expect((await t.send(admin, 'PUT', `${path}/MANAGE_USERS`)).body).toEqual({ permissions: ['MANAGE_USERS'] });
    const both = { permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] };
    expect((await t.send(admin, 'PUT', `${path}/OBTAIN_ACCESS_TOKENS`)).body).toEqual(both);
    expect((await t.send(admin, 'PUT', `${path}/OBTAIN_ACCESS_TOKENS`)).body).toEqual(both);
    expect((await t.send(admin, 'DELETE', `${path}/OBTAIN_ACCESS_TOKENS`)).body).toEqual({
      permissions: ['MANAGE_USERS'],
    });
  });

  it('that the caller lacks are not theirs to grant, nor are their own theirs to change', async () => {
    const id = await colleague(admin.organizationId);
    for (const permission of PERMISSIONS.filter((one) => one.endsWith('GROUPS') || one === 'VIEW_AUDIT_LOG'))
      expect(outcome(await t.send(admin, 'PUT', `/user/${id}/permissions/${permission}`))).toEqual([
        403,
        'not_permitted',
      ]);
    expect(outcome(await t.send(admin, 'PUT', '/user/self/permissions/MANAGE_USERS'))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.send(admin, 'DELETE', `/user/${admin.id}/permissions/MANAGE_STAFF`))).toEqual([
      403,
      'not_permitted',
    ]);
    expect(outcome(await t.send(admin, 'PUT', `/user/${id}/permissions/EVERYTHING`))).toEqual([
      400,
      'unknown_permission',
    ]);
  });

  it('are shown to everybody who asks for their own', async () => {
    const plain = await t.world.caller({ organizationId: admin.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    const nobody = await t.world.caller({ permissions: [] });
    await t.world.write((db) => db.update(User, { id: nobody.id }, { staffOrganizationId: null }));
    for (const ref of ['self', plain.id])
      expect((await t.as(plain)(`/user/${ref}/permissions`)).body).toEqual({ permissions: ['VIEW_AUDIT_LOG'] });
    expect((await t.as(nobody)('/user/self/permissions')).body).toEqual({ permissions: [] });
    for (const method of ['PUT', 'DELETE'] as const)
      expect(outcome(await t.send(plain, method, '/user/self/permissions/VIEW_AUDIT_LOG'))).toEqual([
        403,
        'not_permitted',
      ]);
  });

  it('are nobody else’s business', async () => {
    const id = await colleague(admin.organizationId);
    const plain = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    const pupil = await t.world.user({ organizationId: admin.organizationId });
    for (const [caller, refusal] of [
      [plain, [403, 'not_permitted']],
      [outsider, [404, 'nonexistent_user']],
    ] as const) {
      expect(outcome(await t.as(caller)(`/user/${id}/permissions`))).toEqual(refusal);
      expect(outcome(await t.send(caller, 'PUT', `/user/${id}/permissions/MANAGE_USERS`))).toEqual(refusal);
    }
    expect(outcome(await t.as(plain)(`/user/${newId()}/permissions`))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.as(admin)(`/user/${newId()}/permissions`))).toEqual([404, 'nonexistent_user']);
    // Someone who is on no staff can hold no permission of it.
    expect(outcome(await t.send(admin, 'PUT', `/user/${pupil}/permissions/MANAGE_USERS`))).toEqual([
      403,
      'not_permitted',
    ]);
  });

  it('taken away end the sessions that were started with them, also if they are given back', async () => {
    const host = await t.world.caller({ organizationId: admin.organizationId });
    const { id } = await t.world.userOf(host);
    const cookie = await t.signIn(host, id);
    const token = await t.loginToken(host, id);
    const path = `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`;
    await t.send(admin, 'DELETE', path);
    expect(outcome(await t.as(host)(`/access/${id}`))).toEqual([403, 'not_authorized']);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    await t.send(admin, 'PUT', path);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    expect(outcome(await t.login(token))).toEqual([401, 'invalid_token']);
  });

  it('to manage staff are left with somebody when two take them from each other at once', async () => {
    const other = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_STAFF'] });
    const answers = await Promise.all([
      t.send(admin, 'DELETE', `/user/${other.id}/permissions/MANAGE_STAFF`),
      t.send(other, 'DELETE', `/user/${admin.id}/permissions/MANAGE_STAFF`),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403]);
  });
});
