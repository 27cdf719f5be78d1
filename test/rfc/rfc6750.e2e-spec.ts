import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.js';
import { newScene, newTokens } from '../support/oauth.js';
import type { Scene } from '../support/oauth.js';

let t: TestApp;
let scene: Scene;
let token: string;

beforeAll(async () => {
  t = await TestApp.start();
  scene = await newScene(t);
  token = (await newTokens(scene)).access_token;
});
afterAll(() => t.stop());

async function outcomeOf(path: string, options: Parameters<TestApp['call']>[1] = {}): Promise<[number, string | null]> {
  const { status, headers } = await t.call(`/api/2.1.1${path}`, options);
  return [status, headers.get('www-authenticate')];
}

describe('RFC 6750: bearer tokens', () => {
  it.each(['Bearer T', 'bearer T', 'BEARER T', 'OAuth T', 'Bearer   T'])('2.1: are taken from %j', async (header) => {
    const authorization = header.replace(/T$/, token);
    expect(await outcomeOf('/user', { headers: { authorization } })).toEqual([200, null]);
  });

  it('2.2, 2.3: are taken neither from the body nor from the query string', async () => {
    expect((await outcomeOf(`/user?access_token=${token}`))[0]).toBe(401);
    const body = new URLSearchParams({ access_token: token }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await outcomeOf('/user', { method: 'PUT', headers, body }))[0]).toBe(401);
  });

  it('3.1: no error attribute without credentials', async () => {
    expect(await outcomeOf('/user')).toEqual([401, 'Bearer realm="latchkey"']);
  });

  it.each(['Bearer x', 'Bearer a.b.c', `Bearer ${'x'.repeat(5000)}`])(
    '3.1: invalid_token for %.20j',
    async (authorization) => {
      const [status, challenge] = await outcomeOf('/user', { headers: { authorization } });
      expect(status).toBe(401);
      expect(challenge).toMatch(/^Bearer realm="latchkey", error="invalid_token", error_description="[^"]+"$/);
    },
  );
});
