import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { TestApp } from './support/app.js';
let t: TestApp;
beforeAll(async () => { t = await TestApp.start(); });
afterAll(() => t.stop());
it('lets a user in', async () => {
  const caller = await t.world.caller();
  const { id } = await t.world.userOf(caller);
  const a = await t.as(caller)(`/access/${id}`);
  expect(a.status).toBe(200);
  const l = await t.login(a.body.token);
  expect(l.status).toBe(303);
  expect((await t.login(a.body.token)).body.id).toBe('token_used');
});
