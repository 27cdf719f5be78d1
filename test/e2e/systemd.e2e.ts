import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/app.js';
import { Settings } from '../../src/config/settings.js';
import { freePort } from '../support/free-port.js';

const FOLDER = 'deploy/systemd';
const UNIT = readFileSync(`${FOLDER}/latchkey.service`, 'utf8');
/** The user of a `DynamicUser` has a number in this range and no home. Only root can become one. */
const AS = process.getuid!() === 0 ? { uid: 61_184, gid: 61_184 } : {};

/** All values that the unit gives for a setting. */
function settings(name: string): string[] {
  return [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value!);
}

let directory: string;
let service: ChildProcess | undefined;

/** The unit with the program of this machine, because systemd looks for it. */
function unit(): string {
  const path = join(directory, 'latchkey.service');
  writeFileSync(path, UNIT.replace('/usr/bin/node', process.execPath));
  return path;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-systemd-'));
  chmodSync(directory, 0o755);
});
afterEach(async () => {
  if (service?.exitCode === null) {
    service.kill('SIGKILL');
    await once(service, 'exit');
  }
  rmSync(directory, { recursive: true });
});

describe('deploy/systemd/latchkey.service', () => {
  it('has no fault that systemd finds', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit()], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('leaves the service an exposure of at most 2.0', () => {
    const analysis = ['security', '--offline=true', '--no-pager', '--threshold=20', unit()];
    const { status, stdout } = spawnSync('systemd-analyze', analysis, { encoding: 'utf8' });
    expect(stdout).toContain('Overall exposure level for latchkey.service');
    expect(status).toBe(0);
  });

  it('starts the service with its line and its files, as a user who owns nothing but the folder of the data', async () => {
    const port = await freePort();
    const data = join(directory, 'data');
    execFileSync('install', ['--directory', '--mode=700', ...(AS.uid ? [`--owner=${AS.uid}`] : []), data]);
    const [line] = settings('ExecStart');
    const [program, ...args] = line!.split(' ');
    expect(program).toBe('/usr/bin/node');
    service = spawn(process.execPath, args, {
      ...AS,
      cwd: '.',
      env: {
        ...assignments(readFileSync(`${FOLDER}/latchkey.env`, 'utf8').split('\n')),
        ...assignments(settings('Environment').join(' ').split(' ')),
        SECRET_KEY: execFileSync('openssl', ['rand', '-base64', '48'], { encoding: 'utf8' }).trim(),
        PORT: String(port),
        DATABASE_PATH: join(data, 'latchkey.db'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const output of createInterface({ input: service.stdout! })) if (/Ready on http/.test(output)) break;
    expect(await call(`http://127.0.0.1:${port}`, '/health')).toMatchObject({ status: 200 });
    service.kill('SIGTERM');
    expect(await once(service, 'exit')).toEqual([0, null]);
  });

  it('waits longer than the service takes to stop', () => {
    expect(Number(settings('TimeoutStopSec')[0])).toBeGreaterThan(new Settings().SHUTDOWN_GRACE + 1);
  });

  it('lets Node compile code while it runs', () => {
    expect(settings('MemoryDenyWriteExecute')).toEqual([]);
  });
});

function assignments(lines: string[]): Record<string, string> {
  return Object.fromEntries(
    lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/).slice(0, 2) as [string, string]),
  );
}
