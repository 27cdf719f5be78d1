import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { GroupStaff } from '../src/schema/entities/group-staff.entity.js';
import { Membership } from '../src/schema/entities/membership.entity.js';
import { AccountPermission, PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import type { Permission } from '../src/schema/entities/account-permission.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { runCommand } from './support/command-line.js';
import { newClient, newServiceAccount } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let host: TestCaller;
let user: { id: string; groupId: string };

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  host = await t.world.caller();
  admin = await t.world.caller({
    organizationId: host.organizationId,
    permissions: [...PERMISSIONS],
  });
  user = await t.world.userOf(host);
});

function explain(asker: TestCaller, ref = user.id, query: Record<string, string> = {}): Promise<Answer> {
  return t.as(asker)(`/access/${encodeURIComponent(ref)}/explanation?${new URLSearchParams(query)}`);
}

async function explained(asker: TestCaller, query: Record<string, string> = {}, ref = user.id): Promise<any> {
  const { status, body, text } = await explain(asker, ref, query);
  if (status !== 200) throw new Error(text);
  return body;
}

/** What an administrator is told of the host's call. */
function ofHost(query: Record<string, string> = {}, ref = user.id): Promise<any> {
  return explained(admin, { caller: host.id, ...query }, ref);
}

function descriptionsOf(rows: { description: string }[]): string[] {
  return rows.map(({ description }) => description);
}

async function logRows(): Promise<number> {
  return t.world.write((db) => db.count(AuditEvent));
}

