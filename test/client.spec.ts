import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLatchkey } from '../clients/typescript/src/index.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

const run = promisify(execFile);

const BUSY = { status: 503, headers: { 'Retry-After': '0' } };

let t: TestApp;
let admin: TestCaller;

beforeAll(async () => {
  t = await TestApp.start();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
});
afterAll(() => t.stop());

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

  it('repeats what may be repeated, when the service says so', async () => {
    const sent: string[] = [];
    const latchkey = createLatchkey({
      url: t.url,
      token: admin.token,
      fetch: (request) => {
        sent.push(request.method);
        return sent.length % 2 === 0 ? fetch(request) : Promise.resolve(new Response('{}', BUSY));
      },
    });
    const { data } = await latchkey.GET('/api/2.1.1/version');
    expect([data!.version, sent]).toEqual([expect.any(String), ['GET', 'GET']]);
    const made = latchkey.POST('/api/2.1.1/groups', { body: { name: 'G', description: 'G' } });
    await expect(made).rejects.toMatchObject({ status: 503 });
    expect(sent).toEqual(['GET', 'GET', 'POST']);
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

  it('is what `npm run client` generates from openapi.json', async () => {
    const args = ['openapi.json', '-o', 'clients/typescript/src/schema.ts', '--check'];
    const checked = run(process.execPath, ['node_modules/openapi-typescript/bin/cli.js', ...args]);
    await expect(checked).resolves.toBeDefined();
  });
});
