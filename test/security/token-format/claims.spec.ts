import { readLoginId } from '../../../src/common/login-id.js';
import { describe, expect, it, jest } from '@jest/globals';
import type { LoginToken } from '../../../src/schema/entities/login-token.entity.js';
import { PUBLIC_URL } from '../../support/app.js';
import { compact, decode } from '../../support/forge.js';
import { ACCEPTED, REFUSED, caller, forBoth, good, present, presentBoth, setUp, signer, t } from './setup.js';
import type { Kind, Outcome } from './setup.js';

setUp();

const EXPIRED: Record<Kind, Outcome> = {
  'login token': { status: 410, id: 'token_expired', error: undefined, cookies: 0 },
  'bearer token': REFUSED['bearer token'],
};

/** Stops the clock in this second, by default a little before it is over. */
function stopAt(second: number, milliseconds = 999): void {
  jest.spyOn(t.clock, 'now').mockImplementation(() => new Date(second * 1000 + milliseconds));
}

/** Presents a good token with other claims, in the second in which it was made. */
async function presentWith(kind: Kind, claims: (now: number) => Record<string, number>): Promise<Outcome> {
  const { header, payload } = decode(await good(kind));
  const now = payload.iat as number;
  stopAt(now);
  return present(kind, compact(header, { ...payload, ...claims(now) }, signer(kind)));
}

describe('what is signed here and changed by nothing', () => {
  it.each(forBoth([{}]))('S9: a $kind that is signed anew with the right key is accepted', async ({ kind }) => {
    const { header, payload } = decode(await good(kind));
    expect(await present(kind, compact(header, payload, signer(kind)))).toEqual(ACCEPTED[kind]);
  });
});

