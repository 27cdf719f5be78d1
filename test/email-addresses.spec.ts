import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ImportService } from '../src/bulk/import.service.js';
import { newId } from '../src/common/id.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { EmailAddress } from '../src/schema/entities/email-address.entity.js';
import { UnverifiedEmailAddress } from '../src/schema/entities/unverified-email-address.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { DataSource } from 'typeorm';
import { PROXIES } from './support/asking-proxies.js';
import { decode } from './support/forge.js';
import { PUBLIC_URL, outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };
const DAY = 24 * 60 * 60;

let t: TestApp;
let directory: string;
let admin: TestCaller;
/** A person without rights, with a token of their own. */
let anna: TestCaller;
let user: { id: string; groupId: string };
let host: TestCaller;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1' });
  directory = mkdtempSync(join(tmpdir(), 'latchkey-addresses-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await t.stop();
});
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_USERS'] });
  const { organizationId } = admin;
  host = await t.world.caller({ organizationId, permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_ALL_GROUPS'] });
  anna = await t.world.caller({ organizationId, permissions: [] });
  const groupId = await t.world.group(organizationId);
  await t.world.join(anna.id, groupId);
  user = { id: anna.id, groupId };
  await t.send(admin, 'PUT', `/user/${anna.id}`, { emailAddress: address('anna') });
});

/** One for each test. */
function address(name: string): string {
  return `${name}.${anna.id.toLowerCase().replaceAll(/[_-]/g, 'x')}@mail.example`;
}

/** For what an import reports. */
function nothing(): void {}

function shown(address: string, verified: boolean, primary = false): object {
  return { emailAddress: { address, verified }, primary };
}

async function listed(ref = 'self', by = anna): Promise<unknown> {
  return (await t.as(by)(`/user/${ref}/email-addresses`)).body.userEmailAddresses;
}

function add(by: TestCaller, given: string, ref = anna.id): Promise<Answer> {
  return t.send(by, 'PUT', `/user/${ref}/email-address/${given}`);
}

/** The path of a new link for an unverified address. */
async function link(given: string, ref = anna.id, by = admin): Promise<string> {
  const { body } = await t.send(by, 'POST', `/user/${ref}/email-address/${given}/verification-links`);
  expect(body).toEqual({
    url: expect.stringMatching(/^http:\/\/latchkey\.test\/login\/email-address\?token=[\w-]{43}$/),
    expires: expect.stringMatching(/Z$/),
  });
  return body.url.slice(PUBLIC_URL.length);
}

function confirm(path: string, headers: Record<string, string> = SAME_ORIGIN): Promise<Answer> {
  return t.call(path, { method: 'POST', headers: { accept: 'application/json', ...headers } });
}

