/** How a claim refers to an account. */
export const ACCOUNT_REFERENCES = ['id', 'emailAddress', 'thirdPartyId'] as const;

/** Another authorization server whose access tokens are accepted: one object of OAUTH_ISSUERS. */
export interface TrustedIssuer {
  /** The `iss` of its tokens, compared letter by letter. */
  issuer: string;
  /** The `aud` of its tokens that are for this service. */
  audience: string;
  /** One of our clients. Its organization manages the accounts that may call with the issuer's tokens. */
  clientId: string;
  account: (typeof ACCOUNT_REFERENCES)[number];
  /** The claim that names the account. */
  claim: string;
  /** The third party whose IDs the claim contains. */
  thirdParty?: string;
  /** The issuer's scope that corresponds to `ROLE_USER`. */
  scope: string;
}

/** More issuers than this are taken for a mistake. */
const MAX_ISSUERS = 100;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
const MEMBERS = new Set(['issuer', 'audience', 'clientId', 'account', 'claim', 'thirdParty', 'scope']);

/** For each string member: its form, whether it is required, and the description of the fault. */
const FORMS: [name: keyof TrustedIssuer, form: RegExp, isRequired: boolean, fault: string][] = [
  ['audience', /^[^\p{Cc}]{1,1024}$/u, true, 'the aud of the tokens that are for Latchkey'],
  ['clientId', /^[0-9a-f]{32}$/, true, 'the ID of a client of Latchkey, 32 lower-case hex characters'],
  ['account', /^(id|emailAddress|thirdPartyId)$/, true, 'id, emailAddress or thirdPartyId'],
  ['claim', /^[^\p{Cc}]{1,255}$/u, false, 'the name of a claim'],
  ['thirdParty', /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, false, 'the code of a third party'],
  ['scope', /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/, false, 'one scope, without spaces'],
];

/** Whether keys may be fetched from a URL: https, or in development a server on the same machine. */
export function isTrustworthyUrl(text: unknown, isProduction: boolean): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username || password || hash) return false;
  return protocol === 'https:' || (protocol === 'http:' && !isProduction && LOOPBACK.test(hostname));
}

/** Reads OAUTH_ISSUERS, and adds the faults that it finds to `faults`. */
export function readTrustedIssuers(text: string, isProduction: boolean, faults: string[]): TrustedIssuer[] {
  const list = parseList(text);
  if (!list) {
    faults.push(`OAUTH_ISSUERS must be a JSON array of at most ${MAX_ISSUERS} objects`);
    return [];
  }
  const found = list.flatMap((one, index) =>
    faultsOf(one, isProduction).map((fault) => `OAUTH_ISSUERS[${index}]: ${fault}`),
  );
  const names = list.map(({ issuer }) => issuer);
  if (new Set(names).size < names.length) found.push('OAUTH_ISSUERS names an issuer twice');
  faults.push(...found);
  return found.length > 0 ? [] : list.map(complete);
}

function parseList(text: string): Record<string, unknown>[] | null {
  try {
    const list: unknown = JSON.parse(text);
    const isList = Array.isArray(list) && list.length <= MAX_ISSUERS;
    return isList && list.every((one) => typeof one === 'object' && one !== null && !Array.isArray(one)) ? list : null;
  } catch {
    return null;
  }
}

function faultsOf(one: Record<string, unknown>, isProduction: boolean): string[] {
  const faults = Object.keys(one)
    .filter((name) => !MEMBERS.has(name))
    .map((name) => `${JSON.stringify(name)} is not a member of it`);
  // RFC 8414, section 2: an issuer has no query and no fragment.
  if (!isTrustworthyUrl(one.issuer, isProduction) || one.issuer.includes('?'))
    faults.push(
      `issuer must be an https URL without query or fragment${isProduction ? '' : ', or http on this machine'}`,
    );
  for (const [name, form, isRequired, fault] of FORMS) {
    const value = one[name];
    if (value === undefined ? isRequired : typeof value !== 'string' || !form.test(value))
      faults.push(`${name} must be ${fault}`);
  }
  if ((one.account === 'thirdPartyId') !== (one.thirdParty !== undefined))
    faults.push('thirdParty must be given if account is thirdPartyId, and only then');
  return faults;
}

function complete(one: Record<string, unknown>): TrustedIssuer {
  const claim = one.account === 'emailAddress' ? 'email' : 'sub';
  return { claim, scope: 'ROLE_USER', ...one } as TrustedIssuer;
}
