import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../src/common/id.js';
import { User } from '../src/schema/entities/user.entity.js';
import { TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;
let stranger: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  caller = await t.world.caller();
  stranger = await t.world.caller();
});

describe('GET user', () => {
  it('answers with the own account under user, user/self and user/{id}', async () => {
    const answers = await Promise.all(['/user', '/user/self', `/user/${caller.id}`].map((path) => t.as(caller)(path)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toEqual({
        type: 'USER',
        id: caller.id,
        name: 'Host system',
        realName: 'Host system',
        organization: { type: 'ORGANIZATION', id: caller.organizationId, name: 'Academy' },
        created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        memberSince: body.created,
        thirdPartyIds: [],
        status: 'ACTIVE',
      });
    }
  });

  it('shows staff an account of their organization, by any reference', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const emailAddress = `user-${newId()
      .slice(0, 8)
      .toLowerCase()
      .replace(/[^a-z\d]/g, '0')}@academy.example`;
    const id = await t.world.user({
      organizationId: caller.organizationId,
      emailAddress,
      thirdPartyId: [code, 'a/b c'],
    });
    for (const path of [id, emailAddress.toUpperCase(), `${code}$a%2Fb%20c`, `${code}/a%2Fb%20c`]) {
      const { body } = await t.as(caller)(`/user/${path}`);
      expect(body).toMatchObject({ id, emailAddress, thirdPartyIds: [{ thirdParty: code, id: 'a/b c' }] });
    }
  });

  it('answers nonexistent_user for nobody, and for an account of others', async () => {
    const foreign = await t.world.user({ organizationId: stranger.organizationId });
    const unmanaged = await t.world.user();
    const answers = await Promise.all(
      [newId(), 'nobody@example.com', foreign, unmanaged, stranger.id].map((ref) => t.as(caller)(`/user/${ref}`)),
    );
    expect(answers.map(({ status, body }) => `${status} ${body.id}`)).toEqual(
      Array.from({ length: 5 }, () => '404 nonexistent_user'),
    );
  });

  it('shows nothing of others to an account on nobody’s staff', async () => {
    const id = await t.world.user({ organizationId: caller.organizationId });
    await t.world.write((db) => db.update(User, { id: caller.id }, { staffOrganizationId: null }));
    const refusals = await Promise.all([id, newId(), 'nobody@example.com'].map((ref) => t.as(caller)(`/user/${ref}`)));
    expect(refusals.map(({ text }) => text)).toEqual([refusals[0]!.text, refusals[0]!.text, refusals[0]!.text]);
    expect(refusals[0]!.body.id).toBe('no_access');
    expect((await t.as(caller)('/user')).status).toBe(200);
  });
});

describe('GET group/{id}', () => {
  it('shows a group to whoever may view it, with its members counted', async () => {
    const id = await t.world.group(caller.organizationId, 'Class 2B');
    await t.world.join(await t.world.user(), id);
    await t.world.join(await t.world.user(), id, 'INVITED');
    await t.world.allow(caller.id, id, 'VIEW');
    const { status, body } = await t.as(caller)(`/group/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      id,
      name: 'Class 2B',
      description: 'Class 2B',
      counts: { members: 1, drillables: 0, tests: 0 },
      created: expect.any(String),
      lastEdited: body.created,
      organization: { type: 'ORGANIZATION', id: caller.organizationId, name: 'Academy' },
    });
  });

  it('shows every group of the organization to the groups administrator', async () => {
    const administrator = await t.world.caller({ permissions: ['MANAGE_ALL_GROUPS'] });
    const id = await t.world.group(administrator.organizationId);
    expect((await t.as(administrator)(`/group/${id}`)).status).toBe(200);
  });

  it('answers no_permission without a right, and not_found for nothing and for one in another organization', async () => {
    const own = await t.world.group(caller.organizationId);
    const foreign = await t.world.group(stranger.organizationId);
    await t.world.allow(caller.id, foreign, 'MANAGE');
    const answers = await Promise.all([own, foreign, newId()].map((id) => t.as(caller)(`/group/${id}`)));
    expect(answers.map(({ status, body }) => `${status} ${body.id}`)).toEqual([
      '403 no_permission',
      '404 not_found',
      '404 not_found',
    ]);
  });
});

describe('an id in a path', () => {
  it.each(['/organization/a%20b', `/organization/${'x'.repeat(65)}`])(
    'that can be none is not found: %s',
    async (path) => {
      const { status, body } = await t.as(caller)(path);
      expect({ status, id: body.id }).toEqual({ status: 404, id: 'not_found' });
    },
  );

  it.each(['/group/a%20b', `/group/${'x'.repeat(65)}`])(
    'that can be none is named as such for a group: %s',
    async (path) => {
      const { status, body } = await t.as(caller)(path);
      expect({ status, id: body.id }).toEqual({ status: 400, id: 'invalid_group_id' });
    },
  );

  it.each(['/organization/%00', '/group/%00', '/group/a%00b'])('that is not text is refused: %s', async (path) => {
    const { status, body } = await t.as(caller)(path);
    expect({ status, id: body.id }).toEqual({ status: 400, id: 'invalid_request' });
  });
});