describe('S37: an address that a person sets for themselves is unverified', () => {
  it.each([
    { by: 'PUT user', set: (given: string) => t.send(anna, 'PUT', '/user', { emailAddress: given }) },
    { by: 'PUT user/self', set: (given: string) => t.send(anna, 'PUT', '/user/self', { emailAddress: given }) },
    { by: 'POST user', set: (given: string) => t.send(anna, 'POST', '/user', { emailAddress: given }) },
    { by: 'PUT email-address', set: (given: string) => add(anna, given, 'self') },
  ])('$by: it names nobody and is in no answer but to them and to the staff that manages them', async ({ set }) => {
    const given = address('claimed');
    expect((await set(given)).status).toBe(200);
    expect(await listed()).toEqual([shown(address('anna'), true, true), shown(given, false)]);
    for (const by of [anna, admin])
      expect((await t.as(by)(`/user/${anna.id}`)).body).toMatchObject({
        emailAddress: address('anna'),
        unverifiedEmailAddresses: [given],
      });
    expect(outcome(await t.as(host)(`/access/${given}`))).toEqual([404, 'unknown_user']);
    expect(outcome(await t.as(admin)(`/user/${given}`))).toEqual([404, 'nonexistent_user']);
    for (const path of ['/organizations/self/accounts', '/users', `/group/${user.groupId}/members`]) {
      const found = await t.as(host)(`${path}?query=${given.slice(0, 20)}`);
      expect(found.status).toBe(200);
      expect(found.text).not.toContain(given);
      expect(found.text).not.toContain(anna.id);
      expect((await t.as(host)(path)).text).not.toContain(given);
    }
    const cookie = await t.signIn(host, anna.id);
    expect((await t.call('/session', { headers: { cookie } })).body.user.emailAddress).toBe(address('anna'));
    const told = await PROXIES.traefik(t.url, { site: PUBLIC_URL, headers: { cookie } });
    expect(told.headers.get('x-latchkey-email')).toBe(address('anna'));
    expect(decode(told.headers.get('x-latchkey-assertion')!).payload.email).toBe(address('anna'));
    for (const page of ['/session', '/'])
      expect((await t.call(page, { headers: { cookie } })).text).not.toContain(given);
  });

  it('takes nobody’s place, and says nothing of who has the address already', async () => {
    const given = address('both');
    expect((await t.send(anna, 'PUT', '/user', { emailAddress: given })).status).toBe(200);
    const made = await t.send(admin, 'POST', '/users', { name: 'Later', emailAddress: given });
    expect(made).toMatchObject({ status: 200, body: { emailAddress: given } });
    expect(made.body).not.toHaveProperty('unverifiedEmailAddresses');
    const [taken, free] = [await add(anna, given, 'self'), await add(anna, address('free'), 'self')];
    expect({ ...taken.body, emailAddress: {} }).toEqual({ ...free.body, emailAddress: {} });
    expect((await t.as(admin)(`/user/${given}`)).body.id).toBe(made.body.id);
  });

  it('is verified when an administrator sets it, also for their own account', async () => {
    const given = address('own');
    await t.send(anna, 'PUT', '/user', { emailAddress: given });
    const set = await t.send(admin, 'PUT', `/user/${anna.id}`, { emailAddress: given });
    expect(set.body).toMatchObject({ emailAddress: given });
    expect(await listed()).toEqual([shown(given, true, true)]);
    expect((await t.send(admin, 'PUT', '/user', { emailAddress: address('admin') })).body).toMatchObject({
      emailAddress: address('admin'),
    });
  });

  it('waits once for each account: a new one that is set takes the place of the one before', async () => {
    for (const name of ['first', 'second']) await t.send(anna, 'PUT', '/user', { emailAddress: address(name) });
    expect(await listed()).toEqual([shown(address('anna'), true, true), shown(address('second'), false)]);
  });

  it('is one of at most twenty', async () => {
    for (let number = 0; number < 20; number++)
      expect((await add(anna, address(`n${number}`), 'self')).status).toBe(200);
    expect(outcome(await add(anna, address('n20'), 'self'))).toEqual([400, 'email_not_added']);
    expect((await add(anna, address('n7'), 'self')).status).toBe(200);
  });
});

