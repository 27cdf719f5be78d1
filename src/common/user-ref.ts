import { domainToASCII, domainToUnicode } from 'node:url';
import { isEmail } from 'class-validator';
import { DomainError } from './errors/errors.js';

/**
 * How a caller names a user (docs/api.md, section 2.6). The form alone decides, in this order: `self`; `CODE$ID` or
 * `CODE/ID` is a third-party ID; a text with an `@` is an e-mail address; any other text is a user ID. So one text
 * never names two users.
 */
export type UserRef =
  { by: 'self' } | { by: 'id'; id: string } | { by: 'emailAddress'; address: string } | ThirdPartyIdRef;

/** A reference whose meaning does not depend on the caller. */
export type NamingRef = Exclude<UserRef, { by: 'self' }>;

export interface ThirdPartyIdRef {
  by: 'thirdPartyId';
  thirdParty: string;
  id: string;
}

/** Replaces `self` with the caller's user ID. */
export function toNamingRef(caller: { userId: string }, ref: UserRef): NamingRef {
  return ref.by === 'self' ? { by: 'id', id: caller.userId } : ref;
}

const THIRD_PARTY_CODE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** RFC 5321, section 4.5.3.1.3, without the angle brackets. */
const MAX_EMAIL_ADDRESS = 254;
export const MAX_THIRD_PARTY_ID = 255;
const MAX_ID = 64;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
/**
 * Invisible characters around an address. Without the lookbehind, the search for the end would start again at each
 * blank.
 */
const INVISIBLE_AROUND =
  /^[\s\p{Default_Ignorable_Code_Point}]+|(?<![\s\p{Default_Ignorable_Code_Point}])[\s\p{Default_Ignorable_Code_Point}]+$/gu;
/** Characters that would end or change a host name in a URL. */
const NOT_DOMAIN = /[\s%/?#@:\\[\]<>^|]/;
/** Control characters (with NUL) and lone surrogates: no reference contains any. */
const NOT_TEXT = /[\p{Cc}\p{Cs}]/u;

/** Reads a user reference (docs/api.md, section 2.6). @throws DomainError `missing_field` */
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

/** A reference from the two parts of a third-party ID. @throws DomainError `missing_field` */
export function thirdPartyRef(thirdParty: string | undefined, id: string | undefined): ThirdPartyIdRef {
  if (!thirdParty || !isThirdPartyCode(thirdParty))
    throw new DomainError('missing_field', 'The third-party code is missing or malformed.');
  return { by: 'thirdPartyId', thirdParty, id: requireText(id, MAX_THIRD_PARTY_ID) };
}

/**
 * Reads a third-party ID that is the subject of a call, not a way to name a user. It is given as `CODE$ID` or as two
 * parts.
 *
 * @throws DomainError `invalid_third_party_id`
 */
export function parseThirdPartyId(given: string | { thirdParty?: string | null; id?: string | null }): ThirdPartyIdRef {
  try {
    if (typeof given !== 'string') return thirdPartyRef(given.thirdParty ?? undefined, given.id ?? undefined);
    const ref = parseUserRef(given);
    if (ref.by === 'thirdPartyId') return ref;
  } catch {
    // The caller gets the same error for every fault.
  }
  throw new DomainError('invalid_third_party_id');
}

/** The Kelvin sign, the Greek question mark and a Greek accent: the only characters that NFC turns into ASCII. */
const BECOMES_ASCII = /([\u212a\u037e\u1fef])/u;

/**
 * The form in which e-mail addresses are compared. It ignores case in the whole address, and invisible characters
 * around it. Composed and decomposed letters are equal, and so are an internationalized domain and its `xn--` form.
 * Everything else distinguishes two addresses, also `+tag`. Before the `@`, a character outside ASCII never equals one
 * in ASCII.
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
  // Compose again after lower-casing: some letters have a composed form in lower case only.
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

/** Whether a value is an e-mail address in the normalized form that accounts are stored with. */
export function isEmailAddress(address: unknown): boolean {
  return isEmail(address) && (address as string).length <= MAX_EMAIL_ADDRESS && !INVISIBLE.test(address as string);
}

/**
 * The Unicode form of a domain if IDNA accepts it (UTS #46) and it maps back to the same domain; the ASCII form
 * otherwise. The check is needed because a label can decode to something that looks encoded itself.
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
