import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { loadSettings } from '../../src/config/settings.js';
import { openDataSource } from '../../src/database/open.js';
import { dataSourceOptions } from '../../src/schema/data-source.js';
import { GeneralRevocation } from '../../src/schema/entities/general-revocation.entity.js';
import { TestApp, testEnvironment } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { PostgresPair } from '../support/postgres-pair.js';
import type { TestCaller } from '../support/world.js';

/** Far fewer than what two instances open, so that each session of the server serves many of theirs. */
const SESSIONS = 3;
const SETTLING_MS = 2_000;
const PATIENCE_MS = 40_000;

describe('two instances behind PgBouncer in transaction mode', () => {
  let bouncer: PgBouncer;
  let first: TestApp;
  let second: TestApp;

  beforeAll(async () => {
    const server = new URL(process.env.DATABASE_URL!);
    bouncer = await PgBouncer.start(server, SESSIONS);
    const DATABASE_URL = bouncer.through(server.href);
    first = await TestApp.start({ DATABASE_URL });
    second = await TestApp.startOnSameDatabase({ DATABASE_URL });
  }, 120_000);
  afterAll(async () => {
    await second?.nest.close();
    // Before the database is dropped, to which it has connections.
    await first?.nest.close();
    await bouncer?.stop();
    await first?.stop();
  });

  it('let users in, at once and in turns', async () => {
    const caller: TestCaller = await first.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] });
    const { id } = await first.world.userOf(caller);
    const cookies = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? first : second).signIn(caller, id)),
    );
    const sessions = await Promise.all(
      cookies.map((cookie, i) => (i % 2 ? second : first).call('/session', { headers: { cookie } })),
    );
    expect(sessions.map(({ status }) => status)).toEqual(cookies.map(() => 200));
  });

  it('write in transactions, with the limits of the server', async () => {
    const caller = await first.world.caller({ permissions: ['MANAGE_USERS'] });
    const id = await first.world.user({ organizationId: caller.organizationId });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? first : second).send(caller, 'PUT', `/user/${id}`, { name: `N ${i}` }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const [limit] = await first.world.write((db) => db.query(`SELECT current_setting('lock_timeout') AS "is"`));
    expect(limit).toEqual({ is: '3500ms' });
  });
});

it('a database with settings that PgBouncer does not pass on is refused in one sentence, before it is migrated', async () => {
  const server = new URL(process.env.TEST_POSTGRES!);
  const name = `latchkey_odd_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: server.href });
  await client.connect();
  await client.query(`CREATE DATABASE "${name}"`);
  await client.query(`ALTER DATABASE "${name}" SET standard_conforming_strings = off`);
  const bouncer = await PgBouncer.start(server, SESSIONS);
  const DATABASE_URL = bouncer.through(new URL(`/${name}`, server).href);
  const options = dataSourceOptions(loadSettings(testEnvironment({ DATABASE_URL })));
  try {
    await expect(openDataSource(options)).rejects.toThrow(
      /does not pass on settings\. Run this first: ALTER ROLE "\w+" SET standard_conforming_strings = 'on'$/,
    );
  } finally {
    await bouncer.stop();
    await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
    await client.end();
  }
});

describe('PgBouncer that goes over to a standby which has missed a redemption', () => {
  const environment = { ...process.env };
  let pair: PostgresPair;
  let name: string;
  let bouncer: PgBouncer;
  let t: TestApp;

  beforeAll(async () => {
    pair = await PostgresPair.start({ isSynchronous: false });
    name = new URL(process.env.DATABASE_URL!).pathname.slice(1);
    process.env.TEST_POSTGRES = pair.primary.urlOf('postgres');
    process.env.DATABASE_URL = pair.primary.urlOf(name);
    bouncer = await PgBouncer.start(new URL(pair.primary.urlOf(name)), SESSIONS);
    t = await TestApp.start({ DATABASE_URL: bouncer.through(pair.primary.urlOf(name)) });
  }, 120_000);
  afterAll(async () => {
    await t?.nest.close();
    await bouncer?.stop();
    await pair?.stop();
    Object.assign(process.env, environment);
  });

  it('S40: lets nothing of before count, although the connections to it stay open', async () => {
    const caller = await t.world.caller();
    const { id } = await t.world.userOf(caller);
    const cookie = await t.signIn(caller, id);
    const token = await t.loginToken(caller, id);
    await setTimeout(SETTLING_MS);
    await pair.standby.stop();
    expect((await t.login(token)).status).toBe(303);
    // The primary goes on, so that no connection breaks.
    pair.standby.configure([`primary_conninfo = ''`]);
    await pair.standby.start();
    await pair.standby.query('SELECT pg_promote()');
    expect((await t.call('/session', { headers: { cookie } })).status).toBe(200);
    bouncer.moveTo(new URL(pair.standby.urlOf(name)));
    // The primary knows that the token was used, and the standby does not.
    const giveUpAt = performance.now() + PATIENCE_MS;
    let again: Answer;
    do again = await t.login(token);
    while ((again.body?.id === 'token_used' || again.status === 503) && performance.now() < giveUpAt);
    expect([again.status, again.body?.id]).toEqual([401, 'invalid_token']);
    // What the instance believes for 1.5 s is over: the clock of the tests stands still.
    t.clock.advance(2);
    const asked = [t.call('/session', { headers: { cookie } }), t.as(caller)(`/access/${id}`), t.as(caller)('/user')];
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(await t.world.write((db) => db.count(GeneralRevocation))).toBe(1);
    expect((await t.call('/health')).status).toBe(200);
  });
});
