import { describe, expect, it } from '@jest/globals';
import { PUBLIC_URL } from '../../support/app.js';
import { compact, decode } from '../../support/forge.js';
import type { Jwt } from '../../support/forge.js';
import {
  ACCEPTED,
  KINDS,
  REFUSED,
  caller,
  forBoth,
  good,
  keys,
  parts,
  present,
  presentBoth,
  setUp,
  signer,
  t,
  user,
} from './setup.js';
import type { Kind } from './setup.js';

setUp();

describe('S9: the shape', () => {
  interface Shape {
    what: string;
    forge: (token: Jwt, text: string, kind: Kind) => string;
  }
  const SHAPES: Shape[] = [
    { what: 'one word', forge: () => 'token' },
    { what: 'dots', forge: () => '..' },
    { what: 'three empty objects', forge: () => 'e30.e30.e30' },
    { what: 'a token without its header', forge: (_, text) => text.slice(text.indexOf('.')) },
    { what: 'a token without its payload', forge: (_, text) => `${parts(text)[0]}..${parts(text)[2]}` },
    { what: 'a token without its signature', forge: (_, text) => text.slice(0, text.lastIndexOf('.') + 1) },
    { what: 'a token without its signature and the dot', forge: (_, text) => text.slice(0, text.lastIndexOf('.')) },
    { what: 'half a token', forge: (_, text) => text.slice(0, text.length / 2) },
    { what: 'a token twice', forge: (_, text) => `${text}.${text}` },
    { what: 'a token with a fourth part', forge: (_, text) => `${text}.e30` },
    { what: 'a token with five parts', forge: (_, text) => `${text}.e30.e30` },
    { what: 'a token with a dot behind it', forge: (_, text) => `${text}.` },
    { what: 'a token with padding behind it', forge: (_, text) => `${text}=` },
    { what: 'a token with a character of another alphabet', forge: (_, text) => `${text.slice(0, -4)}+/+/` },
    { what: 'a token in quotes', forge: (_, text) => `"${text}"` },
    { what: 'a token with a space inside', forge: (_, text) => text.replace('.', ' .') },
    { what: 'a header that is not JSON', forge: ({ payload }, _, kind) => compact('alg=HS256', payload, signer(kind)) },
    {
      what: 'a header that is half of one',
      forge: ({ header, payload }, _, kind) => compact(JSON.stringify(header).slice(0, -1), payload, signer(kind)),
    },
    { what: 'an empty header', forge: ({ payload }, _, kind) => compact({}, payload, signer(kind)) },
    { what: 'a header in a list', forge: ({ header, payload }, _, kind) => compact([header], payload, signer(kind)) },
    {
      what: 'a list of names and values as header',
      forge: ({ header, payload }, _, kind) => compact(Object.entries(header), payload, signer(kind)),
    },
    { what: 'null as header', forge: ({ payload }, _, kind) => compact('null', payload, signer(kind)) },
    { what: 'a number as header', forge: ({ payload }, _, kind) => compact('1', payload, signer(kind)) },
    {
      what: 'a text as header',
      forge: ({ header, payload }, _, kind) => compact(JSON.stringify(JSON.stringify(header)), payload, signer(kind)),
    },
    {
      what: 'a header behind a byte order mark',
      forge: ({ header, payload }, _, kind) => compact(`\ufeff${JSON.stringify(header)}`, payload, signer(kind)),
    },
    { what: 'a payload that is not JSON', forge: ({ header }, _, kind) => compact(header, 'sub=1', signer(kind)) },
    { what: 'an empty payload', forge: ({ header }, _, kind) => compact(header, {}, signer(kind)) },
    { what: 'null as payload', forge: ({ header }, _, kind) => compact(header, 'null', signer(kind)) },
    { what: 'a number as payload', forge: ({ header }, _, kind) => compact(header, '1', signer(kind)) },
    { what: 'a payload in a list', forge: ({ header, payload }, _, kind) => compact(header, [payload], signer(kind)) },
    {
      what: 'a text as payload',
      forge: ({ header, payload }, _, kind) => compact(header, JSON.stringify(JSON.stringify(payload)), signer(kind)),
    },
    {
      what: 'more than 4096 characters',
      forge: ({ header, payload }, _, kind) => compact(header, { ...payload, more: 'x'.repeat(4_096) }, signer(kind)),
    },
    {
      what: 'the JSON serialization of a JWS',
      forge: (_, text) =>
        JSON.stringify({ protected: parts(text)[0], payload: parts(text)[1], signature: parts(text)[2] }),
    },
  ];

  it.each(forBoth(SHAPES))('S9: a $kind that is $what is refused', async ({ kind, forge }) => {
    expect(await presentBoth(kind, (token, text) => forge(token, text, kind))).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it.each<{ what: string; around: (text: string) => string }>([
    { what: 'empty', around: () => '' },
    { what: 'a space', around: () => ' ' },
    { what: 'a line break', around: () => '\r\n' },
    { what: 'a good one behind a space', around: (text) => ` ${text}` },
    { what: 'a good one before a space', around: (text) => `${text} ` },
    { what: 'a good one before a line break', around: (text) => `${text}\n` },
    { what: 'a good one behind the scheme', around: (text) => `Bearer ${text}` },
    { what: 'a good one before a soft hyphen', around: (text) => `${text}\u00ad` },
    { what: 'a good one in wide letters', around: (text) => text.replaceAll('e', '\uff45') },
  ])('S9: a login token that is $what is refused', async ({ around }) => {
    expect(await presentBoth('login token', (_, text) => around(text))).toEqual([
      REFUSED['login token'],
      ACCEPTED['login token'],
    ]);
  });

  it.each<{ what: string; around: (text: string) => string }>([
    { what: 'NUL', around: () => '\0' },
    { what: 'a good one before NUL', around: (text) => `${text}\0` },
  ])('S9: a login token that is $what is no text, and refused', async ({ around }) => {
    const [refused, accepted] = await presentBoth('login token', (_, text) => around(text));
    expect(refused).toEqual({ status: 400, id: 'invalid_request', error: undefined, cookies: 0 });
    expect(accepted).toEqual(ACCEPTED['login token']);
  });

  it.each([
    { what: 'two tokens', credentials: (token: string) => `Bearer ${token} ${token}` },
    { what: 'a token and a comma', credentials: (token: string) => `Bearer ${token},` },
    { what: 'a token as a parameter', credentials: (token: string) => `Bearer token="${token}"` },
    { what: 'the scheme twice', credentials: (token: string) => `Bearer Bearer ${token}` },
  ])('S9: $what behind the scheme are refused as a wrong token', async ({ credentials }) => {
    const { status, body, headers } = await t.call('/api/2.1.1/user/self', {
      headers: { authorization: credentials(caller.token) },
    });
    expect({ status, id: body.id }).toEqual({ status: 401, id: 'not_authenticated' });
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it.each([
    { what: 'nothing', authorization: () => '' },
    { what: 'the scheme alone', authorization: () => 'Bearer' },
    { what: 'the scheme and spaces', authorization: () => 'Bearer   ' },
    { what: 'a token without a scheme', authorization: (token: string) => token },
    { what: 'a token under another scheme', authorization: (token: string) => `Token ${token}` },
    {
      what: 'a token as a password',
      authorization: (token: string) => `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
    },
    { what: 'a token without a space before it', authorization: (token: string) => `Bearer${token}` },
  ])('S9: $what in the header is no credential', async ({ authorization }) => {
    const { status, body, headers } = await t.call('/api/2.1.1/user/self', {
      headers: { authorization: authorization(caller.token) },
    });
    expect({ status, id: body.id, challenge: headers.get('www-authenticate') }).toEqual({
      status: 401,
      id: 'not_authenticated',
      challenge: 'Bearer realm="latchkey"',
    });
  });
});

describe('S11: the kinds', () => {
  const TYPES: Record<Kind, string> = { 'login token': 'login+jwt', 'bearer token': 'at+jwt' };
  const AUDIENCES: Record<Kind, string> = { 'login token': `${PUBLIC_URL}/login`, 'bearer token': `${PUBLIC_URL}/api` };

  const MIXTURES = KINDS.flatMap((door) =>
    KINDS.flatMap((key) => KINDS.flatMap((typ) => KINDS.map((aud) => ({ door, key, typ, aud })))),
  );

  it.each(MIXTURES)(
    'S11: with the key of a $key, the type of a $typ and the audience of a $aud, only three of one kind count as a $door',
    async ({ door, key, typ, aud }) => {
      const { payload } = decode(await good(door));
      const { alg } = decode(await good(key)).header;
      const token = compact(
        { alg, typ: TYPES[typ], kid: keys[key].kid },
        { ...payload, aud: AUDIENCES[aud] },
        signer(key),
      );
      expect(await present(door, token)).toEqual(
        [key, typ, aud].every((one) => one === door) ? ACCEPTED[door] : REFUSED[door],
      );
    },
  );

  it.each(
    forBoth(
      [
        'JWT',
        'jwt',
        'LOGIN+JWT',
        'AT+JWT',
        'application/at+jwt',
        'application/login+jwt',
        'refresh+jwt',
        'rt+jwt',
        'id_token',
        'secevent+jwt',
        'client-authentication+jwt',
        'at+jwt ',
        ' login+jwt',
      ].map((typ) => ({ typ })),
    ),
  )('S11: a $kind of the type "$typ" is refused', async ({ kind, typ }) => {
    expect(
      await presentBoth(kind, ({ header, payload }) => compact({ ...header, typ }, payload, signer(kind))),
    ).toEqual([REFUSED[kind], ACCEPTED[kind]]);
  });

  it('S11: a login token opens no API route, and is not consumed by the attempt', async () => {
    const token = await good('login token');
    for (const path of [
      `/access/${user}`,
      '/user',
      '/user/self',
      `/user/${user}`,
      '/organization',
      '/organization/self',
    ]) {
      for (const scheme of ['Bearer', 'OAuth']) {
        const { status, body } = await t.as({ token })(path, { headers: { authorization: `${scheme} ${token}` } });
        expect({ path, scheme, status, id: body.id }).toEqual({ path, scheme, status: 401, id: 'not_authenticated' });
      }
    }
    expect(await present('login token', token)).toEqual(ACCEPTED['login token']);
  });

  it.each(['token', 'oauth_token'])('S11: a bearer token signs nobody in as %s', async (name) => {
    const { status, body, headers } = await t.call(`/login?${name}=${caller.token}`, {
      headers: { accept: 'application/json' },
    });
    expect({ status, id: body.id, cookies: headers.getSetCookie() }).toEqual({
      status: 401,
      id: 'invalid_token',
      cookies: [],
    });
  });
});
