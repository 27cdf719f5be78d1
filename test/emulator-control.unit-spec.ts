import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmulator } from '../clients/typescript/src/emulator.js';
import type { Emulator, Rule, Seed } from '../clients/typescript/src/emulator.js';
import { createLatchkey } from '../clients/typescript/src/index.js';
import type { Latchkey } from '../clients/typescript/src/index.js';

const ANNA = 'anna@demo.example';
const JSON_ONLY = { headers: { accept: 'application/json' }, redirect: 'manual' } as const;

let emulator: Emulator;
let portal: Latchkey;
let administrator: Latchkey;

beforeAll(async () => {
  emulator = await createEmulator();
  const { url, serviceAccount, token } = emulator;
  portal = createLatchkey({ url, serviceAccount, retries: 0 });
  administrator = createLatchkey({ url, token, retries: 0 });
});
afterEach(() => emulator.reset());
afterAll(() => emulator.close());

async function post(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${emulator.url}/emulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('an emulator', () => {
  it('lets links expire when its clock is moved, and not the keys of the host', async () => {
    const link = await portal.accessUrl(ANNA);
    const later = await portal.accessUrl(ANNA);
    emulator.advance({ minutes: 1 });
    expect((await fetch(link, JSON_ONLY)).status).toBe(303);
    expect((await post('clock', { minutes: 1, seconds: 1 })).status).toBe(200);
    const expired = await fetch(later, JSON_ONLY);
    expect([expired.status, await expired.json()]).toMatchObject([410, { id: 'token_expired' }]);
    emulator.advance({ days: 1 });
    expect((await fetch(await portal.accessUrl(ANNA), JSON_ONLY)).status).toBe(303);
  });

  it.each<[Rule, string, number]>([
    [1, 'not_authenticated', 401],
    [2, 'missing_field', 400],
    [3, 'incorrect_field', 400],
    [4, 'not_authorized', 403],
    [5, 'unknown_user', 404],
    [6, 'not_authorized', 403],
    [7, 'not_authorized', 403],
  ])('refuses a user by rule %d until it is told otherwise', async (rule, id, status) => {
    emulator.refuse(ANNA, rule);
    await expect(administrator.accessUrl(ANNA)).rejects.toMatchObject({ id, status });
    const grantId = rule === 3 ? 'invalid_request' : 'invalid_grant';
    await expect(portal.accessUrl(ANNA)).rejects.toMatchObject({ id: grantId, status: 400 });
    expect((await post('refusals', { user: ANNA, rule: null })).body).toEqual({ refused: {} });
    expect(await administrator.accessUrl(ANNA)).toContain('/login?token=');
    expect(await portal.accessUrl(ANNA)).toContain('/login?token=');
  });

  it.each([
    { status: 429 as const, id: 'too_many_requests', retryAfter: '60' },
    { status: 503 as const, id: 'unavailable', retryAfter: '2' },
    { status: 500 as const, id: 'internal_error', retryAfter: null },
  ])('answers $status as often as it is told', async ({ status, id, retryAfter }) => {
    emulator.failNext({ status, times: 2, path: '/api/' });
    const access = (): Promise<Response> =>
      fetch(`${emulator.url}/api/2.1.1/access/${ANNA}`, { headers: { authorization: `Bearer ${emulator.token}` } });
    for (let time = 0; time < 2; time++) {
      const answer = await access();
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter]);
      expect(await answer.json()).toMatchObject({ id });
    }
    expect((await access()).status).toBe(200);
  });

  it('loses a connection, and is slow', async () => {
    emulator.failNext({});
    await expect(portal.accessUrl(ANNA)).rejects.toMatchObject({ id: 'no_connection' });
    emulator.slow(1000);
    const { url, token } = emulator;
    const impatient = createLatchkey({ url, token, retries: 0, timeoutMs: 50 });
    await expect(impatient.accessUrl(ANNA)).rejects.toMatchObject({ id: 'timeout' });
  });

  it('is repeated by the client as the service would be', async () => {
    const { url, serviceAccount } = emulator;
    emulator.failNext({ status: 503, retryAfter: 0, times: 2 });
    expect(await createLatchkey({ url, serviceAccount }).accessUrl(ANNA)).toContain('/login?token=');
  });

  it('takes users in and out, and shows what it holds', async () => {
    emulator.users.add({ name: 'Bo Bakker', thirdPartyIds: { LMS: '4800' }, groups: ['Course: First aid'] });
    await fetch(await portal.accessUrl('LMS$4800'), JSON_ONLY);
    const state = (await (await fetch(`${emulator.url}/emulator`)).json()) as Record<string, unknown>;
    expect(state).toEqual(JSON.parse(JSON.stringify({ ...emulator.state(), now: state.now })));
    expect(state.logins).toEqual([
      expect.objectContaining({ user: 'Bo Bakker', caller: 'Host portal', isUsed: true, hasSession: true }),
    ]);
    emulator.users.remove('LMS$4800');
    await expect(portal.accessUrl('LMS$4800')).rejects.toMatchObject({ id: 'invalid_grant' });
    emulator.reset();
    expect(emulator.state()).toMatchObject({ logins: [], refused: {}, failures: [] });
  });

  it('says that it does not have a route', async () => {
    await expect(administrator.GET('/api/2.1.1/groups')).rejects.toMatchObject({ id: 'not_emulated', status: 501 });
  });

  it.each<[string, object, RegExp]>([
    ['clock', { weeks: 1 }, /has no member weeks. The members are: days, hours, minutes, seconds/],
    ['clock', {}, /Give the span in days/],
    ['clock', { minutes: -1 }, /minutes must be a number from 0/],
    ['failures', { status: 404 }, /must be 429, 500 or 503/],
    ['refusals', { user: 'nobody', rule: 5 }, /There is no user "nobody"/],
    ['refusals', { user: ANNA, rule: 8 }, /The rule must be 1 to 7/],
    ['users', { name: 'X', groups: ['None'] }, /There is no group "None"/],
    ['users', { name: 'X', emailAddress: ANNA }, /Another account has/],
    ['users', {}, /needs a name/],
    ['other', {}, /POST to \/emulator\/clock/],
  ])('says what is wrong with a POST to %s of %j', async (path, body, description) => {
    expect(await post(path, body)).toEqual({ status: 400, body: { description: expect.stringMatching(description) } });
  });

  it('holds what a seed says, such as that of the README', async () => {
    const [, json] = /```json\n([^]*?)```/.exec(readFileSync('clients/typescript/README.md', 'utf8'))!;
    const seeded = await createEmulator({ seed: JSON.parse(json!) as Seed });
    try {
      expect(seeded.token).toBe('test-token');
      const host = createLatchkey({ url: seeded.url, token: 'test-token' });
      const returnTo = 'https://learn.example.com/course/1';
      const login = await fetch(await host.accessUrl('LMS$4801', { returnTo }), JSON_ONLY);
      expect([login.status, login.headers.get('location')]).toEqual([303, returnTo]);
      await expect(host.accessUrl('emil@x.example')).rejects.toMatchObject({ id: 'unknown_user' });
    } finally {
      await seeded.close();
    }
  });

  it.each<[object, RegExp]>([
    [{ user: [] }, /The seed has no member user/],
    [{ users: [{ name: 'A', mail: 'a@b.example' }] }, /users\[0\] has no member mail/],
    [{ users: {} }, /users of the seed must be a list/],
    [{ staff: [{ name: 'A', manages: ['None'] }] }, /There is no group "None"/],
    [{ serviceAccounts: [{ name: 'A', publicKey: 'x' }] }, /The publicKey of A is not/],
    [{ serviceAccounts: [{ name: 'A', client: 'None' }] }, /There is no client "None"/],
  ])('refuses the seed %j', async (seed, message) => {
    await expect(createEmulator({ seed })).rejects.toThrow(message);
  });
});

