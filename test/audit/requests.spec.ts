import { describe, expect, it } from '@jest/globals';
import { cookieOf } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { newScene, newTokens, requestToken } from '../support/oauth.js';
import { runCommand } from '../support/command-line.js';
import { admin, group, host, jtiOf, ok, setUp, t, user } from './setup.js';

setUp();

interface Listed {
  event: string;
  request?: string;
  token?: string;
}

async function events(query: string, caller = admin): Promise<Listed[]> {
  return (await ok(t.as(caller)(`/audit?${query}`))).body.events;
}

function idOf({ headers }: Answer): string {
  return headers.get('x-request-id')!;
}

async function eventsOf(answer: Answer, caller = admin): Promise<string[]> {
  const found = await events(`request=${idOf(answer)}`, caller);
  expect(found.every(({ request }) => request === idOf(answer))).toBe(true);
  return found.map(({ event }) => event);
}

/** A session of the user: its cookie, and its handle. */
async function signIn(): Promise<[cookie: string, id: string]> {
  const token = await t.loginToken(host, user);
  return [cookieOf(await t.login(token)), jtiOf(token)];
}

describe('GET audit?request=', () => {
  it('answers what a request changed, whether its fields are a form or JSON', async () => {
    expect(await eventsOf(await t.send(admin, 'PUT', `/user/${user}`, { name: 'A' }))).toEqual(['ACCOUNT_CHANGED']);
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ name: 'B' });
    expect(await eventsOf(await t.as(admin)(`/user/${user}`, { method: 'PUT', headers, body }))).toEqual([
      'ACCOUNT_CHANGED',
    ]);
    expect(await eventsOf(await t.send(admin, 'DELETE', `/user/${user}`))).toContain('ACCOUNT_DELETED');
  });

  it('answers what was refused, also where a call is answered before the framework sees it', async () => {
    const stranger = await t.world.caller({ organizationId: admin.organizationId });
    await t.as(stranger)(`/access/${user}`);
    for (const path of [`/access/${user}`, `/access/${user}?session=ask`]) {
      const refused = await t.as(stranger)(path);
      expect(refused.status).toBe(403);
      expect(await eventsOf(refused)).toEqual(['ACCESS_REFUSED']);
    }
    const token = await t.loginToken(host, user);
    await ok(t.login(token));
    const page = await t.login(token, { accept: 'text/html' });
    expect(page.text).toContain(idOf(page));
    expect(await eventsOf(page)).toEqual(['SESSION_REFUSED']);
  });

  it('answers each of many requests at once its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => t.send(admin, 'PUT', `/user/${user}`, { name: `N${i}` })),
    );
    for (const answer of answers) expect(await eventsOf(answer)).toEqual(['ACCOUNT_CHANGED']);
  });

  it('answers what a request ended: sessions and login tokens, whoever ended them', async () => {
    const headers = async (): Promise<Record<string, string>> => ({
      cookie: (await signIn())[0],
      'sec-fetch-site': 'same-origin',
      accept: 'application/json',
    });
    expect(await eventsOf(await t.call('/logout', { method: 'POST', headers: await headers() }))).toEqual([
      'SESSION_ENDED',
    ]);
    const [, session] = await signIn();
    expect(await eventsOf(await t.send(admin, 'DELETE', `/session/${session}`))).toEqual(['SESSION_ENDED']);
    const path = `/login/sessions/${(await signIn())[1]}/end`;
    expect(await eventsOf(await t.call(path, { method: 'POST', headers: await headers() }))).toEqual(['SESSION_ENDED']);
    const token = await t.loginToken(host, user);
    const revoked = await t.send(admin, 'DELETE', `/access-token/${jtiOf(token)}`);
    expect(await eventsOf(revoked)).toEqual(['ACCESS_REVOKED']);
    await t.loginToken(host, user);
    const gone = await t.send(admin, 'DELETE', `/group/${group}/members/${user}`);
    expect((await eventsOf(gone)).toSorted()).toEqual(['ACCESS_REVOKED', 'MEMBER_REMOVED', 'SESSION_ENDED']);
  });

  it('does not answer logins, which have the ID of their token', async () => {
    const issued = await ok(t.as(host)(`/access/${user}?reason=Call%204711`));
    const token = jtiOf(issued.body.token);
    expect(await events(`request=${idOf(issued)}`)).toMatchObject([{ event: 'ACCESS_REASON_GIVEN', token }]);
    await ok(t.login(issued.body.token));
    const found = await events(`token=${token}`);
    expect(found.map(({ event }) => event)).toEqual(['SESSION_STARTED', 'ACCESS_REASON_GIVEN', 'ACCESS_ISSUED']);
    expect(found.map(({ request }) => request)).toEqual([undefined, idOf(issued), undefined]);
  });

  it('answers another organization nothing, and nothing of what the command line did', async () => {
    const changed = await t.send(admin, 'PUT', `/user/${user}`, { name: 'A' });
    const stranger = await t.world.caller({ permissions: ['VIEW_AUDIT_LOG'] });
    expect(await eventsOf(changed, stranger)).toEqual([]);
    await runCommand(t, 'groups', 'create', 'Class 9', '-o', admin.organizationId);
    const created = await events('event=GROUP_CREATED');
    expect(created.map(({ request }) => request)).toEqual([undefined]);
  });
});

