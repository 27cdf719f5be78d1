import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { newId } from '../src/common/id.js';
import { Database } from '../src/database/database.js';
import { Group } from '../src/schema/entities/group.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_ALL_GROUPS', 'MANAGE_USERS'] });
});

interface Walk {
  ids: string[];
  totals: number[];
  sizes: number[];
}

/** Every page of a list from first to last, with `between` done after each. */
async function walk(
  get: (query: string) => Promise<Answer>,
  idsOf: (body: Answer['body']) => string[],
  between: (page: number) => Promise<void> = async () => {},
): Promise<Walk> {
  const found: Walk = { ids: [], totals: [], sizes: [] };
  for (let from = '', page = 1; ; page++) {
    const { status, body, text } = await get(from && `&resultFrom=${encodeURIComponent(from)}`);
    expect({ status, text }).toMatchObject({ status: 200 });
    const ids = idsOf(body);
    found.ids.push(...ids);
    found.totals.push(body.pagination.total);
    found.sizes.push(ids.length);
    if (!body.pagination.moreAvailable) return found;
    expect(body.pagination.lastOnPage).toBeTruthy();
    from = body.pagination.lastOnPage;
    await between(page);
  }
}

const accountIds = (body: Answer['body']): string[] => body.accounts.map(({ id }: { id: string }) => id);
const groupIds = (body: Answer['body']): string[] => body.groups.map(({ id }: { id: string }) => id);
const memberIds = (body: Answer['body']): string[] =>
  body.members.map(({ member }: { member: { id: string } }) => member.id);

async function times<T>(count: number, make: (number: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let number = 0; number < count; number++) made.push(await make(number));
  return made;
}

describe('paging', () => {
  it('shows every account of the organization once, ten to a page by default, with the number of all', async () => {
    const users = await times(23, () => t.world.user({ organizationId: admin.organizationId }));
    await t.world.user();
    const found = await walk((from) => t.as(admin)(`/organizations/self/accounts?x=1${from}`), accountIds);
    expect(found.ids.toSorted()).toEqual([...users, admin.id].toSorted());
    expect(found.sizes).toEqual([10, 10, 4]);
    expect(found.totals).toEqual([24, 24, 24]);
  });

  it.each(['', 'query=learner&'])(
    'neither skips nor repeats accounts while others come and go between pages (%s)',
    async (query) => {
      const users = await times(40, (number) =>
        t.world.user({ name: `Learner ${number}`, organizationId: admin.organizationId }),
      );
      const doomed = new Set(users.filter((_, number) => number % 4 === 0));
      const lasting = users.filter((id) => !doomed.has(id));
      const seen = new Set<string>();
      const found = await walk(
        (from) => t.as(admin)(`/organizations/self/accounts?${query}resultSize=7${from}`),
        (body) => {
          for (const id of accountIds(body)) seen.add(id);
          return accountIds(body);
        },
        async () => {
          // Also those at which the page ended, and from which the next one goes on.
          const gone = [...doomed].filter((id) => seen.has(id)).concat([...doomed][0] ?? []);
          for (const id of gone) {
            doomed.delete(id);
            await t.world.write((db) => db.delete(User, { id }));
          }
          await times(2, (number) =>
            t.world.user({ name: `Learner new ${number}`, organizationId: admin.organizationId }),
          );
        },
      );
      expect(new Set(found.ids).size).toBe(found.ids.length);
      expect(lasting.filter((id) => !found.ids.includes(id))).toEqual([]);
    },
  );

  it('goes on after the last row of a page when that row is gone', async () => {
    const users = new Set(
      await times(6, () => t.world.user({ name: 'Same Name', organizationId: admin.organizationId })),
    );
    for (const query of ['', 'query=same&']) {
      const get = (from: string): Promise<Answer> =>
        t.as(admin)(`/organizations/self/accounts?${query}resultSize=2${from}`);
      const first = (await get('')).body;
      const last = accountIds(first).at(-1)!;
      if (last !== admin.id) await t.world.write((db) => db.delete(User, { id: last }));
      const rest = await walk((from) => get(from || `&resultFrom=${first.pagination.lastOnPage}`), accountIds);
      const all = [...accountIds(first), ...rest.ids];
      expect(new Set(all).size).toBe(all.length);
      const left = await t.world.write((db) => db.findBy(User, { organizationId: admin.organizationId }));
      const wanted = left.map(({ id }) => id).filter((id) => query === '' || users.has(id));
      expect(wanted.filter((id) => !all.includes(id))).toEqual([]);
    }
  });

  it('has pages of 1 to 100 rows, and cursors of its own', async () => {
    const list = t.as(admin);
    for (const size of ['0', '101', '-1', 'x', '1.5', ''])
      for (const path of ['/organizations/self/accounts', '/groups', '/organization/self/groups'])
        expect(outcome(await list(`${path}?resultSize=${size}`))).toEqual([400, 'invalid_result_size']);
    for (const from of ['a b', "'", '%00', 'x'.repeat(600)])
      expect(outcome(await list(`/groups?resultFrom=${from}`))).toEqual([400, 'invalid_request']);
    expect(outcome(await list('/groups?resultFrom=a&resultFrom=b'))).toEqual([400, 'invalid_request']);
    expect(outcome(await list('/groups?query=a&resultFrom=xxx'))).toEqual([400, 'invalid_request']);
    expect((await list('/groups')).body).toEqual({ groups: [], pagination: { total: 0, moreAvailable: false } });
    expect((await list(`/groups?resultFrom=${'_'.repeat(22)}`)).body.groups).toEqual([]);
  });
});

