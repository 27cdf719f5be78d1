import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { outcome, TestApp } from './support/app.js';
import { assertionOf, JWT_BEARER, newServiceAccount, requestToken } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
/** Somebody without any right, with a token of their own. */
let person: TestCaller;
let host: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  person = await t.world.caller({ permissions: [] });
  await t.world.write((db) => db.update(User, { id: person.id }, { staffOrganizationId: null }));
  host = await hostOf(person.organizationId);
});

/** A host that may let the person in. */
async function hostOf(organizationId: string): Promise<TestCaller> {
  const caller = await t.world.caller({ organizationId });
  const groupId = await t.world.group(organizationId);
  await t.world.join(person.id, groupId);
  await t.world.allow(caller.id, groupId, 'MANAGE');
  return caller;
}

/** Whoever let somebody in, as the API shows them. */
function actor(of: TestCaller, name: string): object {
  return {
    type: 'USER',
    id: of.id,
    name: 'Host system',
    clientId: of.clientId,
    organization: { type: 'ORGANIZATION', id: of.organizationId, name },
  };
}

async function sessionsOf(caller: TestCaller, query = ''): Promise<{ id: string; actor: { id: string } }[]> {
  const { status, body } = await t.as(caller)(`/own-sessions${query}`);
  expect(status).toBe(200);
  return body.sessions;
}

describe('one’s own sessions', () => {
  it('are listed for somebody without rights, with who let them in, also by another organization', async () => {
    const foreign = await hostOf(await t.world.organization('Elsewhere'));
    await t.signIn(host, person.id);
    t.clock.advance(1);
    await t.signIn(foreign, person.id);
    const { body } = await t.as(person)('/own-sessions');
    const session = { id: expect.any(String), user: { id: person.id, name: 'Host system' } };
    const times = { created: expect.any(String), lastSeen: expect.any(String), expires: expect.any(String) };
    expect(body).toEqual({
      sessions: [
        { ...session, ...times, actor: actor(foreign, 'Elsewhere') },
        { ...session, ...times, actor: actor(host, 'Academy') },
      ],
      pagination: { total: 2, lastOnPage: body.sessions[1].id, moreAvailable: false },
    });
  });

  it('have pages, and leave out sessions of others and those that have ended', async () => {
    for (let index = 0; index < 3; index++) await t.signIn(host, person.id);
    const { id: other } = await t.world.userOf(host);
    await t.signIn(host, other);
    const all = (await sessionsOf(person)).map(({ id }) => id);
    expect(all).toHaveLength(3);
    const [first] = await sessionsOf(person, '?resultSize=1');
    const rest = await sessionsOf(person, `?resultFrom=${first!.id}`);
    expect([first!, ...rest].map(({ id }) => id)).toEqual(all);
    expect(outcome(await t.as(person)('/own-sessions?resultFrom=x'))).toEqual([400, 'invalid_request']);
    t.clock.advance(31 * 60);
    expect(await sessionsOf(person)).toEqual([]);
  });

  it('are ended by their user, once and on every instance, which is recorded', async () => {
    const cookie = await t.signIn(host, person.id);
    const [session] = await sessionsOf(person);
    const end = () => t.as(person)(`/own-session/${session!.id}`, { method: 'DELETE' });
    const answers = await Promise.all([end(), end(), end()]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 404, 404]);
    t.clock.advance(2);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(401);
    const ended = await t.world.write((db) => db.findBy(AuditEvent, { event: 'SESSION_ENDED', userId: person.id }));
    expect(ended.map(({ details }) => details)).toEqual(['{"reason":"BY_USER"}']);
  });

  it('can’t be ended by anybody else with this call', async () => {
    const cookie = await t.signIn(host, person.id);
    const [session] = await sessionsOf(person);
    const administrator = await t.world.caller({
      organizationId: host.organizationId,
      permissions: ['MANAGE_USERS', 'MANAGE_STAFF'],
    });
    for (const caller of [host, administrator])
      for (const id of [session!.id, 'x', person.id])
        expect(outcome(await t.as(caller)(`/own-session/${id}`, { method: 'DELETE' }))).toEqual([404, 'not_found']);
    t.clock.advance(2);
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
  });
});

