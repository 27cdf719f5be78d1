import type { ThirdPartyIdDto } from './dto/user.dto.js';

/** The third-party IDs of a user as one text, from rows `t` of `third_party_ids`. `readThirdPartyIds` reads it. */
export const THIRD_PARTY_IDS = `string_agg(t."third_party" || '$' || t."external_id", '\n' ORDER BY t."third_party")`;

export function readThirdPartyIds(text: string | null): ThirdPartyIdDto[] {
  return (text?.split('\n') ?? []).map((line) => {
    const end = line.indexOf('$');
    return { thirdParty: line.slice(0, end), id: line.slice(end + 1) };
  });
}
