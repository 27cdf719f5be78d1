import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ApplicationSessionsService } from '../../src/applications/application-sessions.service.js';
import { toBytes } from '../../src/common/login-id.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { TestApp } from '../support/app.js';
import { decode } from '../support/forge.js';
import { LogoutReceiver } from '../support/logout-receiver.js';
import { newClient } from '../support/oauth.js';

let t: TestApp;
let receiver: LogoutReceiver;

beforeAll(async () => {
  t = await TestApp.start();
  receiver = await LogoutReceiver.start();
});
afterAll(async () => {
  await t.stop();
  await receiver.stop();
});

it('an application that is recorded while a transaction ends the session, which can’t see it, is told too', async () => {
  const caller = await t.world.caller();
  const { id: userId } = await t.world.userOf(caller);
  const { id: clientId } = await newClient(t, caller.organizationId);
  await t.world.write((db) => db.update(Client, { id: clientId }, { backchannelLogoutUri: receiver.url }));
  const token = await t.loginToken(caller, userId);
  await t.login(token);
  const sessionId = decode(token).payload.jti as string;
  await t.world.write(async (db) => {
    const end = `UPDATE "sessions" SET "ends_at" = $1, "end_reason" = 'LOGOUT' WHERE "id" = $2`;
    await db.query(end, [Date.now(), toBytes(sessionId)]);
    await t.nest.get(ApplicationSessionsService).record({ clientId, userId, sessionId, sid: sessionId });
    // The worker looks several times while the session seems to be live.
    await setTimeout(2_000);
  });
  t.clock.advance(10);
  expect((await receiver.first(1))[0]!.claims.sid).toBe(sessionId);
});
