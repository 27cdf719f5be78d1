import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { newId } from '../src/common/id.js';
import { newLoginId, readLoginId } from '../src/common/login-id.js';
import { Database } from '../src/database/database.js';
import type { Parameter } from '../src/database/statement.js';
import { Group } from '../src/schema/entities/group.entity.js';
import { User } from '../src/schema/entities/user.entity.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { BY_ITSELF, outcome, TestApp } from './support/app.js';
import { decode } from './support/forge.js';
import { newClient, newServiceAccount } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let admin: TestCaller;
let user: string;
let groupId: string;
let code: string;
/** Each ID of the organization, with what it names. */
let known: Record<string, { q: string; found: object }>;
/** What is found of an ID in the audit log as well. */
let inRecord: Record<string, object>;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  const { organizationId } = admin;
  code = await t.world.thirdParty(organizationId);
  ({ id: user, groupId } = await t.world.userOf(admin, {
    emailAddress: 'noor@lookup.example',
    thirdPartyId: [code, '4711'],
  }));
  await t.world.write((db) => db.update(Group, { id: groupId }, { customReference: '2B-2026' }));
  const client = await newClient(t, organizationId);
  const account = await newServiceAccount(t, organizationId);
  const issued = (decode(await t.loginToken(admin, user)).payload as { jti: string }).jti;
  await t.signIn(admin, user);
  const session = (await t.world.loginTokensOf(user)).at(-1)!;
  const person = { type: 'USER', id: user, name: 'Noor de Vries' };
  const visitor = { id: user, name: 'Noor de Vries' };
  const group = { type: 'GROUP', id: groupId, name: 'Class 2B' };
  const sessionId = readLoginId(session.id);
  known = {
    'a user ID': { q: user, found: person },
    'an e-mail address': { q: 'noor@lookup.example', found: person },
    'a third-party ID': { q: `${code}$4711`, found: person },
    'a group ID': { q: groupId, found: group },
    'a custom reference': { q: '2B-2026', found: group },
    'a client ID': { q: client.id, found: { type: 'CLIENT', id: client.id, name: expect.any(String) } },
    'a service account': { q: account.id, found: { type: 'SERVICE_ACCOUNT', id: account.id, name: 'Portal' } },
    'a session': { q: sessionId, found: { type: 'SESSION', id: sessionId, user: visitor } },
    'a login token': { q: issued, found: { type: 'ACCESS_TOKEN', id: issued, user: visitor } },
  };
  inRecord = {
    [sessionId]: { type: 'LOGIN', id: sessionId, user: { id: user } },
    [issued]: { type: 'LOGIN', id: issued, user: { id: user } },
  };
});
afterAll(() => t.stop());

async function lookUp(caller: TestCaller, q: string): Promise<object[]> {
  const { status, body, text } = await t.as(caller)(`/lookup?q=${encodeURIComponent(q)}`);
  expect({ status, text }).toMatchObject({ status: 200 });
  return body.found;
}

async function kindsFor(caller: TestCaller): Promise<string[]> {
  const kinds: string[] = [];
  for (const [kind, { q }] of Object.entries(known)) if ((await lookUp(caller, q)).length > 0) kinds.push(kind);
  return kinds;
}

