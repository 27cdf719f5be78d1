import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditService } from '../../src/audit/audit.service.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { AuditEvent } from '../../src/schema/entities/audit-event.entity.js';
import { WebhookEndpoint } from '../../src/schema/entities/webhook-endpoint.entity.js';
import { Database } from '../../src/database/database.js';
import { requireWebhook } from '../../src/webhooks/require-webhook.js';
import { WebhooksService } from '../../src/webhooks/webhooks.service.js';
import { TestApp } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { isSignedBy, newWebhook, verifyWith, WebhookReceiver } from '../support/webhook-receiver.js';
import type { TestCaller } from '../support/world.js';

const DAY = 24 * 3600;
/** Milliseconds in which nothing happens that would have happened at once. */
const WHILE = 1_500;

let t: TestApp;
/** Administers everything in the organization. */
let admin: TestCaller;
/** Lets `user` in. */
let host: TestCaller;
let user: string;
let receiver: WebhookReceiver;
const others: WebhookReceiver[] = [];

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());
beforeEach(async () => {
  t.clock.reset();
  admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  host = await t.world.caller({ organizationId: admin.organizationId });
  user = (await t.world.userOf(host)).id;
  receiver = await newReceiver();
});
afterEach(async () => {
  await t.world.write((db) => db.createQueryBuilder().delete().from(WebhookEndpoint).execute());
  await Promise.all(others.splice(0).map((one) => one.stop()));
});

async function newReceiver(): Promise<WebhookReceiver> {
  const one = await WebhookReceiver.start();
  others.push(one);
  return one;
}

function send(method: 'POST' | 'PUT', path: string, fields: object = {}): Promise<Answer> {
  return t.as(admin)(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
}

/** Writes events into the record of the organization, each for another group. */
async function record(count: number, prefix = 'g'): Promise<void> {
  for (let n = 0; n < count; n++)
    await t.nest.get(AuditService).write({
      event: 'GROUP_CHANGED',
      organizationId: admin.organizationId,
      by: { userId: admin.id, clientId: admin.clientId },
      groupId: `${prefix}${n}`,
    });
}

/** The groups of the events that a receiver got, in order. */
function groupsAt(one: WebhookReceiver): unknown[] {
  return one.received.map(({ data }) => data.group);
}

/** The webhook as the API shows it, also when the caller's token has ended. */
async function shown(id: string): Promise<Record<string, unknown>> {
  return { ...(await t.nest.get(WebhooksService, { strict: false }).show(id)) };
}

/** The webhook as soon as it is like this. @throws Error after `ms` */
async function shownOnce(
  id: string,
  isRight: (webhook: Record<string, unknown>) => boolean,
  ms = 20_000,
): Promise<Record<string, unknown>> {
  const until = performance.now() + ms;
  for (;;) {
    const webhook = await shown(id);
    if (isRight(webhook)) return webhook;
    if (performance.now() > until) throw new Error(`It is not right within ${ms} ms: ${JSON.stringify(webhook)}`);
    await setTimeout(20);
  }
}

describe('an event', () => {
  it('is sent with what GET audit says of it, signed by the key of the webhook', async () => {
    const { keys } = await newWebhook(t, admin, { url: receiver.url, events: ['ACCESS_ISSUED', 'SESSION_STARTED'] });
    await t.signIn(host, user, '?reason=Call%204711');
    await receiver.events(2);
    const { events } = (await t.as(admin)(`/audit?user=${user}`)).body as { events: Record<string, string>[] };
    const recorded = ['ACCESS_ISSUED', 'SESSION_STARTED'].map((name) => events.find(({ event }) => event === name)!);
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received.toSorted((a, b) => (a.type < b.type ? -1 : 1))).toEqual(
      recorded.map(({ at, event, ...data }) =>
        expect.objectContaining({ type: event, timestamp: expect.stringContaining(at!.slice(0, 19)), data }),
      ),
    );
    for (const received of receiver.received) {
      expect(received.id).toMatch(/^evt_[\w-]+$/);
      expect(Number(received.headers['webhook-timestamp'])).toBeGreaterThan(Date.now() / 1000 - 60);
      expect(isSignedBy(keys[0]!.publicKey!, received)).toBe(true);
    }
  });

  it('of an access call with a reason is sent without the free text', async () => {
    await newWebhook(t, admin, { url: receiver.url, events: ['ACCESS_REASON_GIVEN'] });
    await t.loginToken(host, user, '?reason=Call%204711');
    const [received] = await receiver.events(1);
    expect(received!.text).not.toContain('4711');
    expect(received!.data).toMatchObject({ user, actor: host.id });
  });

  it('is verified by the package standardwebhooks, with the secret before a rotation and the one after', async () => {
    const fields = { url: receiver.url, keyType: 'HMAC', events: ['GROUP_CHANGED'] };
    const { id, secret } = await newWebhook(t, admin, fields);
    const { body } = await send('POST', `/webhook/${id}/keys`);
    await setTimeout(WHILE);
    await record(1);
    const received = (await receiver.events(1))[0]!;
    verifyWith(secret!, received);
    verifyWith(body.secret, received);
    expect(() => verifyWith('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', received)).toThrow('No matching signature found');
    t.clock.advance(DAY + 60);
    await record(1, 'later');
    await receiver.events(2);
    const later = receiver.received.find(({ data }) => data.group === 'later0')!;
    expect(later.headers['webhook-signature']).not.toContain(' ');
  });

  it('is sent once to each of several webhooks, on connections that stay open', async () => {
    const all = [receiver, await newReceiver(), await newReceiver()];
    for (const { url } of all) await newWebhook(t, admin, { url, events: ['GROUP_CHANGED'] });
    await record(200);
    for (const one of all) {
      await one.events(200);
      expect(one.received).toHaveLength(200);
      expect(new Set(groupsAt(one)).size).toBe(200);
      expect(one.connections).toBeLessThanOrEqual(33);
    }
  });

  it('that is committed after a later one is sent too', async () => {
    await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(3);
    await receiver.events(3);
    await setTimeout(2_500);
    const at = new Date(Date.now() - 2_000);
    const late = { at, event: 'GROUP_CHANGED', organizationId: admin.organizationId, groupId: 'late' } as const;
    await t.world.write((db) => db.insert(AuditEvent, late));
    await receiver.events(4);
    expect(groupsAt(receiver)).toContain('late');
    expect(receiver.received).toHaveLength(4);
  });

  it('of another organization is not sent', async () => {
    await newWebhook(t, admin, { url: receiver.url });
    const stranger = await t.world.caller({ permissions: [...PERMISSIONS] });
    await newWebhook(t, stranger, { url: receiver.url, status: 'DISABLED' });
    await record(1);
    await receiver.events(2);
    await setTimeout(WHILE);
    expect(receiver.received.map(({ type }) => type).toSorted()).toEqual(['GROUP_CHANGED', 'WEBHOOK_CREATED']);
  });
});

