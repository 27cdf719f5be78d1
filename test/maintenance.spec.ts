import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { addSeconds } from '../src/common/clock.js';
import { Database } from '../src/database/database.js';
import { insertRows } from '../src/database/insert-rows.js';
import { FIRST_MS, INTERVAL_MS, MaintenanceService } from '../src/maintenance/maintenance.service.js';
import { OAuthRecord } from '../src/schema/entities/oauth-record.entity.js';
import { RevokedToken } from '../src/schema/entities/revoked-token.entity.js';
import { RevokedTokensService } from '../src/tokens/revoked-tokens.service.js';
import type { SigningKeysService } from '../src/tokens/signing-keys.service.js';
import { UsedAssertion } from '../src/schema/entities/used-assertion.entity.js';
import { FailedAttempt } from '../src/schema/entities/failed-attempt.entity.js';
import { TestApp } from './support/app.js';
import { assertionOf, JWT_BEARER, newScene, newTokens, requestToken } from './support/oauth.js';
import type { Scene } from './support/oauth.js';

const DAY = 24 * 3600;
/** Seconds past `exp` for which an access token or an assertion still counts. */
const SKEW = 60;
/** Rows that one statement takes away at most. */
const STEP = 1000;

let t: TestApp;
let scene: Scene;
let maintenance: MaintenanceService;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
  maintenance = t.nest.get(MaintenanceService, { strict: false });
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  for (const entity of [OAuthRecord, RevokedToken, UsedAssertion, FailedAttempt])
    await t.world.write((db) => db.clear(entity));
});
afterEach(() => {
  jest.restoreAllMocks();
});

function count(entity: typeof OAuthRecord | typeof RevokedToken | typeof UsedAssertion): Promise<number> {
  return t.world.write((db) => db.count(entity));
}

