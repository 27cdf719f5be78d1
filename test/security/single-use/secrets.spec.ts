import { describe, expect, it, jest } from '@jest/globals';
import { hashSecret, newClientId, newId, newSecret } from '../../../src/common/id.js';
import { KeyRing } from '../../../src/tokens/key-ring.js';
import { cookieOf } from '../../support/app.js';
import type { Answer } from '../../support/app.js';
import { decode } from '../../support/forge.js';
import { caller, idOf, secretOf, setUp, t, user } from './setup.js';

setUp();

type SecretName = 'login token' | 'bearer token' | 'session' | 'https-only session';

async function makeSecrets(): Promise<Record<SecretName, string>> {
  return {
    'login token': await t.loginToken(caller, user.id),
    'bearer token': caller.token,
    session: secretOf(await t.signIn(caller, user.id)),
    'https-only session': secretOf(await t.signIn(caller, user.id, '?security=ssl')),
  };
}

describe('S6: each secret at each door', () => {
  const json = { accept: 'application/json' };
  const self = '/api/2.1.1/user/self';

  /** A door, the one secret that opens it, and the status it then answers with. */
  const DOORS: {
    door: string;
    key: SecretName | null;
    opened: number;
    closed: number;
    knock: (secret: string) => Promise<Answer>;
  }[] = [
    {
      door: '/login?token=',
      key: 'login token',
      opened: 303,
      closed: 401,
      knock: (s) => t.call(`/login?token=${s}`, { headers: json }),
    },
    {
      door: '/login?oauth_token=',
      key: 'login token',
      opened: 303,
      closed: 401,
      knock: (s) => t.call(`/login?oauth_token=${s}`, { headers: json }),
    },
    {
      door: '/login with Authorization',
      key: null,
      opened: 303,
      closed: 400,
      knock: (s) => t.call('/login', { headers: { ...json, authorization: `Bearer ${s}` } }),
    },
    {
      door: '/login?code=',
      key: null,
      opened: 303,
      closed: 400,
      knock: (s) => t.call(`/login?code=${s}`, { headers: json }),
    },
    {
      door: 'the API with Bearer',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: 'the API with OAuth',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `OAuth ${s}` } }),
    },
    {
      door: 'the access call with Bearer',
      key: 'bearer token',
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/api/2.1.1/access/${user.id}`, { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: 'the API with Basic',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { authorization: `Basic ${Buffer.from(`${s}:`).toString('base64')}` } }),
    },
    {
      door: 'the API with ?access_token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`${self}?access_token=${s}`),
    },
    {
      door: 'the API with ?token= and ?oauth_token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/api/2.1.1/access/${user.id}?token=${s}&oauth_token=${s}`),
    },
    {
      door: 'the API with cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(self, { headers: { cookie: `latchkey=${s}; __Host-latchkey=${s}` } }),
    },
    {
      door: 'the access call with cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) =>
        t.call(`/api/2.1.1/access/${user.id}`, { headers: { cookie: `latchkey=${s}; __Host-latchkey=${s}` } }),
    },
    {
      door: '/session with latchkey',
      key: 'session',
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { cookie: `latchkey=${s}` } }),
    },
    {
      door: '/session with __Host-latchkey',
      key: 'https-only session',
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { cookie: `__Host-latchkey=${s}` } }),
    },
    {
      door: '/session with other cookies',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) =>
        t.call('/session', { headers: { cookie: `session=${s}; token=${s}; Latchkey=${s}; __host-latchkey=${s}` } }),
    },
    {
      door: '/session with Bearer',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call('/session', { headers: { authorization: `Bearer ${s}` } }),
    },
    {
      door: '/session?token=',
      key: null,
      opened: 200,
      closed: 401,
      knock: (s) => t.call(`/session?token=${s}&oauth_token=${s}`),
    },
  ];
  const PAIRS = (['login token', 'bearer token', 'session', 'https-only session'] as const).flatMap((secret) =>
    DOORS.map(({ door, key, opened, closed, knock }) => ({
      secret,
      door,
      status: secret === key ? opened : closed,
      knock,
    })),
  );

  it.each(PAIRS)('S6: a $secret at $door is answered with $status', async ({ secret, status, knock }) => {
    expect((await knock((await makeSecrets())[secret])).status).toBe(status);
  });

  it('S6: no secret is used up or ended at a wrong door', async () => {
    const secrets = await makeSecrets();
    const rightDoors: Record<SecretName, string> = {
      'login token': '/login?token=',
      'bearer token': 'the API with Bearer',
      session: '/session with latchkey',
      'https-only session': '/session with __Host-latchkey',
    };
    for (const { secret, status, knock } of PAIRS) {
      if (status >= 400) await knock(secrets[secret]);
    }
    const answers = await Promise.all(
      DOORS.filter(({ door, key }) => key && rightDoors[key] === door).map(({ key, knock }) => knock(secrets[key!])),
    );
    expect(answers.map(({ status }) => status)).toEqual([303, 200, 200, 200]);
  });
});