describe('the order by name', () => {
  const names = ['zoë', 'Éva Kiss', 'anna', 'Bo', 'Anna', 'Eva Adams', 'anna van Dam', '!bang', 'Ä'];
  const inOrder = ['!bang', 'Ä', 'anna', 'Anna', 'anna van Dam', 'Bo', 'Eva Adams', 'Éva Kiss', 'zoë'];
  const isName = new Set(names);
  /** Names that differ in case alone are in the order of their IDs. */
  const folded = (list: string[]): string[] =>
    list.filter((name) => isName.has(name)).map((name) => name.toLowerCase());

  it.each(['name', '-name'])('is that of people, page by page, without case and accents (%s)', async (order) => {
    for (const name of names) await t.world.user({ name, organizationId: admin.organizationId });
    const wanted = order === 'name' ? inOrder : inOrder.toReversed();
    const found = await walk(
      (from) => t.as(admin)(`/organizations/self/accounts?order=${order}&resultSize=3${from}`),
      (body) => body.accounts.map(({ name }: { name: string }) => name),
    );
    expect(folded(found.ids)).toEqual(folded(wanted));
    expect(found.totals).toEqual(found.totals.map(() => names.length + 1));
    const staff = await t.as(admin)(`/organizations/self/accounts?order=${order}&relationType=ADMIN`);
    expect(accountIds(staff.body)).toEqual([admin.id]);
  });

  it.each(['name', '-name'])(
    'is that of groups, of all and of those on which somebody has a right (%s)',
    async (order) => {
      const manager = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
      for (const name of names)
        await t.world.allow(manager.id, await t.world.group(admin.organizationId, name), 'MANAGE');
      const wanted = folded(order === 'name' ? inOrder : inOrder.toReversed());
      for (const caller of [admin, manager]) {
        const found = await walk(
          (from) => t.as(caller)(`/groups?order=${order}&resultSize=4${from}`),
          (body) => body.groups.map(({ name }: { name: string }) => name),
        );
        expect(folded(found.ids)).toEqual(wanted);
        expect(found.totals).toEqual([names.length, names.length, names.length]);
      }
      const [one] = await t.world.write((db) => db.findBy(Group, { organizationId: admin.organizationId }));
      await t.world.write((db) => db.update(Group, { id: one!.id }, { customReference: 'R' }));
      expect(groupIds((await t.as(admin)(`/groups?order=${order}&customReference=R`)).body)).toEqual([one!.id]);
    },
  );

  it('follows a new name, and has no effect on a search', async () => {
    const ids: string[] = [];
    for (const name of ['Bo Last', 'Cy First'])
      ids.push(await t.world.user({ name, organizationId: admin.organizationId }));
    const list = async (query: string): Promise<string[]> =>
      accountIds((await t.as(admin)(`/organizations/self/accounts?${query}`)).body).filter((id) => ids.includes(id));
    expect(await list('order=name')).toEqual(ids);
    await t.send(admin, 'PUT', `/user/${ids[1]}`, { name: 'Al First' });
    expect(await list('order=name')).toEqual(ids.toReversed());
    expect(await list('order=-name&query=first')).toEqual([ids[1]]);
    for (const path of ['/organizations/self/accounts', '/groups', '/organization/self/groups'])
      for (const query of ['order=age', 'order=name&resultFrom=xxx'])
        expect(outcome(await t.as(admin)(`${path}?${query}`))).toEqual([400, 'invalid_request']);
  });
});