describe('GET lookup', () => {
  it('says what an ID of each kind names, however it was copied', async () => {
    expect(Object.keys(known)).toHaveLength(9);
    for (const [kind, { q, found }] of Object.entries(known)) {
      const all = [found, ...(inRecord[q] ? [inRecord[q]] : [])];
      expect({ kind, found: await lookUp(admin, q) }).toEqual({ kind, found: all });
      expect({ kind, found: await lookUp(admin, ` ${q}\n`) }).toEqual({ kind, found: all });
    }
    expect(await lookUp(admin, 'NOOR@Lookup.example')).toEqual([known['an e-mail address']!.found]);
    expect(await lookUp(admin, known['a session']!.q.toUpperCase())).toHaveLength(2);
  });

  it('finds nothing for what nobody has, and for what another organization has', async () => {
    const stranger = await t.world.caller({ permissions: [...PERMISSIONS] });
    for (const { q } of Object.values(known)) expect(await lookUp(stranger, q)).toEqual([]);
    const nothing = [newId(), newLoginId(new Date()), 'nobody@lookup.example', `${code}$1`, 'f'.repeat(32), '$', '%'];
    for (const q of nothing) expect(await lookUp(admin, q)).toEqual([]);
  });

  it('says that a request is in the audit log, to those who may see it', async () => {
    const answer = await t.send(admin, 'PUT', `/user/${user}`, { yearOfBirth: '1990' });
    const id = answer.headers.get('x-request-id')!;
    expect(await lookUp(admin, id)).toEqual([{ type: 'REQUEST', id }]);
    expect(await lookUp(admin, ` ${id.toUpperCase()}\n`)).toEqual([{ type: 'REQUEST', id }]);
    const helper = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    expect(await lookUp(helper, id)).toEqual([]);
    expect(await lookUp(await t.world.caller({ permissions: [...PERMISSIONS] }), id)).toEqual([]);
  });

  it('finds for each caller what the lists show them', async () => {
    const { organizationId } = admin;
    const people = ['a user ID', 'an e-mail address', 'a third-party ID'];
    const staff = await t.world.caller({ organizationId, permissions: [] });
    expect(await kindsFor(staff)).toEqual([...people, 'a service account']);
    await t.world.allow(staff.id, groupId, 'VIEW');
    expect(await kindsFor(staff)).toEqual([...people, 'a group ID', 'a custom reference', 'a service account']);
    const technician = await t.world.caller({ organizationId, permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    expect(await kindsFor(technician)).toEqual([...people, 'a client ID', 'a service account']);
    const helper = await t.world.caller({ organizationId, permissions: ['MANAGE_USERS'] });
    expect(await kindsFor(helper)).toEqual([...people, 'a service account', 'a session', 'a login token']);
  });

  it('no longer finds a group after the right on it has ended, and a session after its end only in the record', async () => {
    const { id, groupId: other } = await t.world.userOf(admin);
    const manager = await t.world.caller({ organizationId: admin.organizationId, permissions: [] });
    const validUntil = new Date(t.clock.now().getTime() + 60_000).toISOString();
    await t.send(admin, 'PUT', `/group/${other}/staff/${manager.id}/MANAGE`, { validUntil });
    expect(await lookUp(manager, other)).toHaveLength(1);
    await t.signIn(admin, id);
    const session = readLoginId((await t.world.loginTokensOf(id))[0]!.id);
    expect(await lookUp(admin, session)).toHaveLength(2);
    t.clock.advance(61);
    expect(await lookUp(manager, other)).toEqual([]);
    await t.world.endSessions(id);
    expect(await lookUp(admin, session)).toEqual([{ type: 'LOGIN', id: session, user: { id } }]);
    const auditor = await t.world.caller({ organizationId: admin.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    expect(await lookUp(auditor, session)).toEqual([{ type: 'LOGIN', id: session, user: { id } }]);
    const helper = await t.world.caller({ organizationId: admin.organizationId, permissions: ['MANAGE_USERS'] });
    expect(await lookUp(helper, session)).toEqual([]);
  });

  it('is for the staff of an organization, and needs something to look up', async () => {
    const pupil = await t.world.caller({ permissions: [] });
    await t.world.write((db) => db.update(User, { id: pupil.id }, { staffOrganizationId: null }));
    expect(outcome(await t.as(pupil)(`/lookup?q=${pupil.id}`))).toEqual([403, 'not_permitted']);
    expect(outcome(await t.as(admin)('/lookup'))).toEqual([400, 'invalid_request']);
    expect(outcome(await t.as(admin)('/lookup?q='))).toEqual([400, 'invalid_request']);
    expect(outcome(await t.as(admin)(`/lookup?q=${'x'.repeat(321)}`))).toEqual([400, 'invalid_request']);
  });

  it('takes few statements, each of which reads ranges of indexes', async () => {
    const kinds = Object.entries(known).map(([kind, { q }]) => [kind, q] as const);
    kinds.push(['the jti of an access token', 'x'.repeat(43)]);
    for (const caller of [admin, await t.world.caller({ organizationId: admin.organizationId, permissions: [] })])
      for (const [kind, q] of kinds) {
        const statements = await statementsOf(() => lookUp(caller, q));
        expect({ kind, few: statements.length <= 10 }).toEqual({ kind, few: true });
        for (const { sql, parameters } of statements)
          expect({ kind, sql, scans: await scansOf(sql, parameters) }).toEqual({ kind, sql, scans: [] });
      }
  });
});

interface Sent {
  sql: string;
  parameters: Parameter[];
}

/** What a call asks the database, once the token of its caller is known. */
async function statementsOf(work: () => Promise<unknown>): Promise<Sent[]> {
  await work();
  const sent: Sent[] = [];
  const database = t.nest.get(Database);
  const read = database.read.bind(database);
  jest.spyOn(database, 'read').mockImplementation((statement, parameters) => {
    if (!BY_ITSELF.has(statement.name)) sent.push({ sql: statement.sql, parameters });
    return read(statement, parameters) as Promise<never[]>;
  });
  const runner = t.nest.get(DataSource).createQueryRunner();
  const query = jest.spyOn(Object.getPrototypeOf(runner) as typeof runner, 'query');
  await work();
  for (const [sql, parameters] of query.mock.calls) sent.push({ sql, parameters: parameters as Parameter[] });
  jest.restoreAllMocks();
  await runner.release();
  return sent;
}

/** The parts of a plan that read a whole table. */
async function scansOf(sql: string, parameters: Parameter[] = []): Promise<string[]> {
  const plan = await t.world.write(async (db) => {
    if (db.dataSource.options.type !== 'postgres')
      return db.query(`EXPLAIN QUERY PLAN ${sql.replaceAll(/\$\d+|\?/g, "'x'")}`);
    await db.query('SET LOCAL enable_seqscan = off');
    return db.query(`EXPLAIN ${sql}`, parameters);
  });
  return (plan as object[])
    .flatMap((row) => Object.values(row).map(String))
    .filter((line) => /Seq Scan|SCAN (?!CONSTANT|dummy_table)/.test(line));
}