describe('one’s own invitations', () => {
  it('are listed for somebody without rights, with the group and its organization, and nobody else’s', async () => {
    const organizationId = await t.world.organization('Elsewhere');
    const invitedTo = await t.world.group(organizationId, 'Choir');
    await t.world.join(person.id, invitedTo, 'INVITED');
    const { id: other } = await t.world.userOf(host);
    await t.world.join(other, await t.world.group(organizationId), 'INVITED');
    const { status, body } = await t.as(person)('/group-invitations');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        invitations: [
          {
            id: invitedTo,
            name: 'Choir',
            description: 'Choir',
            organization: { type: 'ORGANIZATION', id: organizationId, name: 'Elsewhere' },
            invited: expect.any(String),
          },
        ],
        pagination: { total: 1, lastOnPage: invitedTo, moreAvailable: false },
      },
    });
  });

  it('have pages, and are gone once they are answered', async () => {
    const organizationId = await t.world.organization();
    const groups = await Promise.all([1, 2, 3].map(() => t.world.group(organizationId)));
    for (const groupId of groups) await t.world.join(person.id, groupId, 'INVITED');
    const seen: string[] = [];
    for (let from = '', more = true; more;) {
      const { body } = await t.as(person)(`/group-invitations?resultSize=2&resultFrom=${from}`);
      seen.push(...body.invitations.map(({ id }: { id: string }) => id));
      expect(body.pagination.total).toBe(3);
      [from, more] = [body.pagination.lastOnPage, body.pagination.moreAvailable];
    }
    expect(seen.toSorted()).toEqual(groups.toSorted());
    await t.send(person, 'PUT', `/group-invitation/${groups[0]}`, { action: 'ACCEPT' });
    await t.send(person, 'PUT', `/group-invitation/${groups[1]}`, { action: 'DECLINE' });
    const { body } = await t.as(person)('/group-invitations');
    expect(body.invitations.map(({ id }: { id: string }) => id)).toEqual([groups[2]]);
  });
});

it('a delegated session, or a service account that acts for the user, can neither see nor change what is one’s own', async () => {
  const cookie = await t.signIn(host, person.id);
  const [session] = await sessionsOf(person);
  const account = await newServiceAccount(t, host.organizationId);
  const groupId = await t.world.group(host.organizationId);
  await t.world.join(person.id, groupId);
  await t.world.allow(account.id, groupId, 'MANAGE');
  const invitedTo = await t.world.group(host.organizationId);
  await t.world.join(person.id, invitedTo, 'INVITED');
  const { body } = await requestToken(t.url, {
    grant_type: JWT_BEARER,
    assertion: await assertionOf(t, account, { sub: person.id }),
  });
  const calls: [string, string][] = [
    ['GET', '/own-sessions'],
    ['DELETE', `/own-session/${session!.id}`],
    ['GET', '/group-invitations'],
    ['PUT', `/group-invitation/${invitedTo}`],
  ];
  for (const [method, path] of calls) {
    const options = { method, ...(method === 'PUT' && { body: '{"action":"ACCEPT"}' }) };
    const json = { 'content-type': 'application/json' };
    const byCookie = await t.call(`/api/2.1.1${path}`, {
      ...options,
      headers: { ...(method === 'PUT' && json), cookie, 'x-console': '1', 'sec-fetch-site': 'same-origin' },
    });
    expect({ path, is: outcome(byCookie) }).toEqual({ path, is: [401, 'not_authenticated'] });
    const byActor = await t.as({ token: body.access_token })(path, {
      ...options,
      headers: method === 'PUT' ? json : {},
    });
    expect({ path, is: outcome(byActor) }).toEqual({ path, is: [403, 'not_authorized'] });
  }
  expect(await sessionsOf(person)).toHaveLength(1);
});