describe('GET audit?token=', () => {
  it('answers the events of a login by its ID', async () => {
    const token = await t.loginToken(host, user);
    const cookie = cookieOf(await t.login(token));
    await t.call('/logout', { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' } });
    const found = await events(`token=${jtiOf(token)}`);
    expect(found.map(({ event }) => event)).toEqual(['SESSION_ENDED', 'SESSION_STARTED', 'ACCESS_ISSUED']);
    expect(await events(`token=${jtiOf(token)}&event=ACCESS_ISSUED`)).toHaveLength(1);
    expect(await events(`token=${jtiOf(token)}&user=${host.id}`)).toEqual([]);
    const { body } = await t.as(admin)(`/audit?token=${jtiOf(token)}&resultSize=1`);
    expect(body.pagination).toMatchObject({ total: 3, moreAvailable: true });
  });

  it('answers the events of an access token by its jti', async () => {
    const oauth = await newScene(t);
    const auditor = await t.world.caller({ organizationId: oauth.organizationId, permissions: ['VIEW_AUDIT_LOG'] });
    const tokens = await newTokens(oauth);
    const revoked = await ok(requestToken(t.url, { token: tokens.access_token }, oauth.client, '/oauth/revoke'));
    const found = await events(`token=${jtiOf(tokens.access_token)}`, auditor);
    expect(found.map(({ event }) => event)).toEqual(['TOKEN_REVOKED', 'TOKEN_ISSUED']);
    expect(found[0]!.request).toBe(idOf(revoked));
    expect(found[1]!.request).toMatch(/^[\da-f-]{36}$/);
    const { body } = await t.as(auditor)(`/lookup?q=${jtiOf(tokens.access_token)}`);
    expect(body.found).toEqual([{ type: 'TOKEN', id: jtiOf(tokens.access_token) }]);
    expect((await t.as(admin)(`/lookup?q=${jtiOf(tokens.access_token)}`)).body.found).toEqual([]);
  });
});

describe('audit on the command line', () => {
  it('answers the same of a request or token in any organization, and the latest of one organization', async () => {
    const changed = await t.send(admin, 'PUT', `/user/${user}`, { name: 'A' });
    const token = jtiOf(await t.loginToken(host, user));
    const [event] = await events(`request=${idOf(changed)}`);
    expect(JSON.parse((await runCommand(t, 'audit', '--request', idOf(changed), '--json')).stdout)).toEqual([event]);
    const { stdout } = await runCommand(t, 'audit', '--token', token);
    expect(stdout).toMatch(new RegExp(`^\\S+Z\tACCESS_ISSUED\t.*\\b${token}\\b`));
    const latest = await runCommand(t, 'audit', '-o', admin.organizationId, '--limit', '1', '--json');
    expect(JSON.parse(latest.stdout)).toEqual(await events('resultSize=1'));
    const mine = ['-o', admin.organizationId, '--user', user, '--event', 'ACCOUNT_CHANGED', '--json'];
    expect(JSON.parse((await runCommand(t, 'audit', ...mine)).stdout)).toEqual([event]);
  });

  it('refuses what names nothing to look for, and what the API refuses', async () => {
    const none = await runCommand(t, 'audit');
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('--organization');
    for (const wrong of [
      ['--request', 'a b'],
      ['-o', admin.organizationId, '--event', 'NOTHING'],
      ['-o', admin.organizationId, '--from', 'yesterday'],
      ['-o', admin.organizationId, '--limit', '0'],
      ['-o', admin.organizationId, '--limit', '5001'],
    ])
      expect((await runCommand(t, 'audit', ...wrong)).code).toBe(1);
  });
});