it('takes the same number of statements for a groups administrator and for the manager of one group', async () => {
  const manager = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
  const group = await t.world.group(admin.organizationId);
  await t.world.allow(manager.id, group, 'MANAGE');
  for (let i = 0; i < 12; i++) {
    await t.world.group(admin.organizationId);
    await t.world.join(await t.world.user({ organizationId: admin.organizationId }), group);
  }
  const runner = t.nest.get(DataSource).createQueryRunner();
  const query = jest.spyOn(Object.getPrototypeOf(runner) as typeof runner, 'query');
  const read = jest.spyOn(t.nest.get(Database), 'read');
  const countFor = async (caller: TestCaller, path: string): Promise<number> => {
    const counts: number[] = [];
    for (let run = 0; run < 3; run++) {
      query.mockClear();
      read.mockClear();
      expect((await t.as(caller)(path)).status).toBe(200);
      counts.push(query.mock.calls.length + read.mock.calls.length);
    }
    // What the service does by itself may come in between.
    return Math.min(...counts);
  };
  for (const path of [
    '/groups',
    '/groups?order=name',
    '/groups?query=class',
    `/group/${group}/members`,
    `/group/${group}/members?query=noor`,
    `/group/${group}/staff`,
    '/organizations/self/accounts',
    '/organizations/self/accounts?order=-name',
    '/organizations/self/accounts?query=noor',
  ]) {
    const ofAdministrator = await countFor(admin, path);
    expect({ path, ofManager: await countFor(manager, path) }).toEqual({ path, ofManager: ofAdministrator });
    expect({ path, few: ofAdministrator <= 12 }).toEqual({ path, few: true });
  }
  jest.restoreAllMocks();
  await runner.release();
});

const staffIds = (body: Answer['body']): string[] => body.users.map(({ id }: { id: string }) => id);

describe('versions 2 and 2.1', () => {
  /** Every page by the number of its first row, as clients of these versions ask for it. */
  async function walkByNumber(path: string, idsOf: (body: Answer['body']) => string[]): Promise<string[]> {
    const ids: string[] = [];
    for (let start = 0, total = 1; start < total; start += 3) {
      const { status, body, text } = await old(`${path}resultStart=${start}&resultSize=3`);
      expect({ status, text }).toMatchObject({ status: 200 });
      expect(idsOf(body)).toHaveLength(Math.min(3, body.total - start));
      ids.push(...idsOf(body));
      total = body.total;
    }
    return ids;
  }

  let base: string;
  const old = (path: string): Promise<Answer> =>
    t.call(base + path, { headers: { authorization: `Bearer ${admin.token}` } });

  it.each(['/api/2', '/api/2.1'])(
    'page by the number of a row, and show the same rows as 2.1.1 (%s)',
    async (asked) => {
      base = asked;
      const groups = await times(11, (number) => t.world.group(admin.organizationId, `Class ${number}`));
      const { id: member, groupId } = await t.world.userOf(admin);
      const members = [member, ...(await times(10, () => t.world.user({ organizationId: admin.organizationId })))];
      for (const id of members.slice(1)) await t.world.join(id, groupId);
      const staff = [admin.id];
      for (let number = 0; number < 4; number++)
        staff.push((await t.world.caller({ organizationId: admin.organizationId, permissions: [] })).id);

      for (const [path, idsOf, expected] of [
        ['/groups?', groupIds, [...groups, groupId]],
        ['/groups?query=class&', groupIds, [...groups, groupId]],
        ['/organization/self/groups?', groupIds, [...groups, groupId]],
        [`/group/${groupId}/members?`, memberIds, members],
        ['/organization/self/staff?', staffIds, staff],
      ] as const) {
        const found = await walkByNumber(path, idsOf);
        expect({ path, found: found.toSorted() }).toEqual({ path, found: [...expected].toSorted() });
        const whole = await old(path);
        expect({ path, ids: idsOf(whole.body), total: whole.body.total }).toEqual({
          path,
          ids: found,
          total: expected.length,
        });
        expect(idsOf((await t.as(admin)(`${path}resultSize=100`)).body)).toEqual(found);
        expect(idsOf((await old(`${path}resultStart=100000`)).body)).toEqual([]);
      }
    },
  );

  it('take 1 to 100 rows for a page, and numbers up to 100,000', async () => {
    base = '/api/2.1';
    const { groupId } = await t.world.userOf(admin);
    for (const path of ['/groups', `/group/${groupId}/members`, '/organization/self/staff']) {
      for (const start of ['-1', '100001', 'x', '1.5'])
        expect(outcome(await old(`${path}?resultStart=${start}`))).toEqual([400, 'invalid_request']);
      for (const size of ['0', '101', 'x'])
        expect(outcome(await old(`${path}?resultSize=${size}`))).toEqual([400, 'invalid_result_size']);
    }
  });

  it('are not 2.1.1, whose answers and first pages stay as they are', async () => {
    await times(12, () => t.world.group(admin.organizationId));
    const { body } = await t.as(admin)('/groups?resultStart=5');
    expect(Object.keys(body)).toEqual(['groups', 'pagination']);
    expect(body.groups).toEqual((await t.as(admin)('/groups')).body.groups);
    expect(body.groups).toHaveLength(10);
  });
});

