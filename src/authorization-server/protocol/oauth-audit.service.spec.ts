import { expect, it } from '@jest/globals';
import { errors } from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isReplay } from './oauth-audit.service.js';
import { UsedBefore } from './used-before.js';

function answerTo(grant: string | undefined, state: object): KoaContextWithOIDC {
  return { oidc: { params: { grant_type: grant } }, state } as unknown as KoaContextWithOIDC;
}

const refusal = new errors.InvalidGrant('in whatever words');

it.each(['authorization_code', 'refresh_token'])(
  'a refused %s is a replay if the engine revoked the grant',
  (grant) => {
    expect(isReplay(answerTo(grant, { refusal, hasRevokedGrant: true }))).toBe(true);
    expect(isReplay(answerTo(grant, { refusal: new UsedBefore('in whatever words') }))).toBe(true);
  },
);

it.each([
  {
    of: 'what says so in English',
    grant: 'refresh_token',
    state: { refusal: new errors.InvalidGrant('already used') },
  },
  {
    of: 'the assertion of a client',
    grant: 'refresh_token',
    state: { refusal: new errors.InvalidClientAuth('used before') },
  },
  { of: 'what was not refused', grant: 'refresh_token', state: { hasRevokedGrant: true } },
  { of: 'another grant', grant: 'client_credentials', state: { refusal, hasRevokedGrant: true } },
  { of: 'a revocation', grant: undefined, state: { refusal, hasRevokedGrant: true } },
])('there is no replay of $of', ({ grant, state }) => {
  expect(isReplay(answerTo(grant, state))).toBe(false);
});
