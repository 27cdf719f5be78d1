import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONTRACT_ERRORS } from '../clients/typescript/src/contract-errors.js';
import { createLatchkey } from '../clients/typescript/src/index.js';
import type { LatchkeyOptions } from '../clients/typescript/src/index.js';
import { ERRORS } from '../src/common/errors/errors.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

const run = promisify(execFile);

const busy = (retryAfter: string) => () => new Response('{}', { status: 503, headers: { 'Retry-After': retryAfter } });
const BUSY = busy('0');

let t: TestApp;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
});
afterAll(() => t.stop());

/** A client of the administrator, and the methods that it sent. What `answer` makes is sent in place of the service. */
function answered(answer: (number: number) => (() => Response) | undefined, options: Partial<LatchkeyOptions> = {}) {
  const sent: string[] = [];
  const latchkey = createLatchkey({
    url: t.url,
    token: admin.token,
    fetch: async (request) => {
      const number = sent.push(request.method);
      return answer(number)?.() ?? fetch(request);
    },
    ...options,
  } as LatchkeyOptions);
  return { latchkey, sent };
}

describe('the TypeScript client', () => {
  it('does the whole job: a user, a group, a membership, a login token that starts a session', async () => {
    const latchkey = createLatchkey({ url: `${t.url}/`, token: async () => admin.token });
    const thirdParty = await t.world.thirdParty(admin.organizationId);
    const { data: user } = await latchkey.POST('/api/2.1.1/users', {
      body: { name: 'Bo Bakker', thirdParty, thirdPartyId: 'a/b c' },
    });
    const { data: group } = await latchkey.POST('/api/2.1.1/groups', { body: { name: 'Class', description: 'All' } });
    const member = { group: group!.id, thirdParty, id: 'a/b c' };
    await latchkey.PUT('/api/2.1.1/group/{group}/members/{thirdParty}/{id}', { params: { path: member }, body: {} });
    const { data: members } = await latchkey.GET('/api/2.1.1/group/{group}/members', {
      params: { path: { group: group!.id }, query: { query: 'bakker' } },
    });
    expect(members!.members.map(({ member: { id } }) => id)).toEqual([user!.id]);
    const { data: access } = await latchkey.GET('/api/2.1.1/access/{user}', {
      params: { path: { user: `${thirdParty}$a/b c` }, query: { returnTo: '/course/1' } },
    });
    const login = await t.login(access!.token);
    expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1']);
    const { data: found } = await latchkey.GET('/api/2.1.1/organizations/{id}/accounts', {
      params: { path: { id: 'self' }, query: { query: 'Bo', resultSize: 1 } },
    });
    expect(found!.accounts[0]!.lastLogin).toBeDefined();
    const { data: deleted } = await latchkey.DELETE('/api/2.1.1/user/{user}', { params: { path: { user: user!.id } } });
    expect(deleted).toEqual({ description: 'The account is deleted.' });
  });

  it('rejects with the error of the API', async () => {
    const latchkey = createLatchkey({ url: t.url, token: admin.token });
    await expect(
      latchkey.GET('/api/2.1.1/access/{user}', { params: { path: { user: 'nobody@x.example' } } }),
    ).rejects.toMatchObject({
      name: 'LatchkeyError',
      id: 'unknown_user',
      status: 404,
      requestId: expect.stringMatching(/./),
    });
    await expect(
      latchkey.POST('/api/2.1.1/users', { body: { name: 'X', emailAddress: 'not one' } }),
    ).rejects.toMatchObject({ id: 'email_address_invalid', members: { field: 'emailAddress' } });
    await expect(createLatchkey({ url: t.url, token: 'no' }).GET('/api/2.1.1/user')).rejects.toMatchObject({
      id: 'not_authenticated',
      status: 401,
    });
  });

  it('repeats a call that reads, and none that changes something', async () => {
    const { latchkey, sent } = answered((number) => (number % 2 === 1 ? BUSY : undefined));
    const { data } = await latchkey.GET('/api/2.1.1/version');
    expect([data!.version, sent]).toEqual([expect.any(String), ['GET', 'GET']]);
    const path = { group: 'none', user: 'none' };
    const changes = [
      latchkey.POST('/api/2.1.1/groups', { body: { name: 'G', description: 'G' } }),
      latchkey.PUT('/api/2.1.1/group/{group}/members/{user}', { params: { path }, body: {} }),
      latchkey.DELETE('/api/2.1.1/group/{group}/members/{user}', { params: { path } }),
    ];
    const settled = await Promise.allSettled(changes);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(sent.slice(2).toSorted()).toEqual(['DELETE', 'POST', 'PUT']);
  });

  it('gets a login token after the connection was lost in the middle of the answer', async () => {
    const { id } = await t.world.userOf(admin);
    const lost = new ReadableStream({ start: (body) => body.error(new TypeError('terminated')) });
    const { latchkey, sent } = answered((number) => (number === 1 ? () => new Response(lost) : undefined));
    const url = await latchkey.accessUrl(id, { returnTo: '/course/1' });
    expect(sent).toEqual(['GET', 'GET']);
    const login = await t.login(new URL(url).searchParams.get('token')!);
    expect([login.status, login.headers.get('location')]).toEqual([303, '/course/1']);
  });

  it.each([
    { named: 'seconds', retryAfter: () => '1' },
    { named: 'a date', retryAfter: () => new Date(Date.now() + 1999).toUTCString() },
  ])('waits for at least as long as the service says in $named', async ({ retryAfter }) => {
    const times: number[] = [];
    const { latchkey } = answered((number) => {
      times.push(performance.now());
      return number === 1 ? busy(retryAfter()) : undefined;
    });
    await latchkey.GET('/api/2.1.1/version');
    // Timers may be early by a millisecond, and a date has no fractions.
    expect(times[1]! - times[0]!).toBeGreaterThan(990);
  });

  it('answers at once where the service asks for a longer pause than the whole call may take', async () => {
    const { latchkey, sent } = answered(() => busy('3600'));
    await expect(latchkey.GET('/api/2.1.1/version')).rejects.toMatchObject({ status: 503 });
    expect(sent).toEqual(['GET']);
  });

  it('stops after the time for a whole call, with its repeats', async () => {
    const { latchkey, sent } = answered(() => busy('0'), { retries: 1000, totalMs: 500 });
    await expect(latchkey.GET('/api/2.1.1/version')).rejects.toMatchObject({ status: 503 });
    expect(sent.length).toBeLessThan(1000);
  });

  it('ends a pause when the caller gives up', async () => {
    const { latchkey, sent } = answered(() => busy('20'));
    const controller = new AbortController();
    const call = latchkey.GET('/api/2.1.1/version', { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('the visitor left')), 50);
    await expect(call).rejects.toThrow('the visitor left');
    const access = latchkey.accessUrl('x', { signal: AbortSignal.abort(new Error('gone before')) });
    await expect(access).rejects.toThrow('gone before');
    expect(sent).toEqual(['GET']);
  });

  it('has one class of errors, also where nobody answers', async () => {
    const nobody = createLatchkey({ url: 'http://127.0.0.1:1', token: 'x', retries: 1 });
    await expect(nobody.GET('/api/2.1.1/version')).rejects.toMatchObject({
      name: 'LatchkeyError',
      id: 'no_connection',
      status: 0,
    });
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const slow = createLatchkey({ url, token: 'x', retries: 0, timeoutMs: 100 });
    await expect(slow.GET('/api/2.1.1/version')).rejects.toMatchObject({ name: 'LatchkeyError', id: 'timeout' });
    silent.closeAllConnections();
    silent.close();
  });

  it('is what `npm run client` generates from openapi.json and the errors of the service', async () => {
    const args = ['openapi.json', '-o', 'clients/typescript/src/schema.ts', '--check'];
    const checked = run(process.execPath, ['node_modules/openapi-typescript/bin/cli.js', ...args]);
    await expect(checked).resolves.toBeDefined();
    expect(CONTRACT_ERRORS).toEqual(ERRORS);
  });
});