describe('search', () => {
  it.each([
    ['zoë', 'Zoë de Wit'],
    ['ZOË', 'Zoë de Wit'],
    ['zoe', 'Zoë de Wit'],
    ['wit', 'Zoë de Wit'],
    ['DE WIT', 'Zoë de Wit'],
    ['élodie', 'Élodie'],
    ['ÉLODIE', 'élodie'],
    ['strasse', 'Anna Straße'],
    ['STRAẞE', 'Anna Straße'],
    ['Straße', 'Anna STRASSE'],
    ['istanbul', 'İstanbul'],
    ['İSTANBUL', 'istanbul'],
    ["o'br", "Pat O'Brien"],
    ['100%', '100% Pure'],
    ['王', '王小明'],
  ])('finds %j in %j', async (query, name) => {
    const id = await t.world.user({ name, organizationId: admin.organizationId });
    const groupId = await t.world.group(admin.organizationId, name);
    await t.world.user({ name: 'Somebody Else', organizationId: admin.organizationId });
    await t.world.group(admin.organizationId, 'Something Else');
    await t.world.join(id, groupId);
    await t.world.allow(id, groupId, 'VIEW');
    const text = encodeURIComponent(query);
    const found = async (path: string): Promise<unknown> => (await t.as(admin)(`${path}?query=${text}`)).body;
    expect(await found('/organizations/self/accounts')).toMatchObject({ accounts: [{ id }], pagination: { total: 1 } });
    expect(await found('/groups')).toMatchObject({ groups: [{ id: groupId }], pagination: { total: 1 } });
    expect(await found(`/group/${groupId}/members`)).toMatchObject({ members: [{ member: { id } }] });
    expect(await found(`/group/${groupId}/staff`)).toMatchObject({ total: 1, groupStaffUsers: [{ user: { id } }] });
  });

  it('finds accounts by e-mail address and third-party ID, after each change of them', async () => {
    const code = await t.world.thirdParty(admin.organizationId);
    const found = async (query: string): Promise<string[]> =>
      accountIds((await t.as(admin)(`/organizations/self/accounts?query=${encodeURIComponent(query)}`)).body);
    const mark = newId().replaceAll(/\W|_/g, 'x').toLowerCase();
    const { body: user } = await t.send(admin, 'POST', '/users', {
      name: 'Alpha',
      emailAddress: `${mark}@one.example`,
      thirdParty: code,
      thirdPartyId: `${mark}-7`,
    });
    for (const query of ['alpha', `${mark}@ONE`, 'one.example', `${mark}-7`])
      expect(await found(query)).toEqual([user.id]);
    await t.send(admin, 'PUT', `/user/${user.id}`, { name: 'Beta', emailAddress: `${mark}@two.example` });
    await t.send(admin, 'DELETE', `/user/${user.id}/third-party-id/${code}/${mark}-7`);
    for (const query of ['alpha', `${mark}@one`, `${mark}-7`]) expect(await found(query)).toEqual([]);
    for (const query of ['beta', `${mark}@two`]) expect(await found(query)).toEqual([user.id]);
    await t.send(admin, 'PUT', `/user/${user.id}/third-party-id/${code}/${mark}-8`);
    expect(await found(`${mark}-8`)).toEqual([user.id]);
    const { body: group } = await t.send(
      await t.world.caller({ organizationId: admin.organizationId, permissions: ['CREATE_GROUPS'] }),
      'POST',
      '/groups',
      {
        name: 'Gamma',
        description: 'G',
        customReference: 'REF-9',
      },
    );
    const groups = async (query: string): Promise<string[]> =>
      groupIds((await t.as(admin)(`/groups?query=${query}`)).body);
    expect([await groups('gamma'), await groups('ref-9')]).toEqual([[group.id], [group.id]]);
    await t.send(admin, 'PUT', `/group/${group.id}`, { name: 'Delta' });
    expect([await groups('gamma'), await groups('delta')]).toEqual([[], [group.id]]);
  });

  it('shows once what has several words that are found, and nothing of other organizations', async () => {
    const id = await t.world.user({ name: 'Anna Annabel Annika', organizationId: admin.organizationId });
    const other = await t.world.organization();
    await t.world.user({ name: 'Anna', organizationId: other });
    await t.world.group(other, 'Anna');
    const { body } = await t.as(admin)('/organizations/self/accounts?query=ann');
    expect([accountIds(body), body.pagination.total]).toEqual([[id], 1]);
    expect((await t.as(admin)('/groups?query=ann')).body.groups).toEqual([]);
  });

  it('pages what it finds, and takes blanks for no search', async () => {
    await times(5, (number) => t.world.user({ name: `Kim ${number % 2}`, organizationId: admin.organizationId }));
    const found = await walk(
      (from) => t.as(admin)(`/organizations/self/accounts?query=kim&resultSize=2${from}`),
      accountIds,
    );
    expect([new Set(found.ids).size, found.sizes, found.totals]).toEqual([5, [2, 2, 1], [5, 5, 5]]);
    expect((await t.as(admin)('/organizations/self/accounts?query=%20')).body.pagination.total).toBe(6);
    expect((await t.as(admin)('/organizations/self/accounts?query=***')).body.pagination.total).toBe(0);
  });
});

