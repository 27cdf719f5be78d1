import { describe, expect, it } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { newId } from '../../../src/common/id.js';
import { normalizeEmailAddress } from '../../../src/common/user-ref.js';
import { raw, wire } from '../../support/raw.js';
import { API, MEBIBYTE, caller, outcome, recordsFor, refusal, setUp, t } from './setup.js';

setUp();

describe('a user reference', () => {
  /** The reference of a user who may be let in, so that every way of reading it in spite of the form would answer with a token. */
  const FORMS: { of: string; path: (id: string, code: string) => string; status: number; id: string }[] = [
    { of: 'nothing', path: () => '', status: 400, id: 'missing_field' },
    { of: 'nothing behind a slash', path: () => '/', status: 400, id: 'missing_field' },
    { of: 'a parameter', path: (id) => `?user=${id}`, status: 400, id: 'missing_field' },
    { of: 'an array of parameters', path: (id) => `?user[]=${id}`, status: 400, id: 'missing_field' },
    { of: 'a blank', path: () => '/%20', status: 400, id: 'missing_field' },
    { of: 'blanks of other scripts', path: () => '/%C2%A0%E3%80%80%EF%BB%BF', status: 400, id: 'missing_field' },
    { of: 'a NUL', path: () => '/%00', status: 400, id: 'invalid_request' },
    { of: 'a NUL behind it', path: (id) => `/${id}%00`, status: 400, id: 'invalid_request' },
    { of: 'a NUL before it', path: (id) => `/%00${id}`, status: 400, id: 'invalid_request' },
    { of: 'a line break behind it', path: (id) => `/${id}%0D%0A`, status: 400, id: 'missing_field' },
    { of: 'a deletion in it', path: (id) => `/${id}%7F`, status: 400, id: 'missing_field' },
    { of: 'a space behind it', path: (id) => `/${id}%20`, status: 404, id: 'unknown_user' },
    { of: 'a zero-width space behind it', path: (id) => `/${id}%E2%80%8B`, status: 404, id: 'unknown_user' },
    { of: 'a byte order mark before it', path: (id) => `/%EF%BB%BF${id}`, status: 404, id: 'unknown_user' },
    { of: 'a direction mark in it', path: (id) => `/%E2%80%AE${id}`, status: 404, id: 'unknown_user' },
    { of: 'an asterisk', path: () => '/*', status: 404, id: 'unknown_user' },
    { of: 'a pattern', path: (id) => `/${id.slice(0, 21)}%25`, status: 404, id: 'unknown_user' },
    { of: 'an array', path: (id) => `/[]=${id}`, status: 404, id: 'unknown_user' },
    { of: 'a JSON array', path: (id) => `/%5B%22${id}%22%5D`, status: 404, id: 'unknown_user' },
    { of: 'two, joined by a comma', path: (id) => `/${id},${id}`, status: 404, id: 'unknown_user' },
    { of: 'SQL', path: (id) => `/${id}%27%20OR%20%271%27=%271`, status: 404, id: 'unknown_user' },
    { of: 'a name of a prototype', path: () => '/__proto__', status: 404, id: 'unknown_user' },
    { of: 'a dot segment', path: () => '/..', status: 404, id: 'unknown_user' },
    { of: 'an encoded dot segment', path: () => '/%2E%2E', status: 404, id: 'unknown_user' },
    {
      of: 'a doubly encoded letter',
      path: (id) => `/%25${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
      status: 404,
      id: 'unknown_user',
    },
    {
      of: 'an overlong UTF-8 form of its first letter',
      path: (id) => `/${overlong(id)}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'its full-width form', path: (id) => `/${fullWidth(id)}`, status: 404, id: 'unknown_user' },
    {
      of: 'UTF-16',
      path: (id) => `/%FE%FF${[...id].map((letter) => `%00${letter}`).join('')}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'bytes that are no UTF-8', path: (id) => `/${id}%FF`, status: 400, id: 'invalid_request' },
    { of: 'a lone high surrogate', path: (id) => `/${id}%ED%A0%80`, status: 400, id: 'invalid_request' },
    { of: 'a lone low surrogate', path: (id) => `/%ED%B0%80${id}`, status: 400, id: 'invalid_request' },
    { of: 'a pair of encoded surrogates', path: () => '/%ED%A0%BD%ED%B8%80', status: 400, id: 'invalid_request' },
    { of: 'half a percent sequence', path: (id) => `/${id}%`, status: 400, id: 'invalid_request' },
    {
      of: 'a percent sequence of another server',
      path: (id) => `/%u00${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
      status: 400,
      id: 'invalid_request',
    },
    { of: 'a third-party ID that is missing', path: (_, code) => `/${code}$`, status: 400, id: 'missing_field' },
    { of: 'a blank third-party ID', path: (_, code) => `/${code}/%20`, status: 400, id: 'missing_field' },
    { of: 'a third party that is missing', path: () => '/$4711', status: 400, id: 'missing_field' },
    { of: 'a blank third party', path: () => '/%20/4711', status: 400, id: 'missing_field' },
    { of: 'a third party with a NUL', path: (_, code) => `/${code}%00/4711`, status: 400, id: 'invalid_request' },
    { of: 'a third-party ID with a NUL', path: (_, code) => `/${code}/4711%00`, status: 400, id: 'invalid_request' },
    {
      of: 'a third-party ID with a lone surrogate',
      path: (_, code) => `/${code}/4711%ED%A0%80`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a third-party ID with bytes that are no UTF-8',
      path: (_, code) => `/${code}%244711%FF`,
      status: 400,
      id: 'invalid_request',
    },
    {
      of: 'a third-party ID with a space behind it',
      path: (_, code) => `/${code}/4711%20`,
      status: 404,
      id: 'unknown_user',
    },
    { of: 'an array of third-party IDs', path: (_, code) => `/${code}/[]=4711`, status: 404, id: 'unknown_user' },
    { of: 'three segments', path: (_, code) => `/${code}/4711/x`, status: 404, id: 'not_found' },
    { of: '321 characters', path: () => `/${'x'.repeat(321)}`, status: 400, id: 'missing_field' },
    { of: '8 KiB', path: () => `/${'x'.repeat(8 * 1024)}`, status: 400, id: 'missing_field' },
    {
      of: 'a third-party ID of 8 KiB',
      path: (_, code) => `/${code}/${'x'.repeat(8 * 1024)}`,
      status: 400,
      id: 'missing_field',
    },
    {
      of: 'an e-mail address of 8 KiB',
      path: () => `/${'x'.repeat(8 * 1000)}@example.com`,
      status: 400,
      id: 'missing_field',
    },
  ];

  it.each(FORMS)('S13: answers $status $id for $of', async ({ path, status, id }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: user } = await t.world.userOf(caller, { thirdPartyId: [code, '4711'] });
    const answer = await raw(t.url, `${API}/access${path(user, code)}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect(outcome(answer)).toEqual(refusal(status, id));
    expect(answer.body).toEqual({ id, description: expect.stringMatching(/\w/) });
    expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    expect(await recordsFor(user)).toBe(0);
  });

  it('S13: answers 4xx for a reference that the router does not take, and does not send it back', async () => {
    const reference = 'someone'.repeat(2000);
    const answer = await raw(t.url, `${API}/access/${reference}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    expect(outcome(answer)).toEqual(refusal(414, 'invalid_request'));
    expect(answer.text).not.toContain('someone');
  });

  it.each([
    { of: '1 MiB', path: `/${MEBIBYTE}`, status: 431 },
    { of: 'a third-party ID of 1 MiB', path: `/LMS/${MEBIBYTE}`, status: 431 },
    { of: 'a NUL byte', path: '/a\0b', status: 400 },
    { of: 'a tab', path: '/a\tb', status: 400 },
    { of: 'bytes above ASCII', path: '/\xd0\xb0', status: 400 },
  ])('S13: answers $status on the wire for $of', async ({ path, status }) => {
    const answer = await wire(
      t.url,
      `GET ${API}/access${path} HTTP/1.1\r\nHost: latchkey.test\r\nAuthorization: Bearer ${caller.token}\r\nConnection: close\r\n\r\n`,
    );
    expect(outcome(answer)).toEqual(refusal(status, 'invalid_request'));
    expect(answer.body).toEqual({ id: 'invalid_request', description: expect.stringMatching(/\w/) });
  });
});

describe('references that look like one another', () => {
  it('S14: a third-party ID that is the ID of another user names the user of the third party', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller);
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, first] });
    expect(await named(first)).toBe(first);
    expect(await named(`${code}/${first}`)).toBe(second);
    expect(await named(`${code}$${first}`)).toBe(second);
  });

  it('S14: a third-party ID that is the e-mail address of another user names the user of the third party', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const address = `${newId().toLowerCase()}@academy.example`;
    const { id: first } = await t.world.userOf(caller, { emailAddress: address });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, address] });
    expect(await named(address)).toBe(first);
    expect(await named(`${code}/${address}`)).toBe(second);
    expect(await named(`${code}%24${encodeURIComponent(address)}`)).toBe(second);
  });

  it('S14: what reads as a third-party ID is never an e-mail address', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const address = `${code.toLowerCase()}$4711@academy.example`;
    const { id: first } = await t.world.userOf(caller, { emailAddress: address });
    expect(await named(first)).toBe(first);
    expect(await named(address)).toBe('unknown_user');
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, '4711@academy.example'] });
    expect(await named(address.replace(code.toLowerCase(), code))).toBe(second);
    expect(await named(address)).toBe('unknown_user');
  });

  it('S14: what has an @ is never a user ID, and what has none is never an e-mail address', async () => {
    const local = newId().toLowerCase();
    const { id } = await t.world.userOf(caller, { emailAddress: `${local}@academy.example` });
    expect(await named(`${id}@`)).toBe('unknown_user');
    expect(await named(`${id}@academy.example`)).toBe('unknown_user');
    expect(await named(local)).toBe('unknown_user');
    expect(await named(`${local}@`)).toBe('unknown_user');
  });

  it('S14: self is the caller, whatever a third party calls somebody', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [code, 'self'] });
    expect(await named('self')).toBe('not_authorized');
    expect(await named(`${code}/self`)).toBe(id);
  });

  it('S14: the same ID at two third parties is two users', async () => {
    const [one, other] = [
      await t.world.thirdParty(caller.organizationId),
      await t.world.thirdParty(caller.organizationId),
    ];
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [one, '4711'] });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [other, '4711'] });
    expect([await named(`${one}/4711`), await named(`${other}/4711`)]).toEqual([first, second]);
  });

  it('S14: the third party ends at the first dollar sign', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [code, `${code}$1`] });
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, '1'] });
    expect([await named(`${code}$${code}$1`), await named(`${code}/${code}$1`), await named(`${code}$1`)]).toEqual([
      first,
      first,
      second,
    ]);
    expect(await named(`${code}$${code}/1`)).toBe('missing_field');
  });

  it.each([
    { of: 'case', one: 'Klas', other: 'klas' },
    { of: 'a space behind it', one: '14', other: '14 ' },
    { of: 'a zero before it', one: '14', other: '014' },
    { of: 'a Cyrillic letter', one: 'data', other: 'dаta' },
    { of: 'the composition of a letter', one: 'Zo\u00e9', other: 'Zoe\u0301' },
    { of: 'a percent sequence', one: 'a b', other: 'a%20b' },
    { of: 'full-width digits', one: '14', other: '１４' },
    { of: 'a letter outside the basic plane', one: '\u{1f393}', other: '\u{1f394}' },
  ])('S14: third-party IDs that differ in $of are two users', async ({ one, other }) => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id: first } = await t.world.userOf(caller, { thirdPartyId: [code, one] });
    expect(await named(`${code}/${encodeURIComponent(other)}`)).toBe('unknown_user');
    const { id: second } = await t.world.userOf(caller, { thirdPartyId: [code, other] });
    expect(await named(`${code}/${encodeURIComponent(one)}`)).toBe(first);
    expect(await named(`${code}/${encodeURIComponent(other)}`)).toBe(second);
  });
});

