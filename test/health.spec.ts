import { setTimeout } from 'node:timers/promises';
import { EventEmitter, once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { DataSource } from 'typeorm';
import { loadSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { dataSourceOptions } from '../src/schema/data-source.js';
import { SigningKey } from '../src/schema/entities/signing-key.entity.js';
import { TestApp, testEnvironment } from './support/app.js';
import type { Answer } from './support/app.js';

/** Milliseconds after which nothing is remembered any more of what was: one look at the database, and the keys. */
const FORGOTTEN_MS = 2_000;

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

/** What is answered once the clock has moved on, so that keys are read again. */
async function readyNow(): Promise<Answer> {
  await setTimeout(FORGOTTEN_MS);
  t.clock.advance(FORGOTTEN_MS / 1000);
  return t.call('/health/ready');
}

function notReady(failing: string): object {
  return { id: 'unavailable', description: expect.stringMatching(/\.$/), failing };
}

describe('health', () => {
  it.each(['/health', '/health/ready', '/health/live', '/health/started'])('%s answers ok', async (path) => {
    const { status, body } = await t.call(path);
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('does not write once for each probe', async () => {
    await setTimeout(FORGOTTEN_MS);
    const write = jest.spyOn(t.nest.get(Database), 'write');
    const paths = Array.from({ length: 100 }, (_, i) => (i % 2 ? '/health' : '/health/ready'));
    const answers = await Promise.all(paths.map((path) => t.call(path)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // On a slow machine they take some seconds.
    expect(write.mock.calls.filter(([{ name }]) => name === 'write_check').length).toBeLessThan(10);
  });

  it('is not ready on a schema that is older than the version, until it is migrated', async () => {
    const other = await new DataSource(dataSourceOptions(loadSettings(testEnvironment()))).initialize();
    try {
      await other.undoLastMigration();
      const { status, body, headers } = await readyNow();
      expect({ status, body, retry: headers.get('retry-after') }).toEqual({
        status: 503,
        body: notReady('schema'),
        retry: '2',
      });
      expect((await t.call('/health')).body).toEqual(body);
      expect((await t.call('/health/live')).status).toBe(200);
      await other.runMigrations();
      expect((await readyNow()).status).toBe(200);
    } finally {
      await other.destroy();
    }
  });

  it('is not ready without signing keys', async () => {
    const keys = await t.world.write((db) => db.find(SigningKey));
    await t.world.write((db) => db.deleteAll(SigningKey));
    expect((await readyNow()).body).toEqual(notReady('keys'));
    await t.world.write((db) => db.insert(SigningKey, keys));
    expect((await readyNow()).status).toBe(200);
  });

  it('answers that it is not ready while writes wait for a lock', async () => {
    await setTimeout(FORGOTTEN_MS);
    const lock = new EventEmitter();
    const isHeld = once(lock, 'held');
    const holding = t.world.write(async (db) => {
      await db.query('UPDATE "write_checks" SET "count" = "count" + 1');
      lock.emit('held');
      await once(lock, 'released');
    });
    await isHeld;
    const answers = await Promise.all(['/health/ready', '/health'].map((path) => t.call(path)));
    lock.emit('released');
    await holding;
    expect(answers.map(({ body }) => body)).toEqual([notReady('database'), notReady('database')]);
    expect((await readyNow()).status).toBe(200);
  });
});