describe('the explanation of an access call', () => {
  it('that is allowed names the permission, the membership and the right that allow it', async () => {
    const explanation = await explained(host);
    expect(explanation).toMatchObject({
      verdict: 'ALLOWED',
      description: 'The caller may let the user in.',
      caller: { id: host.id },
      client: { id: host.clientId },
      user: { id: user.id },
      changes: [],
    });
    expect(explanation).not.toHaveProperty('rule');
    expect(explanation.evidence).toMatchObject([
      {
        rule: 4,
        kind: 'ACCOUNT_PERMISSION',
        holds: true,
        permission: 'OBTAIN_ACCESS_TOKENS',
        account: { id: host.id },
      },
      { rule: 6, kind: 'MEMBERSHIP', holds: true, account: { id: user.id }, group: { id: user.groupId } },
      { rule: 6, kind: 'GROUP_RIGHT', holds: true, permission: 'MANAGE', group: { id: user.groupId } },
    ]);
  });

  it('says since when and by whom, to those who may read the record', async () => {
    const { id } = await t.world.user({ organizationId: host.organizationId }).then((id) => ({ id }));
    await t.send(admin, 'PUT', `/group/${user.groupId}/members/${id}`);
    const { evidence } = await ofHost({}, id);
    const membership = evidence.find(({ kind }: { kind: string }) => kind === 'MEMBERSHIP');
    expect(membership).toMatchObject({ by: { id: admin.id }, since: expect.stringMatching(/^\d{4}-/) });
    const own = await explained(host, {}, id);
    expect(JSON.stringify(own)).not.toContain('"by"');
  });

  it('issues no token, and records no refusal', async () => {
    const [tokens, rows] = [await t.world.loginTokensOf(user.id), await logRows()];
    await explained(host);
    await explained(host, {}, 'nobody@a.example');
    expect([await t.world.loginTokensOf(user.id), await logRows()]).toEqual([tokens, rows]);
  });

  it('by rule 1: the caller is blocked', async () => {
    await t.send(admin, 'PUT', `/user/${host.id}`, { status: 'BLOCKED' });
    expect(await ofHost()).toMatchObject({
      verdict: 'REFUSED',
      rule: 1,
      error: 'not_authenticated',
      evidence: [{ rule: 1, kind: 'CALLER', holds: false }],
      changes: [{ kind: 'UNBLOCK_ACCOUNT', account: { id: host.id } }],
    });
  });

  it('by rule 3: the target is not on the client’s list', async () => {
    expect(await explained(host, { returnTo: 'https://evil.example/' })).toMatchObject({
      rule: 3,
      error: 'incorrect_field',
      evidence: [{ rule: 3, kind: 'TARGET', holds: false }],
      changes: [{ kind: 'CHANGE_PARAMETER' }],
    });
    expect((await explained(host, { returnTo: '/page', embed: 'none' })).verdict).toBe('ALLOWED');
  });

  it('by rule 4: the caller lacks the permission, or is on nobody’s staff', async () => {
    const plain = await t.world.caller({ organizationId: host.organizationId, permissions: [] });
    expect(await explained(plain)).toMatchObject({
      rule: 4,
      error: 'not_authorized',
      changes: [{ kind: 'GRANT_PERMISSION', permission: 'OBTAIN_ACCESS_TOKENS', account: { id: plain.id } }],
    });
    await t.world.write((db) => db.update(User, { id: plain.id }, { staffOrganizationId: null }));
    expect((await explained(plain)).changes).toMatchObject([{ kind: 'APPOINT_STAFF' }]);
  });

  it('by rule 5: the user is blocked, which only administrators learn', async () => {
    await t.send(admin, 'PUT', `/user/${user.id}`, { status: 'BLOCKED' });
    const told = await ofHost();
    expect(told).toMatchObject({
      rule: 5,
      error: 'unknown_user',
      user: { id: user.id },
      evidence: [{ kind: 'USER', holds: false, by: { id: admin.id } }],
      changes: [{ kind: 'UNBLOCK_ACCOUNT', account: { id: user.id } }],
    });
    const [own, nobody] = [await explained(host), await explained(host, {}, 'nobody@a.example')];
    expect(own).toEqual(nobody);
  });

  it('by rule 6: what would turn it, from the rights and memberships that are there', async () => {
    const [invited, seen, other] = await Promise.all(
      ['Invited', 'Seen', 'Other'].map((name) => t.world.group(host.organizationId, name)),
    );
    const id = await t.world.user({ organizationId: host.organizationId, name: 'Ada' });
    await t.world.allow(host.id, invited!, 'MANAGE');
    await t.world.allow(host.id, seen!, 'VIEW');
    await t.world.join(id, seen!);
    await t.world.join(id, other!);
    await t.send(admin, 'PUT', `/user/${id}`, { name: 'Ada' });
    await t.world.join(id, invited!, 'INVITED');
    const { rule, evidence, changes } = await ofHost({}, id);
    expect(rule).toBe(6);
    expect(descriptionsOf(evidence)).toEqual(
      expect.arrayContaining([
        'Ada is a member of Other.',
        'Ada is a member of Seen.',
        'Ada is invited to Invited, and has not accepted.',
      ]),
    );
    expect(descriptionsOf(changes)).toEqual(
      expect.arrayContaining(['Let Ada accept the invitation to Invited.', expect.stringMatching(/ manage Seen\.$/)]),
    );
    for (const change of changes)
      expect(['GRANT_GROUP_RIGHT', 'ACCEPT_INVITATION', 'ADD_MEMBER']).toContain(change.kind);
    const own = await explained(host, {}, id);
    expect([own.evidence, own.user]).toEqual([[], undefined]);
  });

  it('by rule 6: the caller learns no more of a stranger than of a colleague, or of somebody who is in no group', async () => {
    const [stranger, colleague] = [await t.world.user({}), await t.world.user({ organizationId: host.organizationId })];
    expect(await explained(host, {}, stranger)).toEqual(await explained(host, {}, colleague));
    const { user: shown, evidence } = await ofHost({}, stranger);
    expect([shown, evidence]).toEqual([undefined, []]);
  });

  it('by rule 6: a membership that has ended, and a right that has not begun', async () => {
    const [ended, begins] = await Promise.all(
      ['Ended', 'Begins'].map((name) => t.world.group(host.organizationId, name)),
    );
    const id = await t.world.user({ organizationId: host.organizationId, name: 'Ada' });
    await t.world.allow(host.id, ended!, 'MANAGE');
    await t.world.allow(host.id, begins!, 'MANAGE');
    for (const groupId of [ended!, begins!]) await t.world.join(id, groupId);
    const [before, after] = [-60, 60].map((seconds) => new Date(t.clock.now().getTime() + seconds * 1000));
    await t.world.write(async (db) => {
      await db.update(Membership, { userId: id, groupId: ended! }, { validUntil: before! });
      await db.update(GroupStaff, { userId: host.id, groupId: begins! }, { validFrom: after! });
    });
    const { rule, evidence, changes } = await ofHost({}, id);
    expect([rule, evidence.some(({ holds }: { holds: boolean }) => holds)]).toEqual([6, true]);
    expect(descriptionsOf(evidence)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Ada is a member of Ended\. That ended at 20.*Z\.$/),
        expect.stringMatching(/ manages Begins\. That begins at 20.*Z\.$/),
      ]),
    );
    expect(changes).toMatchObject([
      { kind: 'CHANGE_PERIOD', group: { name: 'Begins' }, account: { id: host.id }, permission: 'MANAGE' },
      { kind: 'CHANGE_PERIOD', group: { name: 'Ended' }, account: { id } },
      { kind: 'ADD_MEMBER', group: { id: user.groupId } },
    ]);
  });

  it('by rule 6: another period for MANAGE_ALL_GROUPS, if that would turn it', async () => {
    const manager = await t.world.caller({ organizationId: host.organizationId });
    await t.world.grant(manager.id, 'MANAGE_ALL_GROUPS');
    const validUntil = new Date(t.clock.now().getTime() - 60_000);
    const permission = 'MANAGE_ALL_GROUPS' as const;
    await t.world.write((db) => db.update(AccountPermission, { userId: manager.id, permission }, { validUntil }));
    const { rule, evidence, changes } = await explained(admin, { caller: manager.id });
    expect(rule).toBe(6);
    expect(evidence).toContainEqual(expect.objectContaining({ rule: 6, permission, holds: false }));
    expect(changes).toMatchObject([
      { kind: 'GRANT_GROUP_RIGHT', group: { id: user.groupId } },
      { kind: 'CHANGE_PERIOD', account: { id: manager.id }, permission },
    ]);
    const nobody = await t.world.user({ organizationId: host.organizationId });
    expect((await explained(admin, { caller: manager.id }, nobody)).changes).toMatchObject([{ kind: 'ADD_MEMBER' }]);
  });

  it('by rules 4 and 7: another period for a permission that the caller has out of its own', async () => {
    const manager = await t.world.caller({ organizationId: host.organizationId });
    await t.world.allow(manager.id, user.groupId, 'MANAGE');
    await t.world.grant(manager.id, 'MANAGE_STAFF');
    const soon = new Date(t.clock.now().getTime() + 60_000);
    const move = (permission: Permission, validFrom: Date | null): Promise<unknown> =>
      t.world.write((db) => db.update(AccountPermission, { userId: manager.id, permission }, { validFrom }));
    await move('OBTAIN_ACCESS_TOKENS', soon);
    const change = { kind: 'CHANGE_PERIOD', account: { id: manager.id } };
    const ofManager = (): Promise<any> => explained(admin, { caller: manager.id });
    expect(await ofManager()).toMatchObject({ rule: 4, changes: [{ ...change, permission: 'OBTAIN_ACCESS_TOKENS' }] });
    await move('OBTAIN_ACCESS_TOKENS', null);
    await move('MANAGE_STAFF', soon);
    await t.world.grant(user.id, 'CREATE_GROUPS');
    await t.world.write((db) => db.update(User, { id: user.id }, { staffOrganizationId: host.organizationId }));
    expect(await ofManager()).toMatchObject({
      rule: 7,
      changes: [
        { kind: 'GRANT_PERMISSION', permission: 'CREATE_GROUPS' },
        { ...change, permission: 'MANAGE_STAFF' },
      ],
    });
    await move('MANAGE_STAFF', null);
    expect(await ofManager()).toMatchObject({ verdict: 'ALLOWED' });
  });

  it('by rule 7: which permission the caller lacks', async () => {
    await t.world.grant(user.id, 'CREATE_GROUPS');
    await t.world.write((db) => db.update(User, { id: user.id }, { staffOrganizationId: host.organizationId }));
    expect(await ofHost()).toMatchObject({
      rule: 7,
      evidence: [{ rule: 7, kind: 'ACCOUNT_PERMISSION', permission: 'CREATE_GROUPS', account: { id: user.id } }],
      changes: [
        { kind: 'GRANT_PERMISSION', permission: 'CREATE_GROUPS', account: { id: host.id } },
        { kind: 'GRANT_PERMISSION', permission: 'MANAGE_STAFF', account: { id: host.id } },
      ],
    });
    expect((await explained(host)).evidence).toEqual([]);
  });

  it('can name the user by any reference, and the client', async () => {
    const code = await t.world.thirdParty(host.organizationId);
    const id = await t.world.user({ organizationId: host.organizationId, thirdPartyId: [code, '4711'] });
    await t.world.join(id, user.groupId);
    const client = await newClient(t, host.organizationId);
    const { body } = await t.as(host)(`/access/${code}/4711/explanation`);
    expect(body).toMatchObject({ verdict: 'ALLOWED', user: { id } });
    expect(await ofHost({ client: client.id }, `${code}$4711`)).toMatchObject({ client: { id: client.id } });
  });

  it('is of the client of a service account, unless another one is named', async () => {
    const account = await newServiceAccount(t, host.organizationId);
    const other = await newClient(t, host.organizationId);
    const ofAccount = async (query = {}): Promise<string> =>
      (await explained(admin, { caller: account.id, ...query })).client.id;
    expect(await ofAccount()).toBe(account.clientId);
    expect(await ofAccount({ client: other.id })).toBe(other.id);
    expect((await ofHost()).client.id).toBe(admin.clientId);
    const { stdout } = await runCommand(t, 'explain', account.id, user.id, '--json');
    expect(JSON.parse(stdout).client.id).toBe(account.clientId);
  });
});