describe('an endpoint that fails', () => {
  it('gets the same event again, and the later ones after it', async () => {
    receiver.answer = (response) => response.writeHead(500).end();
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(1);
    const failed = await shownOnce(id, ({ failures }) => failures === 1);
    expect(failed).toMatchObject({ status: 'ENABLED', lastError: 'It answers with status 500.' });
    await record(1, 'later');
    await setTimeout(WHILE);
    expect(receiver.received).toHaveLength(1);
    receiver.answer = (response) => response.writeHead(200).end();
    t.clock.advance(10);
    await receiver.events(2);
    expect(groupsAt(receiver)).toEqual(['g0', 'g0', 'later0']);
    expect(receiver.received[0]!.id).toBe(receiver.received[1]!.id);
    expect(receiver.received[0]!.text).toBe(receiver.received[1]!.text);
    const works = await shownOnce(id, ({ failures }) => failures === 0);
    expect(works).toMatchObject({ failingSince: undefined, lastSuccess: expect.any(String) });
  });

  it('is left alone for as long as it asks for', async () => {
    receiver.answer = (response) => response.writeHead(429, { 'retry-after': '120' }).end();
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    const before = Date.now();
    await record(1);
    const { nextAttempt } = await shownOnce(id, ({ failures }) => failures === 1);
    expect(Date.parse(nextAttempt as string) - before).toBeGreaterThan(118_000);
    expect(Date.parse(nextAttempt as string) - before).toBeLessThan(180_000);
  });

  it('is disabled after three days, and goes on where it stopped when it is enabled', async () => {
    receiver.answer = (response) => response.writeHead(503).end();
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(1);
    for (let attempt = 1; ; attempt++) {
      const { status, nextAttempt } = await shownOnce(
        id,
        ({ failures, disabledReason }) => failures === attempt && (attempt < 10 || disabledReason !== undefined),
      );
      if (status === 'DISABLED') break;
      t.clock.advance((Date.parse(nextAttempt as string) - t.clock.now().getTime()) / 1000 + 2);
    }
    expect(await shown(id)).toMatchObject({ status: 'DISABLED', disabledReason: 'FAILING', failures: 10 });
    const disabled = { event: 'WEBHOOK_DISABLED', organizationId: admin.organizationId } as const;
    const [event] = await t.world.write((db) => db.findBy(AuditEvent, disabled));
    expect(JSON.parse(event!.details!)).toEqual({ webhook: id, reason: 'FAILING' });
    await record(1, 'later');
    receiver.answer = (response) => response.writeHead(204).end();
    const { received } = receiver;
    received.length = 0;
    await setTimeout(WHILE);
    expect(received).toEqual([]);
    await t.nest
      .get(Database)
      .transaction(async (db) =>
        t.nest
          .get(WebhooksService, { strict: false })
          .update(db, await requireWebhook(db, null, id), { status: 'ENABLED' }, null),
      );
    await receiver.events(2);
    expect(groupsAt(receiver).toSorted()).toEqual(['g0', 'later0']);
  });

  it('with 410 is disabled at once', async () => {
    receiver.answer = (response) => response.writeHead(410).end();
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(1);
    expect(await shownOnce(id, ({ status }) => status === 'DISABLED')).toMatchObject({ disabledReason: 'GONE' });
    expect(receiver.received).toHaveLength(1);
  });

  it('by not answering delays no other', async () => {
    const dead = await newReceiver();
    dead.answer = () => undefined;
    const { id } = await newWebhook(t, admin, { url: dead.url, events: ['GROUP_CHANGED'] });
    await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(100);
    await receiver.events(100, 14_000);
    expect(await shown(id)).toMatchObject({ failures: 0 });
    expect(dead.received.length).toBeGreaterThan(0);
    expect(dead.received.length).toBeLessThan(33);
  });
});

