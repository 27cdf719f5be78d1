import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { loadSettings } from '../../src/config/settings.js';
import { openDataSource } from '../../src/database/open.js';
import { dataSourceOptions } from '../../src/schema/data-source.js';
import { testEnvironment } from '../support/app.js';
import { createDatabase, dropDatabase } from '../support/database.js';
import { SilentProxy } from '../support/silent-proxy.js';

/** How long a start waits for a connection that has gone silent, in milliseconds: until the third look, and what is around it. */
const GIVEN_UP_MS = 20_000 + 5_000;

describe('S39: a start on an empty database', () => {
  const url = new URL(process.env.DATABASE_URL!);
  let proxy: SilentProxy;

  beforeEach(async () => {
    // It names each migration.
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    await createDatabase();
    proxy = await SilentProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
  });
  afterEach(async () => {
    await proxy.stop();
    await dropDatabase();
    jest.restoreAllMocks();
  });

  function open({ port, hostname }: { port: number | string; hostname: string }): Promise<DataSource> {
    const DATABASE_URL = Object.assign(new URL(url), { port, hostname }).href;
    return openDataSource(dataSourceOptions(loadSettings(testEnvironment({ DATABASE_URL }))));
  }

  function throughProxy(): { port: number; hostname: string } {
    return { port: proxy.port, hostname: '127.0.0.1' };
  }

  it.each([
    { what: 'a migration breaks off in the middle of a message', silence: () => proxy.breakOffAfter('CREATE TABLE') },
    { what: 'the answer to a migration is lost', silence: () => proxy.loseAnswersAfter('CREATE TABLE') },
  ])(
    'S39: where $what, it ends, and the next one waits for nothing',
    async ({ silence }) => {
      silence();
      const startedAt = performance.now();
      await expect(open(throughProxy())).rejects.toThrow('A connection went silent');
      expect(performance.now() - startedAt).toBeLessThan(GIVEN_UP_MS);
      const againAt = performance.now();
      await (await open(url)).destroy();
      expect(performance.now() - againAt).toBeLessThan(10_000);
    },
    60_000,
  );

  it('S39: where another one migrates for long, it waits', async () => {
    const other = new Client({ connectionString: url.href });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(7226201)');
    const opened = open(throughProxy());
    await setTimeout(22_000);
    await other.end();
    const dataSource = await opened;
    expect(dataSource.isInitialized).toBe(true);
    await dataSource.destroy();
  }, 60_000);
});