describe('S37: a link verifies an address', () => {
  it('with a button, once; what only looks at the page changes nothing', async () => {
    const given = address('new');
    await t.send(anna, 'PUT', '/user', { emailAddress: given });
    const path = await link(given);
    const page = await t.call(path, { headers: { accept: 'text/html', 'sec-purpose': 'prefetch' } });
    expect(page.status).toBe(200);
    expect(page.text).toContain(given);
    expect(page.text).not.toContain(path.split('=')[1]);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect((await t.call(path, { method: 'HEAD' })).status).toBe(200);
    for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { origin: 'https://elsewhere.example' }])
      expect(outcome(await confirm(path, headers as Record<string, string>))).toEqual([403, 'not_authorized']);
    expect(await listed()).toEqual([shown(address('anna'), true, true), shown(given, false)]);
    expect((await confirm(path)).status).toBe(200);
    expect(await listed()).toEqual([shown(given, true, true)]);
    expect((await t.as(host)(`/access/${given}`)).status).toBe(200);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
  });

  it('keeps the address that is shown where the new one is a further one', async () => {
    const given = address('further');
    await add(anna, given, 'self');
    expect((await confirm(await link(given))).status).toBe(200);
    expect(await listed()).toEqual([shown(address('anna'), true, true), shown(given, true)]);
    for (const ref of [given, address('anna')]) expect((await t.as(host)(`/access/${ref}`)).status).toBe(200);
  });

  it('of ten requests at once, one verifies', async () => {
    const given = address('race');
    await add(anna, given, 'self');
    const path = await link(given);
    const answers = await Promise.all(Array.from({ length: 10 }, () => confirm(path)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(9).fill(401)]);
  });

  it('for a day, and only the latest one', async () => {
    const given = address('late');
    await add(anna, given, 'self');
    const [first, second] = [await link(given), await link(given)];
    expect(outcome(await confirm(first))).toEqual([401, 'invalid_token']);
    t.clock.advance(DAY - 1);
    expect((await t.call(second)).status).toBe(200);
    t.clock.advance(2);
    for (const method of ['GET', 'POST'])
      expect((await t.call(second, { method, headers: SAME_ORIGIN })).status).toBe(401);
    t.clock.advance(-DAY - 1);
  });

  it.each(['?token=', '', '?token=a&token=b', `?token=${'x'.repeat(43)}`, '?token[]=x'])(
    'answers 4xx for %j',
    async (query) => {
      for (const method of ['GET', 'POST']) {
        const { status } = await t.call(`/login/email-address${query}`, { method, headers: SAME_ORIGIN });
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
    },
  );

  it.each([
    {
      by: 'an administrator makes an account with it',
      take: (given: string) => t.send(admin, 'POST', '/users', { name: 'Faster', emailAddress: given }),
    },
    {
      by: 'another link verifies it',
      take: async (given: string) => {
        const faster = await t.world.user({ organizationId: admin.organizationId });
        await t.world.write((db) =>
          db.insert(UnverifiedEmailAddress, { userId: faster, address: given, isPrimary: true }),
        );
        return confirm(await link(given, faster));
      },
    },
    {
      by: 'a file has it',
      take: async (given: string) => {
        const path = join(directory, `${newId()}.csv`);
        writeFileSync(path, `name,emailAddress\nFaster,${given}\n`);
        const options = { organization: admin.organizationId, createGroups: false, dryRun: false };
        await t.nest.get(ImportService).import(path, { ...options, onFault: nothing, onProgress: nothing });
      },
    },
  ])('not when another account had the address since, also once it is free again: $by', async ({ take }) => {
    const given = address('lost');
    await add(anna, given, 'self');
    const path = await link(given);
    await take(given);
    expect((await t.as(admin)(`/user/${given}`)).body.id).not.toBe(anna.id);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
    expect((await t.send(admin, 'DELETE', `/user/${given}`)).status).toBe(200);
    for (const method of ['GET', 'POST'])
      expect((await t.call(path, { method, headers: SAME_ORIGIN })).status).toBe(401);
    expect(await listed()).toEqual([shown(address('anna'), true, true), shown(given, false)]);
    expect((await confirm(await link(given))).status).toBe(200);
  });

  it('is not made while another account has the address', async () => {
    const given = address('taken');
    await add(anna, given, 'self');
    await t.send(admin, 'POST', '/users', { name: 'Faster', emailAddress: given });
    const path = `/user/${anna.id}/email-address/${given}/verification-links`;
    expect(outcome(await t.send(admin, 'POST', path))).toEqual([409, 'email_address_in_use']);
  });

  it('of two accounts that open their links at once, one gets the address', async () => {
    for (let round = 0; round < 10; round++) {
      const given = address(`both${round}`);
      const other = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
      for (const person of [anna, other]) await add(person, given, 'self');
      const paths = [await link(given), await link(given, other.id)];
      const answers = await Promise.all(paths.map((path) => confirm(path)));
      const loser = answers.find(({ status }) => status !== 200)!;
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect([
        [401, 'invalid_token'],
        [409, 'email_address_in_use'],
      ]).toContainEqual(outcome(loser));
    }
  });

  it.each<{ what: string; change: (maker: TestCaller) => Promise<unknown> }>([
    {
      what: 'lost MANAGE_USERS',
      change: ({ id: userId }) => t.world.write((db) => db.delete(AccountPermission, { userId })),
    },
    {
      what: 'is no longer on the staff',
      change: ({ id }) => t.world.write((db) => db.update(User, { id }, { staffOrganizationId: null })),
    },
    { what: 'is blocked', change: ({ id }) => t.world.write((db) => db.update(User, { id }, { status: 'BLOCKED' })) },
    { what: 'is deleted', change: ({ id }) => t.world.write((db) => db.delete(User, { id })) },
    { what: 'lacks a permission of the account', change: () => t.world.grant(anna.id, 'VIEW_AUDIT_LOG') },
    {
      what: 'is of another organization than the account',
      change: async () => {
        const organizationId = await t.world.organization();
        await t.world.write((db) => db.update(User, { id: anna.id }, { organizationId }));
      },
    },
  ])('not when whoever made it $what', async ({ change }) => {
    const given = address('right');
    await add(anna, given, 'self');
    const maker = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    const path = await link(given, anna.id, maker);
    expect((await t.call(path)).status).toBe(200);
    await change(maker);
    expect(outcome(await t.call(path, { headers: { accept: 'application/json' } }))).toEqual([401, 'invalid_token']);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
    expect(await listed()).toContainEqual(shown(given, false));
  });

  it('not by a link for their own account that somebody made before they lost MANAGE_USERS', async () => {
    const given = address('self');
    const maker = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    await t.world.write((db) =>
      db.insert(UnverifiedEmailAddress, { userId: maker.id, address: given, isPrimary: true }),
    );
    const path = await link(given, maker.id, maker);
    await t.world.write((db) => db.delete(AccountPermission, { userId: maker.id }));
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
  });

  it.each([
    {
      by: 'an administrator sets',
      choose: (given: string) => t.send(admin, 'PUT', `/user/${anna.id}`, { emailAddress: given }),
    },
    {
      by: 'an administrator adds and makes primary',
      choose: async (given: string) => {
        await add(admin, given);
        return t.send(admin, 'PUT', `/user/${anna.id}/email-addresses/${given}/set-primary`);
      },
    },
  ])('not when another address was chosen since, which $by', async ({ choose }) => {
    await t.send(anna, 'PUT', '/user', { emailAddress: address('former') });
    const path = await link(address('former'));
    const chosen = address('chosen');
    expect((await choose(chosen)).status).toBe(200);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
    const list = (await listed()) as { emailAddress: { address: string }; primary: boolean }[];
    expect(list.filter(({ primary }) => primary)).toEqual([shown(chosen, true, true)]);
    expect(list).not.toContainEqual(shown(address('former'), expect.anything() as never));
  });

  it('not when an administrator added the first address since', async () => {
    await t.world.write((db) => db.delete(EmailAddress, { userId: anna.id }));
    await t.send(anna, 'PUT', '/user', { emailAddress: address('former') });
    const path = await link(address('former'));
    expect((await add(admin, address('first'))).status).toBe(200);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
    expect(await listed()).toEqual([shown(address('first'), true, true)]);
  });

  it('not for an account that was blocked since, also when it is active again', async () => {
    await add(anna, address('blocked'), 'self');
    const path = await link(address('blocked'));
    for (const status of ['BLOCKED', 'ACTIVE'])
      expect((await t.send(admin, 'PUT', `/user/${anna.id}`, { status })).status).toBe(200);
    expect(outcome(await confirm(path))).toEqual([401, 'invalid_token']);
    expect(await listed()).toContainEqual(shown(address('blocked'), false));
    expect((await confirm(await link(address('blocked')))).status).toBe(200);
  });

  it('not for one more than twenty', async () => {
    const paths: string[] = [];
    for (let number = 0; number < 20; number++) {
      await add(anna, address(`v${number}`), 'self');
      paths.push(await link(address(`v${number}`)));
    }
    for (const path of paths.slice(0, 19)) expect((await confirm(path)).status).toBe(200);
    expect(outcome(await confirm(paths[19]!))).toEqual([400, 'email_not_added']);
    expect(await listed()).toHaveLength(21);
  });

  it('is made by who may edit the account, for an address that waits, and stored as a hash', async () => {
    const given = address('made');
    await add(anna, given, 'self');
    const path = `/user/${anna.id}/email-address/${given}/verification-links`;
    for (const by of [anna, host]) expect(outcome(await t.send(by, 'POST', path))).toEqual([403, 'no_access']);
    const verified = `/user/${anna.id}/email-address/${address('anna')}/verification-links`;
    expect(outcome(await t.send(admin, 'POST', verified))).toEqual([400, 'not_owner']);
    const secret = (await link(given)).split('=')[1]!;
    const rows = await t.nest.get(DataSource).query('SELECT * FROM "unverified_email_addresses"');
    expect(JSON.stringify(rows)).not.toContain(secret);
    await t.world.grant(anna.id, 'VIEW_AUDIT_LOG');
    expect(outcome(await t.send(admin, 'POST', path))).toEqual([403, 'no_access']);
  });
});

