import { expect, it, describe } from '@jest/globals';
import { PERMISSIONS } from '../../src/schema/entities/account-permission.entity.js';
import { WebhookKey } from '../../src/schema/entities/webhook-key.entity.js';
import { MAX_SIGNING_KEYS } from '../../src/webhooks/webhook-keys.service.js';
import { MAX_WEBHOOKS, WebhooksService } from '../../src/webhooks/webhooks.service.js';
import { admin, by, itHasRecordedAllOf, recordedBy, setUp, t } from '../audit/setup.js';
import { outcome } from '../support/app.js';
import type { Answer } from '../support/app.js';
import { isSignedBy, newWebhook, verifyWith, WebhookReceiver } from '../support/webhook-receiver.js';

setUp();

const URL = 'https://receiver.example/webhooks';

function send(method: 'POST' | 'PUT' | 'DELETE', path: string, fields: object = {}, caller = admin): Promise<Answer> {
  return t.as(caller)(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
}

describe('a webhook', () => {
  it('is made with a key pair, of which the private half never leaves the service', async () => {
    const answer = await send('POST', '/webhooks', { url: URL, description: 'Reports', events: ['SESSION_ENDED'] });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      type: 'WEBHOOK',
      id: expect.stringMatching(/^[\w-]{22}$/),
      url: URL,
      description: 'Reports',
      events: ['SESSION_ENDED'],
      status: 'ENABLED',
      keys: [
        {
          id: expect.any(String),
          type: 'ED25519',
          publicKey: expect.stringMatching(/^whpk_[\w+/]{43}=$/),
          created: expect.any(String),
        },
      ],
      deliveredUntil: expect.any(String),
      failures: 0,
      organization: { type: 'ORGANIZATION', id: admin.organizationId, name: expect.any(String) },
      created: expect.any(String),
    });
    const { body } = await t.as(admin)(`/webhook/${answer.body.id}`);
    expect(body).toEqual(answer.body);
    expect((await t.as(admin)('/webhooks')).body).toEqual({ webhooks: [body] });
  });

  it('with a secret shows it once, and keeps it encrypted', async () => {
    const { body } = await send('POST', '/webhooks', { url: URL, keyType: 'HMAC' });
    expect(body.secret).toMatch(/^whsec_[\w+/]{43}=$/);
    expect((await t.as(admin)(`/webhook/${body.id}`)).text).not.toContain('whsec_');
    const [key] = await t.world.write((db) => db.findBy(WebhookKey, { endpointId: body.id }));
    expect(key!.sealedKey).not.toContain(body.secret.slice('whsec_'.length));
  });

  it.each([
    ['not https', { url: 'http://receiver.example/' }],
    ['with a user name', { url: 'https://a:b@receiver.example/' }],
    ['with a fragment', { url: 'https://receiver.example/#x' }],
    ['longer than 2000 characters', { url: `https://receiver.example/${'x'.repeat(2000)}` }],
    ['absent', {}],
    ['right, with an event that there is not', { url: URL, events: ['NOTHING'] }],
    ['right, with another kind of key', { url: URL, keyType: 'RSA' }],
  ])('is refused if its address is %s', async (_, fields) => {
    expect(outcome(await send('POST', '/webhooks', fields))).toEqual([400, 'incorrect_field']);
  });

  it('may be on loopback without TLS, for a receiver on the own machine', async () => {
    expect((await send('POST', '/webhooks', { url: 'http://localhost:4000/webhooks' })).status).toBe(200);
  });

  it('is one of twenty at most, also if several are made at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: MAX_WEBHOOKS + 4 }, () => send('POST', '/webhooks', { url: URL })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(MAX_WEBHOOKS);
    expect(answers.filter(({ body }) => body.id === 'limit_reached')).toHaveLength(4);
  });

  it.each(['MANAGE_SERVICE_ACCOUNTS', 'VIEW_AUDIT_LOG'])('is nothing for staff without %s', async (lacking) => {
    const { id } = await newWebhook(t, admin, { url: URL });
    const { organizationId } = admin;
    const permissions = PERMISSIONS.filter((permission) => permission !== lacking);
    const other = await t.world.caller({ organizationId, permissions });
    for (const call of [
      t.as(other)('/webhooks'),
      t.as(other)(`/webhook/${id}`),
      send('POST', '/webhooks', { url: URL }, other),
      send('PUT', `/webhook/${id}`, { status: 'DISABLED' }, other),
      send('POST', `/webhook/${id}/keys`, {}, other),
      send('POST', `/webhook/${id}/replay`, { from: '2026-01-11T00:00:00Z' }, other),
      send('POST', `/webhook/${id}/test`, {}, other),
      send('DELETE', `/webhook/${id}`, {}, other),
    ])
      expect(outcome(await call)).toEqual([403, 'not_permitted']);
  });

  it('gets a range of the past again only from before its end, and from before now', async () => {
    const { id } = await newWebhook(t, admin, { url: URL, status: 'DISABLED' });
    for (const range of [
      { from: '2026-01-12T00:00:00Z', to: '2026-01-11T00:00:00Z' },
      { from: '2999-01-01T00:00:00Z' },
    ])
      expect(outcome(await send('POST', `/webhook/${id}/replay`, range))).toEqual([400, 'incorrect_field']);
    const range = { from: '2026-01-11T00:00:00Z', to: '2026-01-12T00:00:00Z' };
    expect((await send('POST', `/webhook/${id}/replay`, range)).body.replay).toEqual({
      sentUntil: '2026-01-10T23:59:59Z',
      to: range.to,
    });
  });
});

