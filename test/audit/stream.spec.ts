import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { outcome, TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { admin, host, ok, put, setUp, t, user } from './setup.js';

setUp();

/** After so many seconds, everything that has happened is in the stream. */
const SETTLED_SECONDS = 30;

function stream(query = '', caller = admin): Promise<Answer> {
  return t.as(caller)(`/audit/stream?${query}`);
}

async function linesOf(query = ''): Promise<string[]> {
  const { text } = await ok(stream(query));
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

interface Row {
  id: string;
  sequence: number;
  previous: string;
  cursor: string;
}

function rowOf(line: string): Row {
  return JSON.parse(line) as Row;
}

/** All rows, some with each answer. */
async function follow(size: number, after?: string): Promise<string[]> {
  const found: string[] = [];
  for (let cursor = after; ;) {
    const lines = await linesOf(`size=${size}${cursor ? `&after=${cursor}` : ''}`);
    if (lines.length === 0) return found;
    found.push(...lines);
    ({ cursor } = rowOf(lines.at(-1)!));
  }
}

/** Seven events, long enough ago. */
async function makeEvents(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await t.signIn(host, user);
    await put(admin, `/user/${user}`, { name: `N${i}` });
  }
  await ok(t.as(host)(`/access/${user}`));
  t.clock.advance(SETTLED_SECONDS);
}

describe('GET audit/stream', () => {
  beforeEach(makeEvents);

  it('answers what GET audit lists, the oldest first, each with its sequence, the hash of the row before and a cursor', async () => {
    const { status, text, headers } = await stream();
    const { events } = (await t.as(admin)('/audit?resultSize=100')).body;
    const lines = text.split('\n').slice(0, -1);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
    expect(lines).toHaveLength(7);
    let previous = '0'.repeat(64);
    const expected = events.toReversed().map((event: object, index: number) => {
      const row = { ...event, sequence: index + 1, previous };
      previous = createHash('sha256').update(JSON.stringify(row)).digest('hex');
      return expect.objectContaining(row);
    });
    expect(lines.map((line) => JSON.parse(line))).toEqual(expected);
  });

  it('answers the same bytes again, from every cursor, with every size and from every instance', async () => {
    const lines = await linesOf();
    for (const size of [1, 2, 3, 7]) expect(await follow(size)).toEqual(lines);
    const other = await TestApp.startOnSameDatabase();
    other.clock.advance(SETTLED_SECONDS);
    for (const [index, line] of lines.entries()) {
      const { text } = await other.as(admin)(`/audit/stream?after=${rowOf(line).cursor}`);
      expect(text.split('\n').slice(0, -1)).toEqual(lines.slice(index + 1));
    }
    await other.nest.close();
  });

  it('has an event only when no earlier one can follow', async () => {
    const count = (await linesOf()).length;
    t.clock.reset();
    await put(admin, `/user/${user}`, { name: 'New' });
    expect((await linesOf()).length).toBeLessThan(count);
    t.clock.advance(SETTLED_SECONDS);
    expect(await linesOf()).toHaveLength(count + 1);
  });

  it('begins at the instant that is asked for', async () => {
    t.clock.advance(1200);
    const from = t.clock.now().toISOString();
    await put(admin, `/user/${user}`, { name: 'New' });
    t.clock.advance(SETTLED_SECONDS);
    expect((await linesOf(`from=${from}`)).map(rowOf)).toEqual([
      expect.objectContaining({ event: 'ACCOUNT_CHANGED', sequence: 1, previous: '0'.repeat(64) }),
    ]);
  });

  it('waits for a new event', async () => {
    const { cursor } = rowOf((await linesOf()).at(-1)!);
    const waiting = linesOf(`after=${cursor}&wait=25`);
    await put(admin, `/user/${user}`, { name: 'New' });
    t.clock.advance(SETTLED_SECONDS);
    expect((await waiting).map(rowOf)).toEqual([expect.objectContaining({ event: 'ACCOUNT_CHANGED', sequence: 8 })]);
  });

  it('answers nothing if nothing happens while it waits', async () => {
    const { cursor } = rowOf((await linesOf()).at(-1)!);
    expect((await ok(stream(`after=${cursor}&wait=1`))).text).toBe('');
  });

  it('answers nothing, and no error, if its clock is behind, and as soon as the service stops', async () => {
    const { cursor } = rowOf((await linesOf()).at(-1)!);
    const other = await TestApp.startOnSameDatabase();
    const waiting = other.as(admin)(`/audit/stream?after=${cursor}&wait=25`);
    await setTimeout(500);
    await other.nest.close();
    expect(await waiting).toMatchObject({ status: 200, text: '' });
  });

  it('tells nothing more to somebody who loses VIEW_AUDIT_LOG while it waits', async () => {
    const auditor = await t.world.caller({ organizationId: admin.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    const { cursor } = rowOf((await linesOf()).at(-1)!);
    const waiting = stream(`after=${cursor}&wait=25`, auditor);
    await setTimeout(200);
    await ok(t.send(admin, 'DELETE', `/user/${auditor.id}/permissions/VIEW_AUDIT_LOG`));
    t.clock.advance(SETTLED_SECONDS);
    expect(outcome(await waiting)).toEqual([403, 'not_permitted']);
  });

  it('is for staff with VIEW_AUDIT_LOG, of the own organization', async () => {
    expect(outcome(await stream('', host))).toEqual([403, 'not_permitted']);
    const other = await t.world.caller({ permissions: ['VIEW_AUDIT_LOG'] });
    expect((await stream('', other)).text).toBe('');
    const { cursor } = rowOf((await linesOf())[0]!);
    expect(outcome(await stream(`after=${cursor}`, other))).toEqual([410, 'cursor_expired']);
  });

  it.each([
    'after=x',
    'after=',
    'size=0',
    'size=5001',
    'size=x',
    'wait=26',
    'wait=-1',
    'from=yesterday',
    'after=a&after=b',
  ])('refuses %s', async (query) => {
    expect(outcome(await stream(query))).toEqual([400, 'invalid_request']);
  });

  it('says that events after a cursor may have been deleted, and begins again with the oldest that are kept', async () => {
    const { cursor } = rowOf((await linesOf())[0]!);
    const settings = t.nest.get(Settings);
    const usual = settings.RETENTION_DAYS;
    settings.RETENTION_DAYS = 2000 / 86_400;
    t.clock.advance(1500);
    await put(admin, `/user/${user}`, { name: 'New' });
    t.clock.advance(1500);
    const [late, again] = [await stream(`after=${cursor}`), await stream()];
    settings.RETENTION_DAYS = usual;
    expect(outcome(late)).toEqual([410, 'cursor_expired']);
    expect(rowOf(again.text)).toMatchObject({ event: 'ACCOUNT_CHANGED', sequence: 1 });
  });
});

/** Takes a row out of the record, as somebody with every right on the database can. */
async function removeFromRecord(id: string): Promise<void> {
  await t.world.write(async (db) => {
    if (process.env.DATABASE_URL) {
      await db.query(`ALTER TABLE "audit_events" DISABLE TRIGGER USER`);
      await db.query(`DELETE FROM "audit_events" WHERE "id" = ${id}`);
      await db.query(`ALTER TABLE "audit_events" ENABLE TRIGGER USER`);
      return;
    }
    const [{ sql }] = await db.query(`SELECT "sql" FROM "sqlite_master" WHERE "name" = 'audit_events_delete'`);
    await db.query(`DROP TRIGGER "audit_events_delete"`);
    await db.query(`DELETE FROM "audit_events" WHERE "id" = ${id}`);
    await db.query(sql);
  });
}

describe('a receiver', () => {
  let folder: string;
  let file: string;
  let headers: string;
  let following: ChildProcess | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
    [file, headers] = [join(folder, 'record.ndjson'), join(folder, 'headers')];
    writeFileSync(headers, `Authorization: Bearer ${admin.token}\n`);
    await makeEvents();
  });
  afterEach(async () => {
    await kill();
    rmSync(folder, { recursive: true });
  });

  async function kill(): Promise<void> {
    if (following?.exitCode !== null || following.signalCode !== null) return;
    following.kill('SIGKILL');
    await once(following, 'exit');
  }

  async function followInto(count: number): Promise<void> {
    following = spawn('node', ['examples/siem/follow.mjs', t.url, headers, file], { stdio: 'inherit' });
    while (!existsSync(file) || readFileSync(file, 'utf8').split('\n').length <= count) await setTimeout(50);
    await kill();
  }

  /** Runs the script beside the service, which answers it. */
  async function verify(...again: string[]): Promise<{ code: number; said: string }> {
    const child = spawn('node', ['examples/siem/verify.mjs', file, ...again]);
    let said = '';
    for (const output of [child.stdout, child.stderr]) output.on('data', (data: Buffer) => (said += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  }

  function lines(): string[] {
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  }

  it('has each event once, although it is killed in the middle of a line', async () => {
    await followInto(7);
    truncateSync(file, readFileSync(file).length - 20);
    await put(admin, `/user/${user}`, { name: 'Last' });
    t.clock.advance(SETTLED_SECONDS);
    await followInto(8);
    expect(lines()).toEqual(await linesOf());
    expect(await verify(t.url, headers)).toEqual({ code: 0, said: '8 rows are complete and unchanged.\n' });
  });

  it.each([
    { of: 'a row that is missing', change: (all: string[]) => all.toSpliced(3, 1), said: 'Row 4 is missing' },
    {
      of: 'a row that has changed',
      change: (all: string[]) => all.with(2, all[2]!.replace('"event":"', '"event":"X')),
      said: 'Row 3 has changed',
    },
  ])('sees $of in its file', async ({ change, said }) => {
    writeFileSync(file, `${change(await linesOf()).join('\n')}\n`);
    expect(await verify()).toEqual({ code: 1, said: expect.stringContaining(said) });
  });

  it('sees that a row was removed from the record, when it reads it again', async () => {
    const all = await linesOf();
    writeFileSync(file, `${all.join('\n')}\n`);
    expect(await verify(t.url, headers)).toMatchObject({ code: 0 });
    await removeFromRecord(rowOf(all[2]!).id);
    expect(await verify()).toMatchObject({ code: 0 });
    const { code, said } = await verify(t.url, headers);
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('The record differs from row 3 on.') });
    expect(outcome(await stream(`after=${rowOf(all[2]!).cursor}`))).toEqual([410, 'cursor_expired']);
  });
});
