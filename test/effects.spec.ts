import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { outcome, TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let host: TestCaller;
let groupId: string;
let user: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_STAFF', 'MANAGE_ALL_GROUPS'] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  ({ id: user, groupId } = await t.world.userOf(host));
});

/** What can be taken from the host, and the call that takes it. */
const RIGHTS = [
  { right: 'a permission', path: () => `/user/${host.id}/permissions/OBTAIN_ACCESS_TOKENS`, ends: true },
  { right: 'MANAGE on a group', path: () => `/group/${groupId}/staff/${host.id}/MANAGE`, ends: true },
  { right: 'a permission that lets nobody in', path: () => `/user/${host.id}/permissions/CREATE_GROUPS`, ends: false },
];

describe.each(RIGHTS)('what taking away $right would end', ({ path, ends }) => {
  it('is what it ends, and nothing ends before', async () => {
    const cookies = [await t.signIn(host, user), await t.signIn(host, user)];
    const token = await t.loginToken(host, user);
    const live = async (): Promise<number> => {
      const answers = cookies.map((cookie) => t.call('/session', { headers: { cookie } }));
      return (await Promise.all(answers)).filter(({ status }) => status === 200).length;
    };
    const preview = await t.as(admin)(`${path()}/effects`);
    expect(preview).toMatchObject({
      status: 200,
      body: ends ? { sessions: 2, tokens: 1 } : { sessions: 0, tokens: 0 },
    });
    expect(await live()).toBe(2);
    expect((await t.send(admin, 'DELETE', path())).status).toBe(200);
    expect(await live()).toBe(2 - preview.body.sessions);
    expect((await t.login(token)).status).toBe(preview.body.tokens === 1 ? 401 : 303);
  });
});

it('what taking somebody off the staff would end is what it ends', async () => {
  await t.world.write((db) => db.query(`DELETE FROM "group_staff" WHERE "user_id" = '${host.id}'`));
  await t.world.grant(host.id, 'MANAGE_ALL_GROUPS');
  const cookie = await t.signIn(host, user);
  const path = `/organization/self/staff/${host.id}`;
  expect((await t.as(admin)(`${path}/effects`)).body).toEqual({ sessions: 1, tokens: 0 });
  expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
  expect((await t.send(admin, 'DELETE', path)).status).toBe(204);
  expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
});

it('fails as the change does', async () => {
  for (const path of [
    `/user/${admin.id}/permissions/MANAGE_STAFF`,
    `/organization/self/staff/${host.id}`,
    `/group/${groupId}/staff/${admin.id}/VIEW`,
  ]) {
    const preview = outcome(await t.as(admin)(`${path}/effects`));
    expect(preview[0]).toBeGreaterThanOrEqual(400);
    expect(outcome(await t.send(admin, 'DELETE', path))).toEqual(preview);
  }
});