describe('who may ask', () => {
  it('everybody about their own calls only', async () => {
    const plain = await t.world.caller({ organizationId: host.organizationId, permissions: ['OBTAIN_ACCESS_TOKENS'] });
    expect((await explain(plain, user.id, { caller: host.id })).body).toMatchObject({ id: 'not_permitted' });
    expect((await explain(plain, user.id, { caller: 'nobody@a.example' })).body).toMatchObject({ id: 'not_permitted' });
    const client = await newClient(t, host.organizationId);
    expect((await explain(plain, user.id, { client: client.id })).body).toMatchObject({ id: 'not_permitted' });
    expect((await explain(plain, user.id, { caller: plain.id })).status).toBe(200);
  });

  it('S29: administrators about callers and clients of their own organization', async () => {
    const [stranger, client] = [await t.world.caller(), await newClient(t, await t.world.organization())];
    for (const caller of [stranger.id, 'nobody@a.example', user.id])
      expect((await explain(admin, user.id, { caller })).body).toMatchObject({ id: 'nonexistent_user' });
    for (const id of [client.id, 'nothing'])
      expect((await explain(admin, user.id, { client: id })).body).toMatchObject({ id: 'not_found' });
  });

  it('with a caller and a client that are well formed', async () => {
    expect((await explain(admin, user.id, { caller: '' })).body).toMatchObject({ id: 'missing_field' });
    expect((await explain(admin, user.id, { client: '../x' })).body).toMatchObject({ id: 'incorrect_field' });
  });
});

