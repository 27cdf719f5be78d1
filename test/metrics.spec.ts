import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { MetricsServer } from '../src/monitoring/metrics-server.js';
import { PUBLIC_URL, TestApp } from './support/app.js';
import { PROXIES } from './support/asking-proxies.js';
import { freePort } from './support/free-port.js';
import { Instance } from './support/instance.js';
import { counted, readMetrics } from './support/metrics.js';
import { assertionOf, JWT_BEARER, newServiceAccount, requestToken } from './support/oauth.js';
import type { TestServiceAccount } from './support/oauth.js';
import { newWebhook, WebhookReceiver } from './support/webhook-receiver.js';
import type { TestCaller } from './support/world.js';

const MAX_SERIES = 400;
const isPostgres = Boolean(process.env.DATABASE_URL);

let t: TestApp;
let url: string;
let caller: TestCaller;
let user: string;

beforeAll(async () => {
  t = await TestApp.start({ TRUSTED_PROXIES: '127.0.0.1', METRICS_ADDRESS: '127.0.0.1:0' });
  url = (await t.nest.get(MetricsServer, { strict: false }).listen())!;
  caller = await t.world.caller({ permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_STAFF', 'MANAGE_USERS'] });
  ({ id: user } = await t.world.userOf(caller));
  await t.as(caller)('/user/self');
});
afterAll(() => t.stop());
afterEach(() => t.clock.reset());

const count = (work: () => Promise<unknown>): Promise<Record<string, number>> => counted(url, work);
const access = (labels: string): string => `latchkey_access_calls_total{${labels}}`;
const ended = (reason: string): string => `latchkey_sessions_ended_total{reason="${reason}"}`;
const answered = (answer: string, source = 'database'): string =>
  `latchkey_forward_auth_total{answer="${answer}",source="${source}"}`;
const granted = (grant: string, outcome: string): string =>
  `latchkey_oauth_grants_total{grant="${grant}",outcome="${outcome}"}`;
const refused = (reason: string): string => `latchkey_assertions_refused_total{reason="${reason}"}`;
const statements = (name: string): string => `latchkey_statement_duration_seconds_count{statement="${name}"}`;
const ask = (assertion: string, more: Record<string, string> = {}): Promise<unknown> =>
  requestToken(t.url, { grant_type: JWT_BEARER, assertion, ...more });
const at = (path: string, options = {}): Promise<Response> => fetch(new URL(path, url), options);
const deliveries = (outcome: string): string => `latchkey_webhook_deliveries_total{outcome="${outcome}"}`;
const redemption = (outcome: string): string => `latchkey_redemptions_total{outcome="${outcome}"}`;
const STARTED = {
  [redemption('started')]: 1,
  latchkey_redemption_duration_seconds_count: 1,
  latchkey_login_token_age_seconds_count: 1,
  latchkey_sessions_started_total: 1,
};

describe('an access call', () => {
  const issued = access('way="call",outcome="issued",id=""');

  it.each(['', '?delivery=redirect'])('that lets a user in is counted once: %p', async (query) => {
    expect(await count(() => t.loginToken(caller, user, query))).toEqual({ [issued]: 1 });
  });

  it.each([
    { id: 'not_authorized', call: async () => t.as(caller)(`/access/${await t.world.user()}`) },
    { id: 'unknown_user', call: () => t.as(caller)('/access/nobody@school.example') },
    { id: 'missing_field', call: () => t.as(caller)('/access') },
    { id: 'not_authenticated', call: () => t.call(`/api/2/access/${user}`) },
    { id: 'incorrect_field', call: () => t.as(caller)(`/access/${user}?returnTo=elsewhere`) },
  ])('that is refused with $id is counted under it', async ({ id, call }) => {
    expect(await count(call)).toEqual({ [access(`way="call",outcome="refused",id="${id}"`)]: 1 });
  });
});

describe('a redemption', () => {
  it.each<{ how: string; headers: Record<string, string> }>([
    { how: 'at once', headers: { accept: 'text/html' } },
    { how: 'by the framework', headers: { origin: PUBLIC_URL } },
  ])('that starts a session $how is counted once, with the age of its token', async ({ headers }) => {
    const token = await t.loginToken(caller, user);
    t.clock.advance(20);
    const before = await readMetrics(url);
    expect(await count(() => t.login(token, headers))).toEqual(STARTED);
    const after = await readMetrics(url);
    const more = (name: string): number => after.get(name)! - before.get(name)!;
    expect(more('latchkey_login_token_age_seconds_sum')).toBeGreaterThanOrEqual(20);
    expect(more('latchkey_login_token_age_seconds_bucket{le="15"}')).toBe(0);
  });

  it.each([
    { outcome: 'token_used', token: () => usedToken() },
    { outcome: 'invalid_token', token: () => Promise.resolve('x.y.z') },
  ])('that is refused with $outcome is counted once', async ({ outcome, token }) => {
    const given = await token();
    expect(await count(() => t.login(given))).toEqual({ [redemption(outcome)]: 1 });
  });

  it('of an expired token is counted as that', async () => {
    const token = await t.loginToken(caller, user);
    t.clock.advance(600);
    expect(await count(() => t.login(token))).toEqual({ [redemption('token_expired')]: 1 });
  });

  it('that keeps the visitor’s session, and one that asks first, are counted', async () => {
    const cookie = await t.signIn(caller, user);
    const other = await t.loginToken(caller, user);
    expect(await count(() => t.login(other, { cookie }))).toEqual({ [redemption('kept')]: 1 });
    const link = await t.loginToken(caller, user, '?delivery=link');
    expect(await count(() => t.login(link))).toEqual({ [redemption('asked')]: 1 });
  });
});

async function usedToken(): Promise<string> {
  const token = await t.loginToken(caller, user);
  await t.login(token);
  return token;
}

describe('the end of a session', () => {
  it('by its visitor is counted', async () => {
    const cookie = await t.signIn(caller, user);
    const headers = { cookie, origin: PUBLIC_URL };
    expect(await count(() => t.call('/logout', { method: 'POST', headers }))).toEqual({ [ended('LOGOUT')]: 1 });
  });

  it('by a new one in its place is counted', async () => {
    const cookie = await t.signIn(caller, user);
    const { id: other } = await t.world.userOf(caller);
    const token = await t.loginToken(caller, other, '?session=switch');
    expect(await count(() => t.login(token, { cookie }))).toEqual({ ...STARTED, [ended('REPLACED')]: 1 });
  });

  it('by the loss of a right is counted when it is committed, and not when it is only tried', async () => {
    const staff = await t.world.caller({
      organizationId: caller.organizationId,
      permissions: ['OBTAIN_ACCESS_TOKENS'],
    });
    const { id } = await t.world.userOf(staff);
    for (let i = 0; i < 3; i++) await t.signIn(staff, id);
    const right = `/user/${staff.id}/permissions/OBTAIN_ACCESS_TOKENS`;
    expect(await count(() => t.as(caller)(`${right}/effects`))).toEqual({});
    expect(await count(() => t.send(caller, 'DELETE', right))).toEqual({ [ended('RIGHT_REVOKED')]: 3 });
  });
});

describe('an answer to a proxy', () => {
  it('is counted by where the visitor was known from', async () => {
    const headers = { cookie: await t.signIn(caller, user) };
    const visit = (): Promise<unknown> => PROXIES.traefik(t.url, { headers });
    expect(await count(visit)).toEqual({ [answered('passed')]: 1 });
    expect(await count(visit)).toEqual({ [answered('passed', 'remembered')]: 1 });
  });

  it('is counted as what it is', async () => {
    expect(await count(() => PROXIES.nginx(t.url))).toEqual({ [answered('signed_out')]: 1 });
    expect(await count(() => t.call('/forward-auth'))).toEqual({ [answered('refused')]: 1 });
    const uri = `/course?oauth_token=${await t.loginToken(caller, user)}`;
    const page = { accept: 'text/html', 'sec-fetch-dest': 'document' };
    const asked = await count(() => PROXIES.caddy(t.url, { uri, headers: page }));
    expect(asked).toEqual({ ...STARTED, [answered('redirected')]: 1 });
  });

  it('that refuses a session which somebody has ended tells how long it was remembered after its end', async () => {
    const { id } = await t.world.userOf(caller);
    const headers = { cookie: await t.signIn(caller, id) };
    await PROXIES.traefik(t.url, { headers });
    const before = await readMetrics(url);
    await t.world.endSessions(id);
    t.clock.advance(2);
    const asked = await count(() => PROXIES.traefik(t.url, { headers }));
    expect(asked).toEqual({ [answered('signed_out')]: 1, latchkey_revocation_effect_seconds_count: 1 });
    const sum = 'latchkey_revocation_effect_seconds_sum';
    const seconds = (await readMetrics(url)).get(sum)! - before.get(sum)!;
    // An answer is used for 1.5 s from when it was asked for.
    expect(seconds).toBeGreaterThanOrEqual(0);
    expect(seconds).toBeLessThanOrEqual(1.5);
    expect(await count(() => PROXIES.traefik(t.url, { headers }))).toEqual({ [answered('signed_out')]: 1 });
  });
});

describe('the token endpoint', () => {
  let account: TestServiceAccount;

  beforeAll(async () => {
    account = await newServiceAccount(t, caller.organizationId);
  });

  it('counts a grant by its type and outcome', async () => {
    const assertion = await assertionOf(t, account);
    expect(await count(() => ask(assertion))).toEqual({ [granted('jwt_bearer', 'issued')]: 1 });
    expect(await count(() => ask(assertion))).toEqual({
      [granted('jwt_bearer', 'refused')]: 1,
      [refused('replayed')]: 1,
    });
    const made = { grant_type: 'made_up', client_id: account.clientId };
    expect(await count(() => requestToken(t.url, made))).toEqual({ [granted('other', 'refused')]: 1 });
  });

  it('counts a login token like an access call', async () => {
    const { id, groupId } = await t.world.userOf(caller, { organizationId: caller.organizationId });
    const resource = `${PUBLIC_URL}/login`;
    const assertion = await assertionOf(t, account, { sub: id });
    expect(await count(() => ask(assertion, { resource }))).toEqual({
      [granted('jwt_bearer', 'refused')]: 1,
      [refused('not_allowed')]: 1,
      [access('way="grant",outcome="refused",id="not_authorized"')]: 1,
    });
    await t.world.allow(account.id, groupId, 'MANAGE');
    const next = await assertionOf(t, account, { sub: id });
    expect(await count(() => ask(next, { resource }))).toEqual({
      [granted('jwt_bearer', 'issued')]: 1,
      [access('way="grant",outcome="issued",id=""')]: 1,
    });
  });

  it.each([
    { reason: 'expired', claims: { iat: 1_000, exp: 1_300 } },
    { reason: 'claims', claims: { aud: 'https://elsewhere.example' } },
    { reason: 'subject', claims: { sub: 'AAAAAAAAAAAAAAAAAAAAAA' } },
  ])('counts an assertion that is refused for its $reason', async ({ reason, claims }) => {
    const assertion = await assertionOf(t, account, claims);
    expect(await count(() => ask(assertion))).toEqual({
      [granted('jwt_bearer', 'refused')]: 1,
      [refused(reason)]: 1,
    });
  });

  it('counts an assertion that no key has signed', async () => {
    const assertion = await assertionOf(t, account, {}, { kid: 'AAAAAAAAAAAAAAAAAAAAAA' });
    expect(await count(() => ask(assertion))).toEqual({ [granted('jwt_bearer', 'refused')]: 1, [refused('key')]: 1 });
  });
});

describe('requests', () => {
  it.each([
    { route: 'health', status: '2xx', call: () => t.call('/health') },
    { route: 'api', status: '2xx', call: () => t.as(caller)('/organization') },
    { route: 'api', status: '4xx', call: () => t.call('/api/2.1.1/organization') },
    { route: 'access', status: '2xx', call: () => t.as(caller)(`/access/${user}`) },
    { route: 'login', status: '4xx', call: () => t.call('/login') },
    { route: 'session', status: '4xx', call: () => t.call('/session') },
    { route: 'token', status: '4xx', call: () => requestToken(t.url, {}) },
    { route: 'oauth', status: '2xx', call: () => t.call('/oauth/keys') },
    { route: 'forward_auth', status: '4xx', call: () => t.call('/forward-auth') },
    { route: 'pages', status: '2xx', call: () => t.call('/') },
    { route: 'unknown', status: '4xx', call: () => t.call('/nothing/here') },
  ])('to $route with a status of $status are counted and timed', async ({ route, status, call }) => {
    const names = [
      `latchkey_http_requests_total{route="${route}",status="${status}"}`,
      `latchkey_http_request_duration_seconds_count{route="${route}"}`,
    ];
    const before = await readMetrics(url);
    await call();
    const after = await readMetrics(url);
    expect(names.map((name) => after.get(name)! - before.get(name)!)).toEqual([1, 1]);
  });
});

describe('the database', () => {
  it('is timed by statement, and all other statements together', async () => {
    const before = await readMetrics(url);
    await t.signIn(caller, user);
    await t.call('/health');
    const after = await readMetrics(url);
    const more = (name: string): number => after.get(statements(name))! - before.get(statements(name))!;
    expect([more('record_login_token'), more('start_session')]).toEqual([1, 1]);
    expect(more('other')).toBeGreaterThanOrEqual(1);
  });

  it('is up, takes writes, and has the connections of its engine', async () => {
    const now = await readMetrics(url);
    expect([now.get('latchkey_database_up'), now.get('latchkey_database_read_only')]).toEqual([1, 0]);
    const total = now.get('latchkey_database_connections{state="total"}')!;
    expect(total > 0).toBe(isPostgres);
  });

  it('that takes no writes is shown, until it takes them again', async () => {
    const { refuse, accept } = isPostgres ? READ_ONLY : FULL;
    await refuse();
    try {
      expect((await readMetrics(url)).get('latchkey_database_read_only')).toBe(1);
    } finally {
      await accept();
    }
    await t.signIn(caller, user);
    expect((await readMetrics(url)).get('latchkey_database_read_only')).toBe(0);
  });
});

/** A database of PostgreSQL whose new transactions only read, as on a standby. */
const READ_ONLY = {
  refuse: () => setDefault('on'),
  accept: () => setDefault('off'),
};

async function setDefault(value: 'on' | 'off'): Promise<void> {
  const name = new URL(process.env.DATABASE_URL!).pathname.slice(1);
  const server = new Client({ connectionString: process.env.TEST_POSTGRES });
  await server.connect();
  try {
    await server.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = ${value}`);
    // The connections that are open keep the old default.
    await server.query(`SELECT pg_terminate_backend("pid", 5000) FROM "pg_stat_activity" WHERE "datname" = '${name}'`);
  } finally {
    await server.end();
  }
}

/** A file of SQLite that may not grow, as on a full disk. */
const FULL = {
  refuse: async () => {
    await t.world.write((db) => db.query('PRAGMA max_page_count = 1'));
    const fill = t.world.write(async (db) => {
      await db.query('CREATE TABLE "filling" ("bytes" blob)');
      await db.query('INSERT INTO "filling" VALUES (zeroblob(50000000))');
    });
    await expect(fill).rejects.toThrow('database or disk is full');
  },
  accept: () => t.world.write((db) => db.query('PRAGMA max_page_count = 1073741823')),
};

it('a record that should be gone shows how late it is', async () => {
  const name = 'latchkey_retention_lag_seconds{records="logins"}';
  await t.signIn(caller, user);
  expect((await readMetrics(url)).get(name)).toBe(0);
  t.clock.advance(500 * 86_400);
  const lag = (await readMetrics(url)).get(name)!;
  // Logins are kept for 400 days and the longest life of a session with its token.
  expect(lag).toBeGreaterThan(98 * 86_400);
  expect(lag).toBeLessThan(100 * 86_400);
});

it('what webhooks get is counted, and what one lacks shows its age', async () => {
  const receiver = await WebhookReceiver.start();
  const admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CREATED'] });
  const make = (): Promise<unknown> => t.send(admin, 'POST', '/groups', { name: 'G', description: 'G' });
  const delivered = await count(async () => {
    await make();
    await receiver.events(1);
    await setTimeout(100);
  });
  expect(delivered).toEqual({ [deliveries('delivered')]: 1, latchkey_webhook_delay_seconds_count: 1 });
  receiver.answer = (response) => response.writeHead(500).end();
  const failed = await count(async () => {
    await make();
    await receiver.events(2);
    await setTimeout(100);
  });
  expect(failed).toEqual({ [deliveries('refused')]: 1 });
  t.clock.advance(3);
  expect((await readMetrics(url)).get('latchkey_webhook_lag_seconds')).toBeGreaterThanOrEqual(3);
  await t.send(admin, 'DELETE', `/webhook/${id}`);
  await receiver.stop();
});

it('a signing key shows its age', async () => {
  const name = 'latchkey_signing_key_age_seconds{purpose="ACCESS"}';
  const before = (await readMetrics(url)).get(name)!;
  t.clock.advance(3600);
  expect((await readMetrics(url)).get(name)! - before).toBeGreaterThanOrEqual(3600);
});

describe('the address of the metrics', () => {
  it('answers GET /metrics and nothing else', async () => {
    expect((await at('/')).status).toBe(404);
    expect((await at('/health')).status).toBe(404);
    const posted = await at('/metrics', { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET']);
  });

  it('is not the public port', async () => {
    expect((await t.call('/metrics')).status).toBe(404);
  });
});

describe('the series', () => {
  it('name no user, group, client or organization, and are the same after all of these requests', async () => {
    const instance = await Instance.start({ METRICS_ADDRESS: `127.0.0.1:${await freePort()}` });
    try {
      const fresh = await readMetrics(metricsOf(instance));
      const used = await readMetrics(url);
      expect([...used.keys()].toSorted()).toEqual([...fresh.keys()].toSorted());
      expect(fresh.size).toBeLessThanOrEqual(MAX_SERIES);
      const counters = [...fresh].filter(([name]) => /^latchkey_(?!statement)\w+_(total|count|sum|bucket)/.test(name));
      expect(counters.length).toBeGreaterThan(200);
      expect(counters.filter(([, value]) => value !== 0)).toEqual([]);
    } finally {
      expect(await instance.stop()).toBe(0);
    }
    await expect(fetch(metricsOf(instance))).rejects.toThrow('fetch failed');
  });

  it('are those of the table in docs/metrics.md', async () => {
    const text = await (await fetch(url)).text();
    const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name!, type!]));
    const labels = new Map([...types.keys()].map((name) => [name, new Set<string>()]));
    for (const [, name, given] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
      const of = labels.get(name!) ?? labels.get(name!.replace(/_(bucket|sum|count)$/, ''))!;
      for (const [, label] of given!.matchAll(/(\w+)="/g)) if (label !== 'le') of.add(label!);
    }
    const rows = [...types].map(([name, type]) => `${name} ${type} ${[...labels.get(name)!].join(' ')}`.trim());
    const table = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| .+ \|$/gm)];
    expect(table.map(([, name, type, list]) => `${name} ${type} ${list!.replaceAll(/[`,]/g, '')}`.trim())).toEqual(
      rows,
    );
  });
});

describe('a start', () => {
  it('at an address that is taken ends with one sentence that names the setting', async () => {
    const { host } = new URL(url);
    await expect(Instance.start({ METRICS_ADDRESS: host })).rejects.toThrow('The instance ended with 1');
  });
});

function metricsOf({ output }: Instance): string {
  return output.map((line) => /Metrics at (http:[\w.:/]+)/.exec(line)?.[1]).find((found) => found !== undefined)!;
}