describe('the addresses of an account', () => {
  it('are several, one of them primary, and all of them name it', async () => {
    const second = address('second');
    expect(await add(admin, second.toUpperCase())).toMatchObject({ status: 200, body: shown(second, true) });
    expect((await t.as(admin)(`/user/${anna.id}/email-addresses`)).body).toEqual({
      total: 2,
      userEmailAddresses: [shown(address('anna'), true, true), shown(second, true)],
    });
    expect((await t.as(admin)(`/user/${second}`)).body).toMatchObject({ id: anna.id, emailAddress: address('anna') });
    expect((await t.as(anna)(`/user/self/email-address/${second}`)).body).toEqual(shown(second, true));
    const primary = await t.send(anna, 'PUT', `/user/self/email-addresses/${second}/set-primary`);
    expect(primary).toMatchObject({
      status: 200,
      body: { total: 2, userEmailAddresses: [shown(second, true, true), shown(address('anna'), true)] },
    });
    expect((await t.as(anna)('/user')).body.emailAddress).toBe(second);
    expect((await t.as(host)(`/organizations/self/accounts?query=${address('anna')}`)).body.accounts).toHaveLength(1);
  });

  it('are taken away, but for the primary one', async () => {
    const second = address('second');
    await add(admin, second);
    await add(anna, address('third'), 'self');
    const remove = (given: string, by = anna): Promise<Answer> =>
      t.send(by, 'DELETE', `/user/${anna.id}/email-address/${given}`);
    expect(outcome(await remove(address('anna')))).toEqual([400, 'cannot_remove_primary_email']);
    expect(outcome(await remove(address('nobody')))).toEqual([400, 'not_owner']);
    expect(outcome(await remove('nothing'))).toEqual([400, 'invalid_email_address']);
    expect((await remove(second, admin)).status).toBe(204);
    expect((await remove(address('third'))).status).toBe(204);
    expect(await listed()).toEqual([shown(address('anna'), true, true)]);
    expect(outcome(await t.as(host)(`/access/${second}`))).toEqual([404, 'unknown_user']);
  });

  it('belong to one account, and are primary only when they are verified', async () => {
    const other = await t.world.user({ organizationId: admin.organizationId, emailAddress: address('other') });
    expect(other).toBeDefined();
    expect(outcome(await add(admin, address('other')))).toEqual([409, 'email_address_in_use']);
    await add(anna, address('claim'), 'self');
    const primary = (given: string): Promise<Answer> =>
      t.send(anna, 'PUT', `/user/self/email-addresses/${given}/set-primary`);
    expect(outcome(await primary(address('claim')))).toEqual([400, 'not_verified']);
    expect(outcome(await primary(address('nobody')))).toEqual([400, 'email_not_linked']);
  });

  it('are seen by the account and by staff that manages it, and changed with MANAGE_USERS', async () => {
    const stranger = await t.world.caller({ permissions: ['MANAGE_USERS'] });
    expect(outcome(await t.as(stranger)(`/user/${anna.id}/email-addresses`))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await add(stranger, address('x')))).toEqual([404, 'nonexistent_user']);
    expect(outcome(await add(host, address('x')))).toEqual([403, 'no_access']);
    expect(outcome(await t.as(admin)(`/user/${newId()}/email-addresses`))).toEqual([404, 'nonexistent_user']);
    await t.world.grant(anna.id, 'VIEW_AUDIT_LOG');
    expect(outcome(await add(admin, address('x')))).toEqual([403, 'no_access']);
  });
});

