import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { TestApp } from '../support/app.js';
import { freePort } from '../support/free-port.js';
import { newWebhook } from '../support/webhook-receiver.js';
import type { TestCaller } from '../support/world.js';

const [, CODE] = /```js\n([^]*?)```/.exec(readFileSync('docs/webhooks.md', 'utf8'))!;

let t: TestApp;
let admin: TestCaller;
let folder: string;
let receiver: ChildProcess;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  folder = mkdtempSync(join(tmpdir(), 'latchkey-webhooks-'));
});
afterAll(async () => {
  receiver.kill();
  rmSync(folder, { recursive: true });
  await t.stop();
});

it('the receiver in docs/webhooks.md takes what is genuine, and nothing else', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const { id, keys } = await newWebhook(t, admin, { url, events: ['GROUP_CREATED'] });
  writeFileSync(join(folder, 'receiver.mjs'), CODE!);
  const env = { PATH: process.env.PATH, PORT: String(port), WEBHOOK_KEYS: keys[0]!.publicKey };
  receiver = spawn(process.execPath, [join(folder, 'receiver.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: receiver.stdout! }).on('line', (line) => lines.push(line));
  const test = async (): Promise<unknown> => (await t.send(admin, 'POST', `/webhook/${id}/test`)).body;
  const until = performance.now() + 10_000;
  while (JSON.stringify(await test()).includes('ECONNREFUSED') && performance.now() < until) await setTimeout(1_000);
  expect(await test()).toEqual({ delivered: true, status: 204 });
  const forged = { 'webhook-id': 'x', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)) };
  const headers = { ...forged, 'webhook-signature': `v1a,${Buffer.alloc(64).toString('base64')}` };
  expect((await fetch(url, { method: 'POST', headers, body: '{}' })).status).toBe(400);
  await t.send(admin, 'POST', '/groups', { name: 'A', description: 'A' });
  while (!lines.some((line) => line.startsWith('GROUP_CREATED')) && performance.now() < until) await setTimeout(20);
  expect(lines.filter((line) => line.startsWith('GROUP_CREATED'))).toHaveLength(1);
});