describe('GET organizations/{id}/accounts', () => {
  it('is for staff of the organization, by its id or self', async () => {
    const nobody = await t.world.caller();
    await t.world.write((db) => db.update(User, { id: nobody.id }, { staffOrganizationId: null }));
    const stranger = await t.world.caller();
    const path = `/organizations/${admin.organizationId}/accounts`;
    expect((await t.as(admin)(path)).body.accounts).toMatchObject([
      { id: admin.id, type: 'USER', name: 'Host system' },
    ]);
    for (const caller of [nobody, stranger]) expect(outcome(await t.as(caller)(path))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.as(nobody)('/organizations/self/accounts'))).toEqual([403, 'not_permitted']);
  });

  it('shows the staff alone with relationType=ADMIN', async () => {
    await t.world.user({ organizationId: admin.organizationId });
    const { body } = await t.as(admin)('/organizations/self/accounts?relationType=ADMIN');
    expect([accountIds(body), body.pagination]).toEqual([
      [admin.id],
      { total: 1, lastOnPage: admin.id, moreAvailable: false },
    ]);
    for (const [query, found] of Object.entries({ host: 1, nobody: 0 })) {
      const answer = await t.as(admin)(`/organizations/self/accounts?relationType=ADMIN&query=${query}`);
      expect(answer.body.accounts).toHaveLength(found);
    }
    expect(outcome(await t.as(admin)('/organizations/self/accounts?relationType=ALL'))).toEqual([
      400,
      'invalid_request',
    ]);
  });
});