function emulate(...args: string[]) {
  return spawn(process.execPath, ['dist/cli.cjs', 'emulate', ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('latchkey emulate', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-emulate-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('serves a seed from a file without settings, until it is told to end', async () => {
    const seed = join(directory, 'seed.json');
    writeFileSync(seed, '{ "users": [{ "name": "Dot", "groups": ["Class"] }], "groups": [{ "name": "Class" }] }');
    const child = emulate('--port', '0', '--seed', seed);
    const ended = once(child, 'exit');
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
    const state = (await (await fetch(`${url}/emulator`)).json()) as { accounts: { name: string }[] };
    expect(state.accounts.map(({ name }) => name)).toEqual(['Dot', 'Demo Administrator', 'Host portal']);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('says what is wrong, and how to use it', async () => {
    const bad = join(directory, 'bad.json');
    writeFileSync(bad, '{ "users": [{}] }');
    for (const [args, code, said] of [
      [['--seed', bad], 1, /users\[0\] needs a name/],
      [['--seed', join(directory, 'none.json')], 1, /The seed cannot be read/],
      [['--port', 'x'], 1, /Give a port from 0 to 65535/],
      [['--port', new URL(emulator.url).port], 1, /Port \d+ is in use/],
      [['--help'], 0, /\/emulator\/clock/],
    ] as [string[], number, RegExp][]) {
      const child = emulate(...args);
      const ended = once(child, 'exit');
      const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
      expect([(await ended)[0], output]).toEqual([code, expect.stringMatching(said)]);
    }
  });
});