function bits(bytes: Buffer): number[] {
  return [...bytes].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> i) & 1));
}

/** The bits that are not 1 in about half of the samples; none of 256 is in 10^20 runs. */
function biased(samples: Buffer[]): number[] {
  const ones = samples.map(bits).reduce((sums, sample) => sums.map((sum, i) => sum + sample[i]!));
  return ones.flatMap((sum, i) => (Math.abs(sum / samples.length - 0.5) < 0.12 ? [] : [i]));
}

describe('S8: secrets', () => {
  const SAMPLES = 2_000;

  it.each([
    { what: 'a secret', make: newSecret, encoding: 'base64url' as const, bytes: 32 },
    { what: 'an id', make: newId, encoding: 'base64url' as const, bytes: 16 },
    { what: 'a client id', make: newClientId, encoding: 'hex' as const, bytes: 16 },
  ])('S8: $what is $bytes bytes in which every bit is random', ({ make, encoding, bytes }) => {
    const samples = Array.from({ length: SAMPLES }, () => Buffer.from(make(), encoding));
    expect([...new Set(samples.map(({ length }) => length))]).toEqual([bytes]);
    expect(new Set(samples.map((sample) => sample.toString('hex'))).size).toBe(SAMPLES);
    expect(biased(samples)).toEqual([]);
  });

  it('S8: neither Math.random nor the clock decides what a secret is', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const now = t.clock.now();
    jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(now));
    const tokens = [await t.loginToken(caller, user.id), await t.loginToken(caller, user.id)];
    expect(idOf(tokens[0]!)).not.toBe(idOf(tokens[1]!));
    const cookies = [cookieOf(await t.login(tokens[0]!)), cookieOf(await t.login(tokens[1]!))];
    expect(cookies[0]).not.toBe(cookies[1]);
  });

  it('S8: the secret of a session cookie is 256 bits that have nothing to do with the token, the user or an earlier one', async () => {
    const tokens = await Promise.all(Array.from({ length: 30 }, () => t.loginToken(caller, user.id)));
    const values = (await Promise.all(tokens.map((token) => t.login(token)))).map((answer) =>
      secretOf(cookieOf(answer)),
    );
    const secrets = values.map((value) => value.split('.')[1]!);
    expect(secrets).toEqual(secrets.map(() => expect.stringMatching(/^[\w-]{43}$/)));
    expect(new Set(secrets).size).toBe(30);
    const derived = new Set(
      tokens.flatMap((token) => [token, token.split('.')[2]!, idOf(token), user.id, caller.id].map(hashSecret)),
    );
    expect(secrets.filter((secret) => derived.has(secret))).toEqual([]);
    const columns = Array.from({ length: 42 }, (_, i) => new Set(secrets.map((secret) => secret[i])).size);
    expect(Math.min(...columns)).toBeGreaterThan(5);
  });

  it('S8: a login token tells of its user nothing but the id', async () => {
    const { body } = await t.as(caller)(`/access/${user.id}`);
    const { header, payload } = decode(body.token);
    expect(Object.keys(header)).toEqual(['alg', 'typ', 'kid']);
    expect(Object.keys(payload).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'act',
      'aud',
      'authorities',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'scope',
      'sub',
    ]);
    expect(payload.jti).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(JSON.stringify([header, payload])).not.toMatch(/wilhelmina|kuiper/i);
  });

  it('S8: the keys have 256 bits, and none signs two kinds of token', () => {
    const ring = t.nest.get(KeyRing, { strict: false });
    const [login, access] = [ring.signing('LOGIN'), ring.signing('ACCESS')];
    expect({ algorithm: login.algorithm, bytes: login.signing.symmetricKeySize }).toEqual({
      algorithm: 'HS256',
      bytes: 32,
    });
    expect({ algorithm: access.algorithm, ...access.signing.asymmetricKeyDetails }).toEqual({
      algorithm: 'ES256',
      namedCurve: 'prime256v1',
    });
    expect(access.kid).not.toBe(login.kid);
  });
});