describe('a test of a webhook', () => {
  it('is signed by all keys that sign, and tells what the endpoint said', async () => {
    const receiver = await WebhookReceiver.start();
    const { id, secret } = await newWebhook(t, admin, { url: receiver.url, keyType: 'HMAC', status: 'DISABLED' });
    const key = (await send('POST', `/webhook/${id}/keys`, { type: 'ED25519' })).body;
    expect((await send('POST', `/webhook/${id}/test`)).body).toEqual({ delivered: true, status: 204 });
    const [received] = receiver.received;
    expect(received).toMatchObject({ type: 'WEBHOOK_TEST', data: { webhook: id } });
    expect(received!.headers['content-type']).toBe('application/json');
    verifyWith(secret!, received!);
    expect(isSignedBy(key.publicKey, received!)).toBe(true);
    receiver.answer = (response) => response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
    expect((await send('POST', `/webhook/${id}/test`)).body).toEqual({
      delivered: false,
      status: 302,
      error: 'It answers with status 302.',
    });
    await receiver.stop();
    expect((await send('POST', `/webhook/${id}/test`)).body).toEqual({
      delivered: false,
      error: "It can't be reached: ECONNREFUSED.",
    });
  });

  it('is one of twenty a minute', async () => {
    const { id } = await newWebhook(t, admin, { url: 'http://127.0.0.1:1/', status: 'DISABLED' });
    for (let n = 0; n < 20; n++) expect((await send('POST', `/webhook/${id}/test`)).status).toBe(200);
    expect(outcome(await send('POST', `/webhook/${id}/test`))).toEqual([429, 'too_many_requests']);
  });
});

describe('a new key', () => {
  it('signs beside the old one for a day', async () => {
    const { id, keys } = await newWebhook(t, admin, { url: URL });
    const rotated = await send('POST', `/webhook/${id}/keys`);
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    // The caller's token does not last for a day.
    const shown = async (): Promise<string[]> =>
      (await t.nest.get(WebhooksService, { strict: false }).show(id)).keys.map((key) => key.id);
    expect(await shown()).toEqual([rotated.body.id, keys[0]!.id]);
    t.clock.advance(24 * 3600 + 1);
    expect(await shown()).toEqual([rotated.body.id]);
  });

  it(`is refused while ${MAX_SIGNING_KEYS} keys sign`, async () => {
    const { id } = await newWebhook(t, admin, { url: URL });
    for (let n = 1; n < MAX_SIGNING_KEYS; n++) expect((await send('POST', `/webhook/${id}/keys`)).status).toBe(200);
    expect(outcome(await send('POST', `/webhook/${id}/keys`))).toEqual([400, 'limit_reached']);
  });
});

it('the record has what was done to a webhook, and no secret', async () => {
  let id = '';
  const found = await recordedBy(async () => {
    ({ id } = await newWebhook(t, admin, { url: URL, keyType: 'HMAC' }));
    await send('PUT', `/webhook/${id}`, { url: `${URL}/2`, events: ['ACCOUNT_CREATED'] });
    await send('PUT', `/webhook/${id}`, { status: 'DISABLED' });
    await send('PUT', `/webhook/${id}`, { status: 'ENABLED' });
    await send('POST', `/webhook/${id}/keys`);
    await send('POST', `/webhook/${id}/replay`, { from: '2026-01-11T00:00:00Z' });
    await send('DELETE', `/webhook/${id}`);
  });
  const own = { ...by(admin) };
  const details = { webhook: id };
  expect(found).toEqual([
    { event: 'WEBHOOK_CREATED', ...own, details },
    { event: 'WEBHOOK_CHANGED', ...own, details: { ...details, fields: ['url', 'events'] } },
    { event: 'WEBHOOK_DISABLED', ...own, details: { ...details, reason: 'BY_ADMINISTRATOR' } },
    { event: 'WEBHOOK_CHANGED', ...own, details: { ...details, fields: ['status'] } },
    { event: 'WEBHOOK_KEY_ADDED', ...own, details: { ...details, key: expect.any(String) } },
    { event: 'WEBHOOK_REPLAYED', ...own, details },
    { event: 'WEBHOOK_DELETED', ...own, details },
  ]);
  expect(outcome(await t.as(admin)(`/webhook/${id}`))).toEqual([404, 'not_found']);
});

itHasRecordedAllOf('../webhooks/administration');