describe('maintenance', () => {
  it('is done a minute after the start and every ten minutes, by itself', async () => {
    const timers = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'setInterval')];
    const other = await TestApp.startOnSameDatabase();
    const [first, every] = timers.map(
      (timer) => timer.mock.calls.find(([, ms]) => ms === FIRST_MS || ms === INTERVAL_MS) as [() => void, number],
    );
    expect([first![1], every![1]]).toEqual([60_000, 600_000]);
    const work = other.nest.get(MaintenanceService, { strict: false });
    const rotate = jest.spyOn(work['signingKeys' as never] as SigningKeysService, 'rotateDue');
    const prune = jest.spyOn(work, 'prune');
    for (const [run] of [first!, every!]) run();
    // Closing waits for what is under way.
    await other.nest.close();
    expect([rotate.mock.calls.length, prune.mock.calls.length]).toEqual([2, 2]);
  });

  it('forgets sign-ins, codes, grants and refresh tokens once they have expired, not before', async () => {
    const { refresh_token } = await newTokens(scene, scene.publicClient);
    await maintenance.prune();
    const refresh = { grant_type: 'refresh_token', refresh_token };
    expect((await requestToken(t.url, refresh, scene.publicClient)).status).toBe(200);
    t.clock.advance(29 * DAY);
    await maintenance.prune();
    // The token that was replaced is still known, so that its replay is noticed.
    expect((await requestToken(t.url, refresh, scene.publicClient)).body.error_description).toContain(
      'grant request is invalid',
    );
    t.clock.advance(2 * DAY);
    await maintenance.prune();
    expect(await count(OAuthRecord)).toBe(0);
  });

  it('S7: forgets an assertion that was used only when it is too old to be used again', async () => {
    const assertion = await assertionOf(t, scene.account);
    const ask = async (): Promise<number> => (await requestToken(t.url, { grant_type: JWT_BEARER, assertion })).status;
    expect(await ask()).toBe(200);
    t.clock.advance(300 + SKEW - 5);
    await maintenance.prune();
    expect([await count(UsedAssertion), await ask()]).toEqual([1, 400]);
    t.clock.advance(2 * SKEW);
    await maintenance.prune();
    expect([await count(UsedAssertion), await ask()]).toEqual([0, 400]);
  });

  it('S7: forgets that a token was revoked only when it has expired', async () => {
    const { access_token } = await newTokens(scene);
    await requestToken(t.url, { token: access_token }, scene.client, '/oauth/revoke');
    t.clock.advance(3600 + SKEW - 5);
    await maintenance.prune();
    expect((await t.as({ token: access_token })('/user')).body.description).toContain('revoked');
    t.clock.advance(2 * SKEW + 10);
    await maintenance.prune();
    expect(await count(RevokedToken)).toBe(0);
    expect((await t.as({ token: access_token })('/user')).body.description).toContain('expired');
  });

  it.each([
    [600, 3600],
    [3600, 600],
  ])('S7: keeps what was revoked for %d seconds and for %d until the later end', async (first, second) => {
    const revoked = t.nest.get(RevokedTokensService, { strict: false });
    for (const seconds of [first, second]) await revoked.revoke('family', addSeconds(t.clock.now(), seconds));
    t.clock.advance(3600);
    await maintenance.prune();
    expect(await count(RevokedToken)).toBe(1);
    t.clock.advance(2 * SKEW + 10);
    await maintenance.prune();
    expect(await count(RevokedToken)).toBe(0);
  });

  it.each([
    ['oauth_records', 'id', ['kind', 'payload']],
    ['used_assertions', 'id', []],
    ['revoked_tokens', 'id', []],
    ['failed_attempts', 'key', ['count']],
  ])('takes %s away in steps of a thousand', async (table, key, columns) => {
    const values: Record<string, string | number> = { kind: 'Session', payload: '{}', count: 1 };
    const rows = (expiresAt: string, name: string, number: number): (string | number)[][] =>
      Array.from({ length: number }, (_, i) => [`${name}${i}`, expiresAt, ...columns.map((column) => values[column]!)]);
    const names = [key, 'expires_at', ...columns];
    await t.world.write((db) => insertRows(db, table, names, rows('2026-01-01 00:00:00.000', 'old', 2 * STEP + 1)));
    await t.world.write((db) => insertRows(db, table, names, rows('2100-01-01 00:00:00.000', 'young', 3)));
    const write = jest.spyOn(t.nest.get(Database), 'write');
    await maintenance.prune();
    expect(write.mock.calls.filter(([{ name }]) => name === `prune_${table}`)).toHaveLength(4);
    const left = await t.world.write((db) => db.query<{ name: string }[]>(`SELECT "${key}" AS "name" FROM "${table}"`));
    expect(left.map(({ name }) => name).toSorted()).toEqual(['young0', 'young1', 'young2']);
  });

  it('ends between two steps when the service stops, and leaves the rest for the next start', async () => {
    const rows = Array.from({ length: 3 * STEP }, (_, i) => [`old${i}`, '2026-01-01 00:00:00.000']);
    await t.world.write((db) => insertRows(db, 'used_assertions', ['id', 'expires_at'], rows));
    const timer = jest.spyOn(globalThis, 'setTimeout');
    const other = await TestApp.startOnSameDatabase();
    const [run] = timer.mock.calls.find(([, ms]) => ms === FIRST_MS) as [() => void];
    const write = jest.spyOn(other.nest.get(Database), 'write');
    run();
    while (!write.mock.calls.some(([{ name }]) => name === 'prune_used_assertions')) await setImmediate();
    await other.nest.close();
    expect(await count(UsedAssertion)).toBe(2 * STEP);
    await maintenance.prune();
    expect(await count(UsedAssertion)).toBe(0);
  });

  it('goes on with the rest, and says so, when the keys can’t be rotated', async () => {
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    await t.world.write((db) => db.insert(UsedAssertion, { id: 'old', expiresAt: new Date('2026-01-01') }));
    const database = t.nest.get(Database);
    t.clock.advance(91 * DAY);
    jest.spyOn(database, 'transaction').mockRejectedValueOnce(new Error('no lock'));
    await maintenance.run();
    expect(stderr.mock.calls.join('')).toContain('Could not rotate the signing keys');
    expect(await count(UsedAssertion)).toBe(0);
  });
});
