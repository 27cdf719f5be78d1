import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { AuditService } from '../src/audit/audit.service.js';
import { newId } from '../src/common/id.js';
import { User } from '../src/schema/entities/user.entity.js';
import { call, TestApp } from './support/app.js';
import { raw } from './support/raw.js';
import { recordLogLine, searchEverywhere, secretsIn } from './support/canary.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let caller: TestCaller;
let token: string;
let cookie: string;

beforeEach(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  token = await t.loginToken(caller, id);
  cookie = await t.signIn(caller, id);
});
/** Most have found what was planted, and are closed by then. */
afterEach(() => t.stop());

function signatureOf(jwt: string): string {
  return jwt.split('.')[2]!;
}

describe('what a test has used is found', () => {
  it('nowhere when nothing was left behind', async () => {
    await expect(searchEverywhere()).resolves.toBeUndefined();
  });

  it.each([
    { what: 'a login token', secret: () => token },
    { what: 'the signature of one', secret: () => signatureOf(token) },
    { what: 'an access token', secret: () => caller.token },
    { what: 'a session cookie', secret: () => cookie.split('=')[1]! },
  ])('in an audit row: $what', async ({ secret }) => {
    await t.nest.get(AuditService, { strict: false }).write({
      event: 'GROUP_CHANGED',
      organizationId: newId(),
      by: null,
      details: { reason: `see ${secret()}!` },
    });
    await expect(t.stop()).rejects.toThrow(/audit_events: .+/);
  });

  it('in any other table', async () => {
    await t.world.write((db) => db.update(User, { id: caller.id }, { name: signatureOf(token) }));
    await expect(t.stop()).rejects.toThrow(/users: .+/);
  });

  it('in a line of the log, also with something around it, and of another process', async () => {
    new Logger('Somewhere').debug({ url: `/login?token=${token}&x=1` });
    await expect(searchEverywhere()).rejects.toThrow(`log: ${token}`);
    recordLogLine(`x_${signatureOf(token)}_x`);
    await expect(searchEverywhere()).rejects.toThrow(`log: ${token}`);
  });

  it('in a page, an error or a header, but not where it is handed out', async () => {
    const server = createServer((request, response) => {
      const isHeader = request.url === '/header';
      response.setHeader('X-Seen', isHeader ? token : 'nothing');
      response.end(isHeader ? '' : `<p>${token}</p>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const path of ['/page', '/header'])
      await expect(raw(`http://127.0.0.1:${port}`, path)).rejects.toThrow(`The answer to ${path} has a secret in it`);
    for (const path of ['/page', '/header'])
      await expect(call(`http://127.0.0.1:${port}`, path)).rejects.toThrow(`The answer to ${path} has a secret in it`);
    server.close();
    expect((await t.as(caller)(`/access/${caller.id}`)).status).toBe(403);
  });

  it('by its secret part alone, whole or cut off', () => {
    expect(secretsIn(token)).toEqual([token]);
    expect(secretsIn(signatureOf(token))).toEqual([token]);
    expect(secretsIn(token.split('.')[0]!)).toEqual([]);
    expect(secretsIn(`…${signatureOf(token).slice(0, 30)}…`)).toEqual([token]);
  });
});
