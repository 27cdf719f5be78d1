import { domainToASCII, domainToUnicode } from 'node:url';
import { isEmail } from 'class-validator';
import { DomainError } from './errors/errors.js';

/**
 * How a caller names a user (docs/api.md, section 2.6). The form alone decides what a reference is, in this
 * order: `self`; `CODE$ID` or `CODE/ID`, a third-party ID; something with an `@`, an e-mail address;
 * anything else, a user ID. So one text never names two users.
 */
export type UserRef =
  { by: 'self' } | { by: 'id'; id: string } | { by: 'emailAddress'; address: string } | ThirdPartyIdRef;

/** A reference that means the same whoever says it. */
export type NamingRef = Exclude<UserRef, { by: 'self' }>;

export interface ThirdPartyIdRef {
  by: 'thirdPartyId';
  thirdParty: string;
  id: string;
}

/** The reference in the words of somebody else than `caller`. */
export function toNamingRef(caller: { userId: string }, ref: UserRef): NamingRef {
  return ref.by === 'self' ? { by: 'id', id: caller.userId } : ref;
}

const THIRD_PARTY_CODE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** RFC 5321, section 4.5.3.1.3, less the angle brackets. */
const MAX_EMAIL_ADDRESS = 254;
export const MAX_THIRD_PARTY_ID = 255;
const MAX_ID = 64;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
/** Without the lookbehind, the search for the end would begin anew at each of many blanks. */
const INVISIBLE_AROUND =
  /^[\s\p{Default_Ignorable_Code_Point}]+|(?<![\s\p{Default_Ignorable_Code_Point}])[\s\p{Default_Ignorable_Code_Point}]+$/gu;
/** What would end or change a host name in a URL. */
const NOT_DOMAIN = /[\s%/?#@:\\[\]<>^|]/;
/** Control characters, NUL among them, and halves of surrogate pairs are in no reference. */
const NOT_TEXT = /[\p{Cc}\p{Cs}]/u;

/** @throws DomainError `missing_field` */
export function parseUserRef(text: string | undefined): UserRef {
  const reference = requireText(text, MAX_THIRD_PARTY_ID + 65);
  if (reference === 'self') return { by: 'self' };
  const dollar = reference.indexOf('$');
  if (dollar >= 0) return thirdPartyRef(reference.slice(0, dollar), reference.slice(dollar + 1));
  if (reference.includes('@'))
    return { by: 'emailAddress', address: normalizeEmailAddress(requireText(reference, MAX_EMAIL_ADDRESS)) };
  return { by: 'id', id: requireText(reference, MAX_ID) };
}

export function isThirdPartyCode(text: string): boolean {
  return THIRD_PARTY_CODE.test(text);
}

/** @throws DomainError `missing_field` */
export function thirdPartyRef(thirdParty: string | undefined, id: string | undefined): ThirdPartyIdRef {
  if (!thirdParty || !isThirdPartyCode(thirdParty))
    throw new DomainError('missing_field', 'The third-party code is missing or malformed.');
  return { by: 'thirdPartyId', thirdParty, id: requireText(id, MAX_THIRD_PARTY_ID) };
}

/**
 * A third-party ID that is what a call is about, not a way to name a user: given as `CODE$ID`, or in two parts.
 *
 * @throws DomainError `invalid_third_party_id`
 */
export function parseThirdPartyId(given: string | { thirdParty?: string | null; id?: string | null }): ThirdPartyIdRef {
  try {
    if (typeof given !== 'string') return thirdPartyRef(given.thirdParty ?? undefined, given.id ?? undefined);
    const ref = parseUserRef(given);
    if (ref.by === 'thirdPartyId') return ref;
  } catch {
    // What is wrong with it is the same for the caller.
  }
  throw new DomainError('invalid_third_party_id');
}

/** The Kelvin sign, the Greek question mark and a Greek accent: all that composing would make ASCII of. */
const BECOMES_ASCII = /([\u212a\u037e\u1fef])/u;

/**
 * The form in which addresses are compared: case is ignored in the whole address, composed and
 * decomposed letters are the same, an internationalized domain and its `xn--` form are one, and what can't be seen
 * around an address is no part of it. Everything else, also `+tag`, tells two addresses apart, and before the `@` no
 * character outside ASCII is one of ASCII.
 */
export function normalizeEmailAddress(address: string): string {
  const visible = address.replace(INVISIBLE_AROUND, '');
  const at = visible.lastIndexOf('@') + 1;
  return foldLocalPart(visible.slice(0, at)) + unicodeDomain(fold(visible.slice(at)));
}

function foldLocalPart(text: string): string {
  return text
    .split(BECOMES_ASCII)
    .map((part) => (BECOMES_ASCII.test(part) ? part : fold(part)))
    .join('');
}

function fold(text: string): string {
  // Composed again in the end: some capital letters have a composed form only when they are small.
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

/** Whether it can be the address of an account, in the form in which addresses are compared. */
export function isEmailAddress(address: unknown): boolean {
  return isEmail(address) && (address as string).length <= MAX_EMAIL_ADDRESS && !INVISIBLE.test(address as string);
}

/**
 * As it is read, if it is one that IDNA knows (UTS #46) and what is read means the same domain; in ASCII otherwise. A label can
 * be an encoding of what looks like an encoding.
 */
function unicodeDomain(domain: string): string {
  if (!/[^\0-\x7f]|(?:^|\.)xn--/.test(domain) || NOT_DOMAIN.test(domain)) return domain;
  const ascii = domainToASCII(domain);
  const unicode = domainToUnicode(ascii);
  return domainToASCII(unicode) === ascii ? unicode || domain : ascii;
}

function requireText(text: string | undefined, maxLength: number): string {
  if (text === undefined || text.trim() === '') throw new DomainError('missing_field');
  if (NOT_TEXT.test(text) || [...text].length > maxLength)
    throw new DomainError('missing_field', 'The user reference is malformed or too long.');
  return text;
}
