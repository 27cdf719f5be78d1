import { toIso } from '../common/clock.js';
import { showPeriod } from '../rights/period.js';
import type { Membership } from '../schema/entities/membership.entity.js';
import type { ShownMembershipDto } from './dto/membership.dto.js';

/** A membership or invitation as the API shows it. Somebody who has joined is no longer shown as invited. */
export function showMembership(membership: Membership): ShownMembershipDto {
  const { status, joinedAt, invitedAt } = membership;
  return {
    joined: joinedAt ? toIso(joinedAt) : undefined,
    invited: joinedAt || !invitedAt ? undefined : toIso(invitedAt),
    status,
    ...showPeriod(membership),
  };
}