describe('S9: what is required', () => {
  const FORMS: { form: string; of: (value: unknown) => unknown }[] = [
    { form: 'missing', of: () => undefined },
    { form: 'null', of: () => null },
    { form: 'empty', of: () => '' },
    { form: 'of another type', of: (value) => (typeof value === 'number' ? String(value) : 4711) },
    { form: 'a list', of: (value) => [value] },
    { form: 'an object', of: (value) => ({ value }) },
    { form: 'true', of: () => true },
  ];
  const inEveryForm = (
    names: string[],
  ): { kind: Kind; name: string; form: string; of: (value: unknown) => unknown }[] =>
    forBoth(names.flatMap((name) => FORMS.map(({ form, of }) => ({ name, form, of }))));

  it.each(inEveryForm(['alg', 'typ', 'kid']))(
    'S9: a $kind whose header $name is $form is refused',
    async ({ kind, name, of }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) =>
          compact({ ...header, [name]: of(header[name]) }, payload, signer(kind)),
        ),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each(inEveryForm(['iss', 'aud', 'iat', 'exp', 'jti', 'sub', 'client_id']))(
    'S9: a $kind whose claim $name is $form is refused',
    async ({ kind, name, of }) => {
      expect(
        await presentBoth(kind, ({ header, payload }) =>
          compact(header, { ...payload, [name]: of(payload[name]) }, signer(kind)),
        ),
      ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
    },
  );

  it.each([
    { form: 'missing', act: undefined },
    { form: 'null', act: null },
    { form: 'a string', act: 'u' },
    { form: 'without a sub', act: {} },
    { form: 'of an empty sub', act: { sub: '' } },
    { form: 'of a sub of another type', act: { sub: 4711 } },
    { form: 'a list', act: [{ sub: 'u' }] },
  ])('S9: a login token whose claim act is $form is refused', async ({ act }) => {
    expect(
      await presentBoth('login token', ({ header, payload }) =>
        compact(header, { ...payload, act }, signer('login token')),
      ),
    ).toEqual([REFUSED['login token'], ACCEPTED['login token']]);
  });

  it.each(
    forBoth(
      ['exp', 'iat'].flatMap((name) =>
        ['1e400', '-1e400', '9007199254740993', '1.5', '{}'].map((number) => ({ name, number })),
      ),
    ),
  )('S9: a $kind whose $name is $number is refused', async ({ kind, name, number }) => {
    const [refused] = await presentBoth(kind, ({ header, payload }) =>
      compact(
        header,
        JSON.stringify(payload).replace(`"${name}":${payload[name] as number}`, `"${name}":${number}`),
        signer(kind),
      ),
    );
    expect(refused).toEqual(REFUSED[kind]);
  });

  it.each(
    forBoth([
      { what: 'another issuer', claims: { iss: 'https://other.example' } },
      { what: 'the issuer with a slash', claims: { iss: `${PUBLIC_URL}/` } },
      { what: 'the issuer in capitals', claims: { iss: PUBLIC_URL.toUpperCase() } },
      { what: 'the issuer with something behind it', claims: { iss: `${PUBLIC_URL}.evil.example` } },
      { what: 'a list of issuers', claims: { iss: [PUBLIC_URL, 'https://other.example'] } },
      { what: 'the issuer as audience', claims: { aud: PUBLIC_URL } },
      { what: 'the audience of another service', claims: { aud: 'https://other.example/login' } },
      { what: 'an audience below ours', claims: { aud: `${PUBLIC_URL}/login/api` } },
      { what: 'every audience', claims: { aud: [`${PUBLIC_URL}/login`, `${PUBLIC_URL}/api`] } },
      { what: 'a wildcard as audience', claims: { aud: '*' } },
    ]),
  )('S9: a $kind with $what is refused', async ({ kind, claims }) => {
    expect(
      await presentBoth(kind, ({ header, payload }) => compact(header, { ...payload, ...claims }, signer(kind))),
    ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });
});

describe('S12: the clock', () => {
  it.each([
    { end: '60 s ago', seconds: -60, outcome: EXPIRED['bearer token'] },
    { end: '59 s ago', seconds: -59, outcome: ACCEPTED['bearer token'] },
    { end: 'now', seconds: 0, outcome: ACCEPTED['bearer token'] },
  ])('S12: a bearer token that ended $end is answered with $outcome.status', async ({ seconds, outcome }) => {
    expect(await presentWith('bearer token', (now) => ({ exp: now + seconds }))).toEqual(outcome);
  });

  it.each([
    { end: '60 s ago', seconds: -60, outcome: EXPIRED['login token'] },
    { end: '1 s ago', seconds: -1, outcome: EXPIRED['login token'] },
    { end: 'now', seconds: 0, outcome: EXPIRED['login token'] },
    { end: 'in a second', seconds: 1, outcome: ACCEPTED['login token'] },
  ])('S12: a login token that ends $end is answered with $outcome.status', async ({ seconds, outcome }) => {
    expect(await presentWith('login token', (now) => ({ exp: now + seconds }))).toEqual(outcome);
  });

  it.each([
    { kind: 'login token' as const, seconds: 60, outcome: ACCEPTED },
    { kind: 'login token' as const, seconds: 61, outcome: REFUSED },
    { kind: 'login token' as const, seconds: 3_600, outcome: REFUSED },
    { kind: 'bearer token' as const, seconds: 60, outcome: ACCEPTED },
    { kind: 'bearer token' as const, seconds: 61, outcome: REFUSED },
    { kind: 'bearer token' as const, seconds: 3_600, outcome: REFUSED },
  ])('S12: a $kind made $seconds s in the future is answered as it is', async ({ kind, seconds, outcome }) => {
    expect(await presentWith(kind, (now) => ({ iat: now + seconds, exp: now + 7_200 }))).toEqual(outcome[kind]);
  });

  it('S12: a bearer token that was accepted before is refused from 60 s after its end on', async () => {
    const { exp } = decode(caller.token).payload as { exp: number };
    const answers = [];
    for (const second of [exp - 1, exp, exp + 59, exp + 60, exp + 61, exp + 59]) {
      stopAt(second);
      answers.push((await t.as(caller)('/user/self')).status);
    }
    expect(answers).toEqual([200, 200, 200, 401, 401, 200]);
  });

  it('S12: a login token works to the last moment before its end and not at its end', async () => {
    const [first, second] = [await good('login token'), await good('login token')];
    stopAt((decode(first).payload.exp as number) - 1);
    expect(await present('login token', first)).toEqual(ACCEPTED['login token']);
    stopAt(decode(second).payload.exp as number, 0);
    expect(await present('login token', second)).toEqual(EXPIRED['login token']);
  });

  it('S12: a login token that says a later end than its record has ended with the record', async () => {
    const token = await good('login token');
    const { header, payload } = decode(token);
    const forged = compact(header, { ...payload, exp: (payload.exp as number) + 60 }, signer('login token'));
    stopAt(payload.exp as number);
    expect(await present('login token', forged)).toEqual(EXPIRED['login token']);
    stopAt((payload.exp as number) - 1);
    expect(await present('login token', forged)).toEqual(ACCEPTED['login token']);
  });

  it('S12: an expired login token leaves its record alone', async () => {
    const token = await good('login token');
    const { jti, exp } = decode(token).payload as { jti: string; exp: number };
    const find = (): Promise<LoginToken | null> => t.world.loginToken(jti);
    const before = await find();
    stopAt(exp);
    expect(await present('login token', token)).toEqual(EXPIRED['login token']);
    expect(readLoginId(before!.id)).toBe(jti);
    expect(await find()).toEqual(before);
  });
});