describe('a webhook', () => {
  it('that is disabled gets nothing, and goes on where it stopped', async () => {
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(1, 'before');
    await receiver.events(1);
    await send('PUT', `/webhook/${id}`, { status: 'DISABLED' });
    await setTimeout(WHILE);
    await record(1, 'meanwhile');
    await setTimeout(WHILE);
    expect(groupsAt(receiver)).toEqual(['before0']);
    await send('PUT', `/webhook/${id}`, { status: 'ENABLED' });
    await receiver.events(2);
    expect(groupsAt(receiver)).toContain('meanwhile0');
  });

  it('gets a part of the record again, with the same IDs, and what is new meanwhile', async () => {
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(3, 'before');
    await setTimeout(20);
    const from = new Date();
    await record(3, 'again');
    await setTimeout(20);
    const to = new Date();
    await record(3, 'after');
    await receiver.events(9);
    const first = receiver.received.splice(0);
    await send('POST', `/webhook/${id}/replay`, { from: from.toISOString(), to: to.toISOString() });
    await record(1, 'new');
    await receiver.events(4);
    await shownOnce(id, ({ replay }) => replay === undefined);
    expect(groupsAt(receiver).toSorted()).toEqual(['again0', 'again1', 'again2', 'new0']);
    for (const { id: again, data } of receiver.received.filter((one) => one.data.group !== 'new0'))
      expect(first.find((one) => one.data.group === data.group)!.id).toBe(again);
  });

  it('has another address from a change on', async () => {
    const { id } = await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
    await record(1);
    await receiver.events(1);
    const other = await newReceiver();
    await send('PUT', `/webhook/${id}`, { url: other.url });
    await setTimeout(WHILE);
    await record(1, 'other');
    await other.events(1);
    expect(groupsAt(other)).toEqual(['other0']);
    expect(groupsAt(receiver)).toEqual(['g0']);
  });
});

it('two instances share the webhooks: each event is sent once, and the one that is left goes on', async () => {
  const second = await TestApp.startOnSameDatabase();
  const all = [receiver, await newReceiver(), await newReceiver(), await newReceiver()];
  for (const { url } of all) await newWebhook(t, admin, { url, events: ['GROUP_CHANGED'] });
  await record(60);
  for (const one of all) {
    await one.events(60);
    expect(one.received).toHaveLength(60);
  }
  await second.nest.close();
  await record(20, 'after');
  for (const one of all) {
    await one.events(80);
    expect(one.ids.size).toBe(80);
  }
});
