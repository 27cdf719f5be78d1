import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { AuditService } from '../../src/audit/audit.service.js';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { WebhookDeliveryService } from '../../src/webhooks/webhook-delivery.service.js';
import { TestApp } from '../support/app.js';
import { Instance } from '../support/instance.js';
import { newWebhook, WebhookReceiver } from '../support/webhook-receiver.js';

const EVENTS = 300;
/** Seconds after which another instance takes over. */
const LEASE_SECONDS = 15;

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

it('kill -9 in the middle loses no event, and those that come twice have the same ID and text', async () => {
  const ticking = jest.spyOn(t.nest.get(WebhookDeliveryService) as unknown as { tick: () => void }, 'tick');
  ticking.mockReturnValue();
  const admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  const receiver = await WebhookReceiver.start();
  receiver.answer = (response) => void setTimeout(50).then(() => response.writeHead(204).end());
  await newWebhook(t, admin, { url: receiver.url, events: ['GROUP_CHANGED'] });
  const instance = await Instance.start();
  for (let n = 0; n < EVENTS; n++)
    await t.nest.get(AuditService).write({
      event: 'GROUP_CHANGED',
      organizationId: admin.organizationId,
      by: { userId: admin.id, clientId: admin.clientId },
      groupId: `g${n}`,
    });
  await receiver.events(EVENTS / 3);
  await instance.stop('SIGKILL');
  const before = receiver.received.length;
  expect(before).toBeLessThan(EVENTS);
  t.clock.advance(LEASE_SECONDS + 1);
  ticking.mockRestore();
  await receiver.events(EVENTS);
  expect(receiver.ids.size).toBe(EVENTS);
  expect(new Set(receiver.received.map(({ data }) => data.group)).size).toBe(EVENTS);
  const texts = new Map(receiver.received.map(({ id, text }) => [id, text]));
  for (const { id, text } of receiver.received) expect(text).toBe(texts.get(id));
  await receiver.stop();
});