describe('explain, on the command line', () => {
  it('prints the decision, the rows and the changes', async () => {
    const { stdout, code } = await runCommand(t, 'explain', host.id, user.id);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ALLOWED: The caller may let the user in\.\n {2}rule 4: .* has OBTAIN_ACCESS_TOKENS/);
    const refused = await runCommand(t, 'explain', host.id, 'nobody@a.example');
    expect(refused.stdout).toBe('REFUSED by rule 5: No active user matches the given reference.\n');
    await t.send(admin, 'PUT', `/user/${user.id}`, { status: 'BLOCKED' });
    const lines = (await runCommand(t, 'explain', host.id, user.id)).stdout.split('\n');
    expect(lines[1]).toMatch(/is blocked\. \(since 20.*Z, by Host system\)$/);
    expect(lines.slice(2, 4)).toEqual(['Each of these turns the rule:', expect.stringMatching(/^ {2}Unblock /)]);
  });

  it('prints what the API answers, as JSON, for a client and a target', async () => {
    const args = ['--client', host.clientId, '--return-to', 'https://evil.example/', '--json'];
    const { stdout } = await runCommand(t, 'explain', host.id, user.id, ...args);
    const query = { client: host.clientId, returnTo: 'https://evil.example/' };
    expect(JSON.parse(stdout)).toEqual(await ofHost(query));
  });

  it('says so when there is no such caller or client', async () => {
    for (const [args, message] of [
      [['nobody@a.example', user.id], 'There is no such caller.'],
      [[host.id, user.id, '--client', 'x'], 'There is no such client.'],
    ] as const) {
      const { code, stderr } = await runCommand(t, 'explain', ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    }
  });
});
