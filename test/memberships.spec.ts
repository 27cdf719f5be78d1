import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { outcome, TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

const FROM = '2098-01-01T00:00:00Z';
const UNTIL = '2099-12-31T23:00:00Z';

let t: TestApp;
let admin: TestCaller;
let user: string;
let one: string;
let two: string;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  admin = await t.world.caller({ permissions: ['MANAGE_ALL_GROUPS'] });
  const { organizationId } = admin;
  user = await t.world.user({ organizationId });
  [one, two] = [await t.world.group(organizationId, 'One'), await t.world.group(organizationId, 'Two')];
  await t.world.join(user, one);
  await t.world.join(user, two, 'INVITED');
});

/** The names of the groups that a caller finds, in order. */
async function groupsFor(caller: TestCaller, ref = user): Promise<string[]> {
  const { status, body } = await t.as(caller)(`/user/${ref}/groups`);
  expect(status).toBe(200);
  expect(body.pagination.total).toBe(body.memberships.length);
  return body.memberships.map(({ group }: { group: { name: string } }) => group.name).toSorted();
}

describe('the groups of a user', () => {
  it('are those that the user is in or invited to, each with its period', async () => {
    const period = { validFrom: new Date(FROM), validUntil: new Date(UNTIL) };
    await t.world.write((db) => db.update(Membership, { userId: user, groupId: one }, period));
    const { body } = await t.as(admin)(`/user/${user}/groups`);
    expect(body.pagination).toEqual({ total: 2, lastOnPage: [one, two].toSorted()[1], moreAvailable: false });
    expect(body.memberships).toHaveLength(2);
    expect(body.memberships).toContainEqual({
      group: { id: one, name: 'One' },
      joined: expect.stringMatching(/Z$/),
      status: 'JOINED',
      validFrom: FROM,
      validUntil: UNTIL,
    });
    expect(body.memberships).toContainEqual({
      group: { id: two, name: 'Two' },
      invited: expect.stringMatching(/Z$/),
      status: 'INVITED',
    });
  });

  it('are read page by page', async () => {
    const first = (await t.as(admin)(`/user/${user}/groups?resultSize=1`)).body;
    expect(first.pagination).toMatchObject({ total: 2, moreAvailable: true });
    const next = (await t.as(admin)(`/user/${user}/groups?resultSize=1&resultFrom=${first.pagination.lastOnPage}`))
      .body;
    expect(next.pagination.moreAvailable).toBe(false);
    expect([...first.memberships, ...next.memberships].map(({ group }) => group.id)).toEqual([one, two].toSorted());
  });

  it('are for the staff of a group that group alone, and none for other staff', async () => {
    const { organizationId } = admin;
    const [viewer, other] = [
      await t.world.caller({ organizationId, permissions: [] }),
      await t.world.caller({ organizationId, permissions: ['MANAGE_USERS', 'MANAGE_STAFF'] }),
    ];
    await t.world.allow(viewer.id, one, 'VIEW');
    expect(await groupsFor(viewer)).toEqual(['One']);
    expect(await groupsFor(other)).toEqual([]);
    expect(await groupsFor(admin)).toEqual(['One', 'Two']);
  });

  it('are none of another organization', async () => {
    const stranger = await t.world.caller({ permissions: ['MANAGE_ALL_GROUPS'] });
    expect(outcome(await t.as(stranger)(`/user/${user}/groups`))).toEqual([404, 'nonexistent_user']);
    const theirs = await t.world.group(stranger.organizationId, 'Theirs');
    await t.world.join(user, theirs);
    expect(await groupsFor(admin)).toEqual(['One', 'Two']);
  });
});