describe('e-mail addresses', () => {
  it.each([
    { of: 'case', stored: 'Noor.#@Academy.example', given: 'nOOR.#@ACADEMY.EXAMPLE' },
    {
      of: 'case outside ASCII',
      stored: 'Zoë.Ñu.Żak.ИВАН.#@academy.example',
      given: 'zoË.ñU.żAK.иван.#@academy.example',
    },
    {
      of: 'the composition of letters',
      stored: 'zo\u00eb.#@m\u00fcller.example',
      given: 'zoe\u0308.#@mu\u0308ller.example',
    },
    {
      of: 'the decomposition of letters',
      stored: 'zoe\u0308.#@mu\u0308ller.example',
      given: 'zo\u00eb.#@m\u00fcller.example',
    },
    {
      of: 'the order of combining marks',
      stored: 'a\u0323\u0302.#@academy.example',
      given: 'a\u0302\u0323.#@academy.example',
    },
    { of: 'composition and case', stored: 'ZO\u00cb.#@academy.example', given: 'zoe\u0308.#@academy.example' },
    {
      of: 'the sign of a unit that is a letter outside ASCII',
      stored: 'kelvin.\u00e5.#@academy.example',
      given: 'kelvin.\u212b.#@academy.example',
    },
    {
      of: 'case, where only the small letter has a composed form',
      stored: '\u01f0an.#@academy.example',
      given: 'J\u030cAN.#@academy.example',
    },
    {
      of: 'case, where only the small letter has a composed form, the other way round',
      stored: 'J\u030cAN.#@academy.example',
      given: '\u01f0an.#@academy.example',
    },
    {
      of: 'case and two marks, where only the small letter has a composed form',
      stored: '\u0390.#@academy.example',
      given: '\u03aa\u0301.#@academy.example',
    },
    { of: 'a space behind it', stored: 'noor.#@academy.example', given: 'noor.#@academy.example ' },
    {
      of: 'zero-width spaces around it',
      stored: 'noor.#@academy.example',
      given: '\u200bnoor.#@academy.example\u200b',
    },
    {
      of: 'marks around it',
      stored: 'noor.#@academy.example',
      given: '\ufeff\u2060noor.#@academy.example\u200e\u00a0',
    },
    { of: 'the ASCII form of the domain', stored: 'noor.#@m\u00fcller.example', given: 'noor.#@XN--Mller-kva.example' },
    {
      of: 'the Unicode form of the domain',
      stored: 'noor.#@xn--mller-kva.example',
      given: 'noor.#@M\u00dcLLER.example',
    },
    { of: 'the stops of the domain', stored: 'noor.#@m\u00fcller.example', given: 'noor.#@m\u00fcller\uff0eexample' },
  ])('S14: an address that differs in $of names the same user', async ({ stored, given }) => {
    const text = newId().toLowerCase();
    const { id } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(unique(stored, text)) });
    expect(await named(encodeURIComponent(unique(given, text)))).toBe(id);
  });

  it.each([
    'Noor.#@Academy.example',
    'J\u030cAN.#@academy.example',
    '\u1e96.H\u0331.#@academy.example',
    '\u03aa\u0301.#@academy.example',
    '\u0130.#@academy.example',
    'noor.#@XN--Mller-kva.example',
  ])('S14: the form of %s that is stored and shown names the user, too', async (pattern) => {
    const stored = normalizeEmailAddress(unique(pattern, newId().toLowerCase()));
    const { id } = await t.world.userOf(caller, { emailAddress: stored });
    expect(await named(encodeURIComponent(stored))).toBe(id);
  });

  it.each([
    { of: 'a plus-tag', one: 'noor.#@academy.example', other: 'noor.#+x@academy.example' },
    { of: 'a dot', one: 'noor.#@academy.example', other: 'no.or.#@academy.example' },
    { of: 'a dot behind the domain', one: 'noor.#@academy.example', other: 'noor.#@academy.example.' },
    { of: 'a sub-domain', one: 'noor.#@academy.example', other: 'noor.#@mail.academy.example' },
    { of: 'a Cyrillic а', one: 'anna.#@academy.example', other: '\u0430nna.#@academy.example' },
    { of: 'a Cyrillic А in upper case', one: 'anna.#@academy.example', other: '\u0410NNA.#@academy.example' },
    { of: 'a Greek ο', one: 'noor.#@academy.example', other: 'n\u03bfor.#@academy.example' },
    { of: 'a Cyrillic а in the domain', one: 'noor.#@academy.example', other: 'noor.#@\u0430cademy.example' },
    { of: 'a full-width letter', one: 'noor.#@academy.example', other: '\uff4eoor.#@academy.example' },
    { of: 'a ligature', one: 'fien.#@academy.example', other: '\ufb01en.#@academy.example' },
    { of: 'the Kelvin sign', one: 'kim.#@academy.example', other: '\u212aim.#@academy.example' },
    { of: 'a long s', one: 'sam.#@academy.example', other: '\u017fam.#@academy.example' },
    { of: 'a dotless ı', one: 'mia.#@academy.example', other: 'm\u0131a.#@academy.example' },
    { of: 'a dotted İ in upper case', one: 'mia.#@academy.example', other: 'm\u0130a.#@academy.example' },
    { of: 'ß and ss', one: 'strasse.#@academy.example', other: 'stra\u00dfe.#@academy.example' },
    { of: 'an accent', one: 'zoe.#@academy.example', other: 'zo\u00eb.#@academy.example' },
    { of: 'a zero-width joiner', one: 'noor.#@academy.example', other: 'no\u200dor.#@academy.example' },
    { of: 'quotes', one: 'noor.#@academy.example', other: '"noor.#"@academy.example' },
    { of: 'a comment', one: 'noor.#@academy.example', other: 'noor.#(x)@academy.example' },
    { of: 'a second address', one: 'noor.#@academy.example', other: 'noor.#@academy.example,x@elsewhere.example' },
    { of: 'an address in brackets', one: 'noor.#@academy.example', other: 'Noor <noor.#@academy.example>' },
  ])('S14: addresses that differ in $of are two users', async ({ one, other }) => {
    const text = newId().toLowerCase();
    const [first, second] = [unique(one, text), unique(other, text)];
    const { id: firstId } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(first) });
    expect(await named(encodeURIComponent(second))).toBe('unknown_user');
    const { id: secondId } = await t.world.userOf(caller, { emailAddress: normalizeEmailAddress(second) });
    expect([await named(encodeURIComponent(first)), await named(encodeURIComponent(second))]).toEqual([
      firstId,
      secondId,
    ]);
  });

  it('S14: an address belongs to one account', async () => {
    const address = normalizeEmailAddress(`Noor.${newId()}@academy.example`);
    const { id } = await t.world.userOf(caller, { emailAddress: address });
    await expect(t.world.user({ emailAddress: normalizeEmailAddress(address.toUpperCase()) })).rejects.toThrow(
      /unique/i,
    );
    expect(await named(address)).toBe(id);
  });

  it('S14: a third-party ID belongs to one account', async () => {
    const code = await t.world.thirdParty(caller.organizationId);
    const { id } = await t.world.userOf(caller, { thirdPartyId: [code, '4711'] });
    await expect(t.world.user({ thirdPartyId: [code, '4711'] })).rejects.toThrow(/unique/i);
    expect(await named(`${code}/4711`)).toBe(id);
  });
});

/** `#` stands for a text that no other test has. */
function unique(pattern: string, text: string): string {
  return pattern.replace('#', text);
}

/** Whom the access call takes `reference` for, or the ID of its error. */
async function named(reference: string): Promise<string> {
  const { body } = await raw(t.url, `${API}/access/${reference}`, {
    headers: { authorization: `Bearer ${caller.token}` },
  });
  return body.token ? new JwtService().decode<{ sub: string }>(body.token).sub : body.id;
}

/** With the first letter in two bytes, as a careless decoder takes it. */
function overlong(text: string): string {
  const code = text.charCodeAt(0);
  const bytes = [0xc0 + (code >> 6), 0x80 + (code & 0x3f)];
  return bytes.map((byte) => `%${byte.toString(16)}`).join('') + text.slice(1);
}

function fullWidth(text: string): string {
  return encodeURIComponent([...text].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)).join(''));
}
