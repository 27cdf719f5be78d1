import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditEvent } from '../src/schema/entities/audit-event.entity.js';
import { GeneralRevocation } from '../src/schema/entities/general-revocation.entity.js';
import { ServerHistory } from '../src/schema/entities/server-history.entity.js';
import { TestApp } from './support/app.js';

/** That of another server, as in a dump of it. */
const OTHER = '7000000000000000001/3';

let t: TestApp;
let own: string;
let cookie: string;
let started: TestApp[];

beforeEach(async () => {
  started = [];
  const row = await t.world.write((db) => db.findOneByOrFail(ServerHistory, { id: 1 }));
  own = row.history;
  const caller = await t.world.caller();
  cookie = await t.signIn(caller, (await t.world.userOf(caller)).id);
});

function setRow(history: string): Promise<unknown> {
  return t.world.write((db) => db.update(ServerHistory, { id: 1 }, { history }));
}

/** Starts instances, asks each whether the session goes on, and ends them. */
async function startAndAsk(count: number, overrides: Record<string, string> = {}): Promise<number[]> {
  started = await Promise.all(Array.from({ length: count }, () => TestApp.startOnSameDatabase(overrides)));
  try {
    const answers = await Promise.all(started.map((one) => one.call('/session', { headers: { cookie } })));
    return answers.map(({ status }) => status);
  } finally {
    for (const one of started) await one.nest.close();
  }
}

async function left(): Promise<{ history?: string; revocations: number }> {
  return t.world.write(async (db) => ({
    history: (await db.findOneBy(ServerHistory, { id: 1 }))?.history,
    revocations: await db.count(GeneralRevocation),
  }));
}

describe('the history of the server', () => {
  beforeAll(async () => {
    t = await TestApp.start();
  });
  afterAll(() => t.stop());

  it('is recorded by the first start, and nothing is revoked', async () => {
    const { revocations } = await left();
    expect(own).toMatch(/^\d+\/\d+$/);
    await t.world.write((db) => db.clear(ServerHistory));
    expect(await startAndAsk(2)).toEqual([200, 200]);
    expect(await left()).toEqual({ history: own, revocations });
  });

  it('that is not the recorded one makes all of before void, once, whatever the number of instances that start', async () => {
    const { revocations } = await left();
    await setRow(OTHER);
    expect(await startAndAsk(3)).toEqual([401, 401, 401]);
    expect(await left()).toEqual({ history: own, revocations: revocations + 1 });
    const events = await t.world.write((db) => db.findBy(AuditEvent, { event: 'ALL_REVOKED' }));
    expect(new Set(events.map(({ details }) => details))).toEqual(new Set(['{"reason":"FAILOVER"}']));
  });
});

describe('with FAILOVER=trust, the history of the server', () => {
  // An instance that revokes would find the other history too, as soon as it opens a connection.
  const FAILOVER = 'trust';
  beforeAll(async () => {
    t = await TestApp.start({ FAILOVER });
  });
  afterAll(() => t.stop());

  it('is trusted if it is not the recorded one', async () => {
    const { revocations } = await left();
    await setRow(OTHER);
    expect(await startAndAsk(1, { FAILOVER })).toEqual([200]);
    expect(await left()).toEqual({ history: own, revocations });
  });
});