describe('GET groups', () => {
  it('shows what the caller has a permission on, and filters by exactly that', async () => {
    const staff = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    const [managed, viewed, other] = (await times(3, () => t.world.group(admin.organizationId))) as [
      string,
      string,
      string,
    ];
    await t.world.allow(staff.id, managed, 'MANAGE');
    await t.world.allow(staff.id, viewed, 'VIEW');
    const list = async (caller: TestCaller, path: string): Promise<string[]> =>
      groupIds((await t.as(caller)(path)).body).toSorted();
    expect(await list(staff, '/groups')).toEqual([managed, viewed].toSorted());
    expect(await list(staff, '/groups?permission=MANAGE')).toEqual([managed]);
    expect(await list(staff, '/groups?permission=VIEW')).toEqual([viewed]);
    // The groups administrator has MANAGE on every one.
    expect(await list(admin, '/groups')).toEqual([managed, viewed, other].toSorted());
    expect(await list(admin, '/groups?permission=MANAGE')).toEqual([managed, viewed, other].toSorted());
    expect(await list(admin, '/groups?permission=VIEW')).toEqual([]);
    expect(await list(staff, '/organization/self/groups')).toEqual([managed, viewed, other].toSorted());
    expect(await list(staff, `/organization/${admin.organizationId}/groups?permission=VIEW`)).toEqual([viewed]);
    for (const permission of ['', 'ALL', 'manage'])
      expect(outcome(await t.as(staff)(`/groups?permission=${permission}`))).toEqual([400, 'invalid_permission']);
  });

  it('filters by exactly the custom reference', async () => {
    const [one, two] = (await times(2, () => t.world.group(admin.organizationId))) as [string, string];
    await t.world.write((db) => db.update(Group, { id: one }, { customReference: 'Ref-1' }));
    await t.world.write((db) => db.update(Group, { id: two }, { customReference: 'Ref-10' }));
    const { body } = await t.as(admin)('/groups?customReference=Ref-1');
    expect(body).toMatchObject({ groups: [{ id: one, customReference: 'Ref-1' }], pagination: { total: 1 } });
    expect((await t.as(admin)('/groups?customReference=ref-1')).body.groups).toEqual([]);
    expect((await t.as(admin)('/groups?customReference=Ref-1&query=nothing')).body.groups).toEqual([]);
  });

  it('shows nothing to whoever is on nobody’s staff, and of other organizations', async () => {
    const nobody = await t.world.caller();
    await t.world.group(nobody.organizationId);
    expect(outcome(await t.as(admin)(`/organization/${nobody.organizationId}/groups`))).toEqual([403, 'not_permitted']);
    expect((await t.as(admin)('/groups')).body.groups).toEqual([]);
    await t.world.write((db) => db.update(User, { id: nobody.id }, { staffOrganizationId: null }));
    expect((await t.as(nobody)('/groups')).body.groups).toEqual([]);
    for (const path of ['/organization', '/organization/self', '/organization/self/staff', '/organization/self/groups'])
      expect(outcome(await t.as(nobody)(path))).toEqual([401, 'not_linked_to_organization']);
  });
});