describe('calls of older clients', () => {
  it('GET users finds people by their place in the list', async () => {
    const ids: string[] = [];
    for (const name of ['Zoé One', 'Zoé Two', 'Zoé Three'])
      ids.push(await t.world.user({ organizationId: admin.organizationId, name }));
    const page = async (query: string, version = '2'): Promise<unknown> => {
      const { body } = await t.call(`/api/${version}/users${query}`, {
        headers: { authorization: `Bearer ${host.token}` },
      });
      return { total: body.total, ids: body.users.map(({ id }: { id: string }) => id) };
    };
    ids.sort();
    expect(await page('?query=zoe')).toEqual({ total: 3, ids });
    expect(await page('?query=zoe&resultStart=1&resultSize=1', '2.1.1')).toEqual({ total: 3, ids: [ids[1]] });
    expect(await page('?resultSize=100')).toMatchObject({ total: 6, ids: expect.arrayContaining(ids) });
    const { id } = await t.world.caller({ permissions: [] });
    expect(await page(`?query=${id}`)).toEqual({ total: 0, ids: [] });
  });

  it('POST user changes the own account and answers an empty object', async () => {
    const { status, body } = await t.send(anna, 'POST', '/user', { realName: 'Anna Older' });
    expect([status, body]).toEqual([200, {}]);
    expect((await t.as(anna)('/user')).body.name).toBe('Anna Older');
    expect(outcome(await t.send(anna, 'POST', '/user', { status: 'BLOCKED' }))).toEqual([403, 'no_access']);
  });

  it('GET session answers the user of the token, and their locale', async () => {
    await t.send(anna, 'PUT', '/user', { locale: 'nl' });
    const { status, body } = await t.as(anna)('/session');
    expect(status).toBe(200);
    expect(body).toEqual({ locale: 'nl', user: (await t.as(anna)('/user')).body });
  });
});