describe('GET group/{id}/members', () => {
  it('shows who has joined and who is invited, and counts them', async () => {
    const groupId = await t.world.group(admin.organizationId);
    const joined = await t.world.user({ name: 'Joined', organizationId: admin.organizationId });
    const invited = await t.world.user({ name: 'Invited' });
    await t.world.join(joined, groupId);
    await t.world.join(invited, groupId, 'INVITED');
    const { status, body } = await t.as(admin)(`/group/${groupId}/members`);
    expect([status, body.counts, body.pagination.total]).toEqual([200, { members: 1, invitees: 1 }, 2]);
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(body.members).toHaveLength(2);
    expect(body.members).toContainEqual({
      member: expect.objectContaining({ id: joined, name: 'Joined' }),
      joined: instant,
      status: 'JOINED',
    });
    expect(body.members).toContainEqual({
      member: { type: 'USER', id: invited },
      invited: instant,
      status: 'INVITED',
    });
    expect((await t.as(admin)(`/group/${groupId}`)).body.counts.members).toBe(1);
  });

  it('tells nothing but the id of a stranger who is invited, also not by a search, and little more after they join', async () => {
    const groupId = await t.world.group(admin.organizationId);
    const stranger = await t.world.caller();
    const mark = newId().toLowerCase().replaceAll(/\W|_/g, 'x');
    const emailAddress = `${mark}@elsewhere.example`;
    const victim = await t.world.user({ name: 'Secret Name', organizationId: stranger.organizationId, emailAddress });
    const added = await t.send(admin, 'PUT', `/group/${groupId}/members/${emailAddress}`);
    expect(added.body).toMatchObject({ member: { type: 'USER', id: victim }, status: 'INVITED' });
    expect(added.text).not.toContain('Secret');
    const search = async (): Promise<Answer> => t.as(admin)(`/group/${groupId}/members?query=secret`);
    expect((await search()).body.members).toEqual([]);
    await t.world.leave(victim, groupId);
    await t.world.join(victim, groupId);
    expect((await search()).body.members[0].member).toEqual({
      type: 'USER',
      id: victim,
      name: 'Secret Name',
      realName: 'Secret Name',
      emailAddress,
    });
  });

  it('neither skips nor repeats members while others come and go', async () => {
    const groupId = await t.world.group(admin.organizationId);
    const users = await times(25, () => t.world.user({ organizationId: admin.organizationId }));
    for (const id of users) await t.world.join(id, groupId);
    const spare = await times(5, () => t.world.user({ organizationId: admin.organizationId }));
    const found = await walk(
      (from) => t.as(admin)(`/group/${groupId}/members?resultSize=6${from}`),
      memberIds,
      async (page) => {
        await t.world.leave(users[page]!, groupId);
        await t.world.join(spare[page]!, groupId);
      },
    );
    expect(new Set(found.ids).size).toBe(found.ids.length);
    const left = users.filter((_, number) => number === 0 || number > found.sizes.length);
    expect(left.filter((id) => !found.ids.includes(id))).toEqual([]);
  });

  it('needs VIEW', async () => {
    const groupId = await t.world.group(admin.organizationId);
    const viewer = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    expect(outcome(await t.as(viewer)(`/group/${groupId}/members`))).toEqual([403, 'no_permission']);
    expect(outcome(await t.as(viewer)(`/group/${groupId}/staff`))).toEqual([403, 'not_permitted']);
    await t.world.allow(viewer.id, groupId, 'VIEW');
    expect((await t.as(viewer)(`/group/${groupId}/members`)).status).toBe(200);
    expect((await t.as(viewer)(`/group/${groupId}/staff`)).status).toBe(200);
    expect(outcome(await t.as(admin)(`/group/${newId()}/members`))).toEqual([404, 'group_not_found']);
    expect(outcome(await t.as(admin)(`/group/${newId()}/staff`))).toEqual([404, 'unknown_group']);
    expect(outcome(await t.as(admin)(`/group/a%20b/members`))).toEqual([400, 'invalid_group_id']);
  });
});

describe('GET group/{id}/staff', () => {
  it('shows who may do what, by offset', async () => {
    const groupId = await t.world.group(admin.organizationId);
    const staff = await times(5, () => t.world.caller({ organizationId: admin.organizationId, permissions: [] }));
    for (const [number, { id }] of staff.entries()) await t.world.allow(id, groupId, number === 0 ? 'MANAGE' : 'VIEW');
    const get = async (query: string): Promise<Answer['body']> =>
      (await t.as(admin)(`/group/${groupId}/staff?${query}`)).body;
    const pages = [await get('resultSize=2'), await get('resultSize=2&resultStart=2'), await get('resultStart=4')];
    expect(pages.map(({ group, count, total }) => ({ group, count, total }))).toEqual([
      { group: { id: groupId }, count: 2, total: 5 },
      { group: { id: groupId }, count: 2, total: 5 },
      { group: { id: groupId }, count: 1, total: 5 },
    ]);
    const rows = pages.flatMap(({ groupStaffUsers }) => groupStaffUsers);
    expect(rows.map(({ user }) => user.id).toSorted()).toEqual(staff.map(({ id }) => id).toSorted());
    expect(rows.find(({ user }) => user.id === staff[0]!.id)).toMatchObject({
      group: { id: groupId },
      user: { type: 'USER', name: 'Host system' },
      permission: 'MANAGE',
    });
    for (const start of ['-1', 'x', '100001'])
      expect(outcome(await t.as(admin)(`/group/${groupId}/staff?resultStart=${start}`))).toEqual([
        400,
        'invalid_request',
      ]);
  });

  it('answers user_missing for a reference to staff that is none', async () => {
    const groupId = await t.world.group(admin.organizationId);
    for (const method of ['PUT', 'DELETE'] as const)
      for (const ref of ['%20', '%01', 'a'.repeat(65)])
        expect(outcome(await t.send(admin, method, `/group/${groupId}/staff/${ref}/VIEW`))).toEqual([
          400,
          'user_missing',
        ]);
  });
});
